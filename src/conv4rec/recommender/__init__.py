"""Conv4Rec: fit, recommend, predict, profile, save, load."""

from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.people import Histories
from conv4rec.recommender.profile import Profile

__all__ = ["Conv4Rec", "Histories", "Profile"]
