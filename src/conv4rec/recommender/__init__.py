"""Conv4Rec: fit, recommend, predict, profile, save, load."""

from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.profile import Profile
from conv4rec.recommender.user_histories import Histories

__all__ = ["Conv4Rec", "Histories", "Profile"]
