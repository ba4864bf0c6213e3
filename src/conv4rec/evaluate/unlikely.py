"""Of what people would hardly have picked, does a model know what they liked?"""

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
"""Of the NDCG."""


@dataclass(frozen=True, eq=False)
class UnlikelyPairs:
    """How well a model orders the rated test pairs outside people's likeliest picks.

    See `evaluate_unlikely`.
    """

    users: IntArray
    liked: BoolArray
    scores: FloatArray
    auc: float | None
    """Chance that a liked pair scores above one that is not, over all pairs."""
    auc_within: float | None
    """The same among each user's own pairs, mean over users who liked some and not others: knowing
    who is generous does not help."""
    ndcg: float | None
    """NDCG@10 of each user's own pairs, the liked ones relevant, mean over users who liked any."""
    within: FloatArray
    gain: FloatArray
    """AUC and NDCG of each user with a pair, in order of users; NaN where there is none."""

    def to_dict(self) -> dict[str, float | None]:
        """For a record."""
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
    """Judge scores by the rated test pairs outside each person's likeliest picks.

    Which pairs those are is told by one ranking for all models that are compared: our own
    P(consume), or one that no model had a hand in (`Propensity`).

    Args:
        scores: P(like), or expected ratings, of the rated test pairs.
        liked: Whether each was liked.
        users: Whose pair it is.
        ranks: The place of its item among the person's picks, from 1.
        beyond: Pairs of a place above this one count.
    """
    far = np.asarray(ranks) > beyond
    scores, liked, users = np.asarray(scores)[far], np.asarray(liked)[far], np.asarray(users)[far]
    order = np.argsort(users, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(users[order])) + 1) if len(order) else []
    within = np.array([auc(scores[own], liked[own]) for own in parts])
    gain = np.array([_ndcg(scores[own], liked[own]) for own in parts])
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
    """First minus second for every figure that both have, with 95% intervals over users.

    Raises:
        SettingError: They were not judged on the same pairs.
    """
    if not (
        np.array_equal(first.users, second.users) and np.array_equal(first.liked, second.liked)
    ):
        raise SettingError("the models were judged on different pairs: give both the same ranks")
    found = {}
    if first.auc is not None:
        found["auc"] = auc_bootstrap(first.scores, first.liked, first.users, second.scores)
    if first.auc_within is not None:
        found["auc_within"] = paired_bootstrap(first.within, second.within)
    if first.ndcg is not None:
        found[f"ndcg@{CUTOFF}"] = paired_bootstrap(first.gain, second.gain)
    return found


def _ndcg(scores: FloatArray, liked: BoolArray) -> float:
    """Of one user. Equal scores stay in the order of the pairs, for every model alike."""
    first = np.argsort(-scores, kind="stable")[:CUTOFF]
    hits = np.zeros((1, CUTOFF), dtype=bool)
    hits[0, : len(first)] = liked[first]
    return float(ranking.ndcg(hits, np.array([liked.sum()]))[0])


def _mean(values: FloatArray) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmean(values))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
