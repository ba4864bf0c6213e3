"""How well a model ranks likes among the items that people were unlikely to consume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.evaluate import ranking
from conv4rec.evaluate.calibration import auc
from conv4rec.evaluate.resample import auc_bootstrap
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray
from conv4rec.evaluate.uncertainty import Difference, paired_bootstrap

CUTOFF = 10
"""Cut-off of the NDCG."""


@dataclass(frozen=True, eq=False)
class UnlikelyPairs:
    """Metrics of a model on the rated test pairs with a high consume rank."""

    users: IntArray
    liked: BoolArray
    scores: FloatArray
    auc: float | None
    """AUC over all pairs."""
    auc_within: float | None
    """AUC of each user's own pairs, mean over users who liked some and not others. It does not
    rise with a better estimate of how generous each user is."""
    ndcg: float | None
    """NDCG@10 of each user's own pairs, the liked ones relevant; mean over users who liked any."""
    within: FloatArray
    gain: FloatArray
    """AUC and NDCG of each user with a pair, in order of users; NaN where undefined."""

    def to_dict(self) -> dict[str, float | None]:
        """The metrics by name, without the per-user arrays."""
        return {
            "pairs": len(self.users),
            "people": len(self.within),
            "liked": float(self.liked.mean()) if len(self.liked) else None,
            "auc": self.auc,
            "auc_within": self.auc_within,
            f"ndcg@{CUTOFF}": self.ndcg,
        }


def evaluate_unlikely(
    scores: FloatArray, liked: BoolArray, users: IntArray, ranks: IntArray, beyond: int = 100
) -> UnlikelyPairs:
    """Measure scores on the rated test pairs with a consume rank above `beyond`.

    Use the same consume ranks for all models that are compared: those of one model, or those of
    `Propensity`, which no compared model defines.

    Args:
        scores: P(like), or expected ratings, of the rated test pairs.
        liked: Whether each pair is liked.
        users: User of each pair.
        ranks: Consume rank of each pair, from 1.
        beyond: Pairs with a rank above this number count.
    """
    far = np.asarray(ranks) > beyond
    scores, liked, users = np.asarray(scores)[far], np.asarray(liked)[far], np.asarray(users)[far]
    order = np.argsort(users, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(users[order])) + 1) if len(order) else []
    within = np.array([auc(scores[own], liked[own]) for own in parts])
    gain = np.array([ndcg_of_pairs(scores[own], liked[own]) for own in parts])
    return UnlikelyPairs(
        users=users,
        liked=liked,
        scores=scores,
        auc=_known(auc(scores, liked)) if len(liked) else None,
        auc_within=_mean(within),
        ndcg=_mean(gain),
        within=within,
        gain=gain,
    )


def compare_unlikely(first: UnlikelyPairs, second: UnlikelyPairs) -> dict[str, Difference]:
    """First minus second for each metric that both have, with 95% intervals over users.

    Raises:
        SettingError: They were not measured on the same pairs.
    """
    if not (
        np.array_equal(first.users, second.users) and np.array_equal(first.liked, second.liked)
    ):
        raise SettingError("the models were measured on different pairs: give both the same ranks")
    found = {}
    if first.auc is not None:
        found["auc"] = auc_bootstrap(first.scores, first.liked, first.users, second.scores)
    if first.auc_within is not None:
        found["auc_within"] = paired_bootstrap(first.within, second.within)
    if first.ndcg is not None:
        found[f"ndcg@{CUTOFF}"] = paired_bootstrap(first.gain, second.gain)
    return found


def ndcg_of_pairs(scores: FloatArray, liked: BoolArray, cutoff: int = CUTOFF) -> float:
    """NDCG of one user's pairs, the liked ones relevant; equal scores keep the order of pairs."""
    first = np.argsort(-scores, kind="stable")[:cutoff]
    hits = np.zeros((1, cutoff), dtype=bool)
    hits[0, : len(first)] = liked[first]
    return float(ranking.ndcg(hits, np.array([liked.sum()]))[0])


def _mean(values: FloatArray) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmean(values))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
