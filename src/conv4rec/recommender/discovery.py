"""Discoveries: items novel to a user, liked with confidence, and liked more than by others."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.evaluate.consume_ranks import consume_ranks

MEDIAN = "median"
NOVELTY = 0.9
"""Probability that the user would miss a discovery within as many interactions again as the history
has."""
FEWEST_CONSUMED, MOST_CONSUMED = 10, 100
"""How many interactions again any user is assumed to make, at least and at most."""
HEAD = 0.2
"""Share of all interactions that the short head takes: the few most popular items (a third in
Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-N recommendation tasks",
RecSys 2010, which leaves fewer ratings for the other items)."""
CONFIDENCE = 0.8
"""Uncertainty counts against an item; with a higher value fewer true discoveries are listed in
synthetic worlds."""
LIKELIER_THAN_NOT = 0.5
SORTED_FROM = 100  # ranks asked of a row: then sorting all is faster than counting for each
RANK_ERROR = 0.5
"""The standard error of an item's rank by P(consume), in normal scores: half a standard deviation.
In synthetic worlds (`selective_world`) that of log P(consume) is 0.7 to 0.8 of its spread at 20 or
30 interactions a user, 0.6 at 50, and 0.3 to 0.5 at 100 or 200."""


@dataclass(frozen=True)
class DiscoveryCriteria:
    """What counts as a discovery (the arguments of `Conv4Rec.recommend`).

    Raises:
        SettingError: A value is out of range.
    """

    novelty: str | float = NOVELTY
    """A probability to miss the item, a rank N that it lies beyond, or "median"."""
    confidence: float = CONFIDENCE
    """Discoveries are ranked by what P(like) exceeds with this probability."""
    min_p_like: float | None = None
    """P(like) is at least this. None: at least the user's mean P(like) over what they consume next,
    or one half if that is less; and more than that of others, apart from generosity."""

    def __post_init__(self) -> None:
        self._check_novelty()
        check_confidence(self.confidence)
        least = self.min_p_like
        if least is not None and not (_is_number(least) and 0 <= least <= 1):
            raise SettingError(f"min_p_like must be a probability from 0 to 1; got {least!r}")

    def _check_novelty(self) -> None:
        given = self.novelty
        whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool) and given >= 0
        share = isinstance(given, (float, np.floating)) and 0 < given < 1
        if not (whole or share or (isinstance(given, str) and given == MEDIAN)):
            raise SettingError(
                "novelty must be a probability between 0 and 1, 'median', or a whole number N of "
                f"at least 0, for items outside the N likeliest; got {given!r}"
            )

    @property
    def why(self) -> str:
        """What is required of a discovery, in words."""
        return f"only items {self._novel}, {self._liked}, are discoveries"

    @property
    def _novel(self) -> str:
        if self.novelty == MEDIAN:
            return f"below a user's median P(consume) (confidence={self.confidence:g})"
        if isinstance(self.novelty, (int, np.integer)):
            return f"outside a user's {self.novelty:,} likeliest"
        return f"that a user would miss with a probability of at least {self.novelty:g}"

    @property
    def _liked(self) -> str:
        if self.min_p_like is None:
            return "liked more than by others and no less than what the user consumes next"
        return f"with P(like) of at least {self.min_p_like:g}"

    def novel(
        self, log_p_consume: np.ndarray, n_consumed: np.ndarray, head: np.ndarray
    ) -> np.ndarray:
        """Which items are novel to a user: rows x items; none of the history.

        Args:
            log_p_consume: rows x items; -inf at the items of the history.
            n_consumed: rows; how long each history is.
            head: items, bool; the most popular items (`short_head`).
        """
        unseen = np.isfinite(log_p_consume)
        if isinstance(self.novelty, (int, np.integer)):
            return (consume_ranks(log_p_consume) > int(self.novelty)) & unseen
        limit = self.median_limit(log_p_consume)
        if self.novelty == MEDIAN:
            return (log_p_consume < limit) & unseen
        limit = np.maximum(limit, self._missed_limit(n_consumed)[:, None])
        return (log_p_consume < limit) & unseen & ~head

    def _missed_limit(self, n_consumed: np.ndarray) -> np.ndarray:
        """Log p at which (1 - p)^n, the probability to miss an item n times, is `novelty`."""
        n = np.clip(n_consumed, FEWEST_CONSUMED, MOST_CONSUMED)
        return np.log(-np.expm1(np.log(float(self.novelty)) / n))

    def median_limit(self, log_p_consume: np.ndarray) -> np.ndarray:
        """The log P(consume) below which an item is below the median with confidence: rows x 1.

        It is that of the first item, in ascending order, that is not; -inf where no item is left.
        """
        n_items = log_p_consume.shape[1]
        n_seen = np.isneginf(log_p_consume).sum(1)  # they sort first
        n_left = n_items - n_seen
        share = NormalDist().cdf(-RANK_ERROR * NormalDist().inv_cdf(self.confidence))
        n_below = np.maximum((share * n_left).astype(np.int64), n_left >= 2)
        first = np.minimum(n_seen + n_below, n_items - 1)
        ordered = np.partition(log_p_consume, np.unique(first), axis=1)
        return np.take_along_axis(ordered, first[:, None], axis=1)

    def liked(self, likes: np.ndarray, log_p_consume: np.ndarray, lift: np.ndarray) -> np.ndarray:
        """Which items are liked well enough to be discoveries: rows x items.

        Args:
            likes: rows x items; P(like).
            log_p_consume: rows x items.
            lift: rows x items; by how much their log-odds exceed those of others.
        """
        if self.min_p_like is not None:
            return likes >= self.min_p_like
        return (likes >= self.likes_limit(likes, log_p_consume)[:, None]) & (lift >= 0)

    def likes_limit(self, likes: np.ndarray, log_p_consume: np.ndarray) -> np.ndarray:
        """The P(like) that a discovery has at least, where `min_p_like` does not say it: rows."""
        consumed = np.einsum("ui,ui->u", np.exp(log_p_consume), likes)
        return np.minimum(consumed, LIKELIER_THAN_NOT)


def short_head(counts: np.ndarray) -> np.ndarray:
    """The most consumed items, which together take a share `HEAD` of all interactions: bool.

    >>> short_head(np.array([1, 6, 2, 3])).tolist()
    [False, True, False, False]
    """
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    head = np.zeros(len(counts), dtype=bool)
    head[order] = (before < HEAD * counts.sum()) & (counts[order] > counts.mean())
    return head


def check_confidence(confidence: object) -> None:
    """Raise unless it is a probability from 0.5 up to, not including, 1.

    Raises:
        SettingError: It is not.
    """
    if not (_is_number(confidence) and 0.5 <= float(str(confidence)) < 1):
        raise SettingError(
            f"confidence must be a number from 0.5 up to, not including, 1; got {confidence!r}"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def discovery_columns(
    log_p_consume: np.ndarray, popularity: np.ndarray, rows: np.ndarray, items: np.ndarray
) -> dict[str, Any]:
    """The columns that only discoveries have: see `Conv4Rec.recommend`.

    Args:
        log_p_consume: rows x items; -inf at the items of the history.
        popularity: items; how often each was consumed in training, plus one.
        rows: row of each discovery.
        items: item of each discovery.
    """
    left = np.isfinite(log_p_consume) @ popularity.astype(np.float64)  # outside the history
    share = popularity[items] / np.maximum(left[rows], 1.0)
    return {
        "consume_rank": _ranks_of(log_p_consume, rows, items),
        "popularity_lift": (np.exp(log_p_consume[rows, items]) / share).astype(np.float32),
    }


def _ranks_of(log_p_consume: np.ndarray, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
    """`consume_ranks` of a few items, without sorting all: int32."""
    ranks = np.empty(len(items), dtype=np.int32)
    if len(items) > SORTED_FROM * len(log_p_consume):
        return consume_ranks(log_p_consume)[rows, items].astype(np.int32)
    for place, (row, item) in enumerate(zip(rows.tolist(), items.tolist(), strict=True)):
        own, all_items = log_p_consume[row, item], log_p_consume[row]
        before = np.count_nonzero(all_items > own) + np.count_nonzero(all_items[:item] == own)
        ranks[place] = 1 + before
    return ranks
