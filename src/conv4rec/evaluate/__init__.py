"""Plain NumPy measurements: ranking, rating, calibration, and how sure they are."""

from conv4rec.evaluate.evaluation import Evaluation
from conv4rec.evaluate.gaussian import DiscretisedGaussian
from conv4rec.evaluate.protocol import RANKING_METRICS, evaluate
from conv4rec.evaluate.scorer import Scorer
from conv4rec.evaluate.uncertainty import paired_bootstrap, spread_over_seeds

__all__ = [
    "RANKING_METRICS",
    "DiscretisedGaussian",
    "Evaluation",
    "Scorer",
    "evaluate",
    "paired_bootstrap",
    "spread_over_seeds",
]
