"""Metrics in plain NumPy: ranking, rating, calibration, lists, and their intervals."""

from conv4rec.evaluate.evaluation import Evaluation
from conv4rec.evaluate.event_protocol import EventEvaluation, evaluate_events
from conv4rec.evaluate.event_scorer import EventScorer
from conv4rec.evaluate.gaussian import DiscretisedGaussian
from conv4rec.evaluate.item_lists import ItemLists
from conv4rec.evaluate.list_quality import ListQuality, quality_of_lists
from conv4rec.evaluate.lists import ListsEvaluation, compare_lists, evaluate_lists
from conv4rec.evaluate.off_policy import liked_if_shown
from conv4rec.evaluate.propensity import Propensity
from conv4rec.evaluate.protocol import RANKING_METRICS, evaluate
from conv4rec.evaluate.scorer import Scorer
from conv4rec.evaluate.uncertainty import paired_bootstrap, spread_over_seeds

__all__ = [
    "RANKING_METRICS",
    "DiscretisedGaussian",
    "Evaluation",
    "EventEvaluation",
    "EventScorer",
    "ItemLists",
    "ListQuality",
    "ListsEvaluation",
    "Propensity",
    "Scorer",
    "compare_lists",
    "evaluate",
    "evaluate_events",
    "evaluate_lists",
    "liked_if_shown",
    "paired_bootstrap",
    "quality_of_lists",
    "spread_over_seeds",
]
