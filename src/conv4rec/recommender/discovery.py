"""Finds: what a person would hardly come to alone, surely likes, and likes more than others do."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from conv4rec.errors import SettingError

MEDIAN = "median"
NOVELTY = 0.9
"""Probability that the person would not come to a discovery alone, within as many interactions again
as the history has."""
FEWEST_CONSUMED, MOST_CONSUMED = 10, 100  # that anyone is taken to make
HEAD = 0.2
"""Share of all interactions that the short head takes: the few items that everyone sees anyway (a
third in Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-N recommendation
tasks", RecSys 2010, which leaves less support to what remains)."""
CONFIDENCE = (
    0.8  # some doubt counts against what is listed; with more, less is found in known worlds
)
LIKELIER_THAN_NOT = 0.5
# The standard error of an item's place among those left, in normal scores: half a standard
# deviation. In made-up worlds (`selective_world`) that of log P(consume) is 0.7 to 0.8 of its
# spread at 20 or 30 interactions a person, 0.6 at 50, and 0.3 to 0.5 at 100 or 200.
PLACE_ERROR = 0.5


@dataclass(frozen=True)
class DiscoveryCriteria:
    """What counts as a find.

    Raises:
        SettingError: A value is out of range.
    """

    novelty: str | float = NOVELTY
    """Which items are novel. A probability p: those that the person would miss with at least p
    within as many interactions again as the history has, and that are not in the short head; an item
    surely below the person's median P(consume) always counts, as in a small catalogue everything is
    come to. A whole number N: those outside the N likeliest. "median": those surely below the
    median."""
    confidence: float = CONFIDENCE
    """How surely: what P(like) exceeds with this probability is what finds are ranked by."""
    min_p_like: float | None = None
    """P(like) of a find is at least this. None: at least that of what the person would pick next,
    or one half if that is less; and more than others', generosity aside."""

    def __post_init__(self) -> None:
        self._check_novelty()
        check_confidence(self.confidence)
        least = self.min_p_like
        if least is not None and not (_is_number(least) and 0 <= least <= 1):
            raise SettingError(f"min_p_like is a chance, from 0 to 1; got {least!r}")

    def _check_novelty(self) -> None:
        given = self.novelty
        whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool) and given >= 0
        share = isinstance(given, (float, np.floating)) and 0 < given < 1
        if not (whole or share or (isinstance(given, str) and given == MEDIAN)):
            raise SettingError(
                "novelty is a probability between 0 and 1, 'median', or a whole number N of at least "
                f"0, for items outside the N likeliest; got {given!r}"
            )

    @property
    def why(self) -> str:
        """What is required of a find, in words."""
        return f"only items {self._where}, {self._liked}, are finds"

    @property
    def _where(self) -> str:
        if self.novelty == MEDIAN:
            return f"surely (confidence={self.confidence:g}) below a person's median P(consume)"
        if isinstance(self.novelty, (int, np.integer)):
            return f"outside a person's {self.novelty:,} likeliest picks"
        return f"that a person would miss with a probability of at least {self.novelty:g}"

    @property
    def _liked(self) -> str:
        if self.min_p_like is None:
            return "liked more than by others and no less than what they would pick"
        return f"with P(like) of at least {self.min_p_like:g}"

    def hardly(
        self, probabilities: np.ndarray, n_consumed: np.ndarray, head: np.ndarray
    ) -> np.ndarray:
        """Which items a person would hardly pick: rows x items; none of the history.

        Args:
            chances: rows x items; log P(consume), -inf at the items of the history.
            n_picks: rows; how long each history is.
            head: items, bool; those that everyone sees anyway (`short_head`).
        """
        if isinstance(self.novelty, (int, np.integer)):
            return (consume_ranks(probabilities) > int(self.novelty)) & np.isfinite(probabilities)
        limit, left = self.limit(probabilities), np.isfinite(probabilities)
        if self.novelty == MEDIAN:
            return (probabilities < limit) & left
        limit = np.maximum(limit, self._out_of_reach(n_consumed)[:, None])
        return (probabilities < limit) & left & ~head

    def _out_of_reach(self, n_consumed: np.ndarray) -> np.ndarray:
        """Log p at which (1 - p)^n, the probability to miss an item in n interactions, is `novelty`."""
        n = np.clip(n_consumed, FEWEST_CONSUMED, MOST_CONSUMED)
        return np.log(-np.expm1(np.log(float(self.novelty)) / n))

    def limit(self, probabilities: np.ndarray) -> np.ndarray:
        """The log P(consume) below which an item is surely below the median: rows x 1.

        That of the first item that is not, of items in order; -inf where none is left.
        """
        n_items = probabilities.shape[1]
        n_seen = np.isneginf(probabilities).sum(1)  # they sort first
        n_left = n_items - n_seen
        share = NormalDist().cdf(-PLACE_ERROR * NormalDist().inv_cdf(self.confidence))
        n_below = np.maximum((share * n_left).astype(np.int64), n_left >= 2)
        first = np.minimum(n_seen + n_below, n_items - 1)
        return np.take_along_axis(np.sort(probabilities, axis=1), first[:, None], axis=1)

    def liked(self, likes: np.ndarray, probabilities: np.ndarray, lift: np.ndarray) -> np.ndarray:
        """Which items are liked well enough to be finds: rows x items.

        Args:
            likes: rows x items; P(like).
            chances: rows x items; log P(consume).
            lift: rows x items; by how much their log-odds exceed those of others (see `lists`).
        """
        if self.min_p_like is not None:
            return likes >= self.min_p_like
        picked = np.einsum("ui,ui->u", np.exp(probabilities), likes)
        return (likes >= np.minimum(picked, LIKELIER_THAN_NOT)[:, None]) & (lift >= 0)


def short_head(counts: np.ndarray) -> np.ndarray:
    """The most consumed items, that together take a share `HEAD` of all interactions: bool.

    >>> short_head(np.array([1, 6, 2, 3])).tolist()
    [False, True, False, False]
    """
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    head = np.zeros(len(counts), dtype=bool)
    head[order] = (before < HEAD * counts.sum()) & (counts[order] > counts.mean())
    return head


def check_confidence(confidence: object) -> None:
    """Raise unless it is a chance from 0.5 up to, not including, 1.

    Raises:
        SettingError: It is not.
    """
    if not (_is_number(confidence) and 0.5 <= float(str(confidence)) < 1):
        raise SettingError(f"confidence lies from 0.5 up to, not including, 1; got {confidence!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def discovery_columns(
    probabilities: np.ndarray, popularity: np.ndarray, places: np.ndarray, items: np.ndarray
) -> dict[str, Any]:
    """The columns that only finds have: see `Conv4Rec.recommend`.

    Args:
        chances: rows x items; log P(consume), -inf at the items of the history.
        popularity: items; how often each was consumed in training, and one more.
        places: row of each find.
        items: item of each find.
    """
    left = np.isfinite(probabilities) @ popularity.astype(
        np.float64
    )  # what a person may still pick
    share = popularity[items] / np.maximum(left[places], 1.0)
    return {
        "consume_rank": consume_ranks(probabilities)[places, items].astype(np.int32),
        "popularity_lift": (np.exp(probabilities[places, items]) / share).astype(np.float32),
    }


def consume_ranks(probabilities: np.ndarray) -> np.ndarray:
    """Each item's place among a person's likeliest picks, from 1: rows x items.

    Of equal chances the smaller item id comes first; the history comes last.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranks = np.empty(probabilities.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.arange(1, probabilities.shape[1] + 1)[None], axis=1)
    return ranks
