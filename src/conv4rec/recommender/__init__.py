"""Conv4Rec: fit, recommend, predict, explain, profile, save, load."""

from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.fit_cost import estimate_fit
from conv4rec.recommender.profile import Profile
from conv4rec.recommender.scorer import ConvScorer, as_scorer, evaluate_model
from conv4rec.recommender.user_histories import Users

__all__ = [
    "Conv4Rec",
    "ConvScorer",
    "Profile",
    "Users",
    "as_scorer",
    "estimate_fit",
    "evaluate_model",
]
