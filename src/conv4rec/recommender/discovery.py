"""Finds: what a person would hardly come to alone, surely likes, and likes more than others do."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from conv4rec.errors import SettingError

MEDIAN = "median"
REACH = 0.1
"""A find comes up by itself, within as many picks as the person has made, with less chance."""
FEWEST_PICKS, MOST_PICKS = 10, 100  # that anyone is taken to make
HEAD = 0.2
"""Share of all interactions that the short head takes: the few items that everyone sees anyway (a
third in Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-N recommendation
tasks", RecSys 2010, which leaves less support to what remains)."""
SURE = 0.8  # some doubt counts against what is listed; with more, less is found in known worlds
LIKELIER_THAN_NOT = 0.5
# The standard error of an item's place among those left, in normal scores: half a standard
# deviation. In made-up worlds (`selective_world`) that of log P(consume) is 0.7 to 0.8 of its
# spread at 20 or 30 interactions a person, 0.6 at 50, and 0.3 to 0.5 at 100 or 200.
PLACE_ERROR = 0.5


@dataclass(frozen=True)
class Finds:
    """What counts as a find.

    Raises:
        SettingError: A value is out of range.
    """

    unlikely: str | float = REACH
    """A chance: finds come up by themselves with less, within as many picks as the person has made,
    or are surely below the median (in a small catalogue everything comes up), and are not of the
    short head. A whole number N:
    outside their N likeliest picks. "median": P(consume) surely below the person's median."""
    sure: float = SURE
    """How surely: what P(like) exceeds with this probability is what finds are ranked by."""
    min_p_like: float | None = None
    """P(like) of a find is at least this. None: at least that of what the person would pick next,
    or one half if that is less; and more than others', generosity aside."""

    def __post_init__(self) -> None:
        self._check_unlikely()
        check_sure(self.sure)
        least = self.min_p_like
        if least is not None and not (_is_number(least) and 0 <= least <= 1):
            raise SettingError(f"min_p_like is a chance, from 0 to 1; got {least!r}")

    def _check_unlikely(self) -> None:
        given = self.unlikely
        whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool) and given >= 0
        share = isinstance(given, (float, np.floating)) and 0 < given < 1
        if not (whole or share or (isinstance(given, str) and given == MEDIAN)):
            raise SettingError(
                "unlikely is a chance between 0 and 1, 'median', or a whole number N of at least "
                f"0, for items outside the N likeliest picks; got {given!r}"
            )

    @property
    def why(self) -> str:
        """What is required of a find, in words."""
        return f"only items {self._where}, {self._liked}, are finds"

    @property
    def _where(self) -> str:
        if self.unlikely == MEDIAN:
            return f"surely (sure={self.sure:g}) below a person's median P(consume)"
        if isinstance(self.unlikely, (int, np.integer)):
            return f"outside a person's {self.unlikely:,} likeliest picks"
        return f"that a person comes to alone with a chance below {self.unlikely:g}"

    @property
    def _liked(self) -> str:
        if self.min_p_like is None:
            return "liked more than by others and no less than what they would pick"
        return f"with P(like) of at least {self.min_p_like:g}"

    def hardly(self, chances: np.ndarray, n_picks: np.ndarray, head: np.ndarray) -> np.ndarray:
        """Which items a person would hardly pick: rows x items; none of the history.

        Args:
            chances: rows x items; log P(consume), -inf at the items of the history.
            n_picks: rows; how long each history is.
            head: items, bool; those that everyone sees anyway (`short_head`).
        """
        if isinstance(self.unlikely, (int, np.integer)):
            return (pick_ranks(chances) > int(self.unlikely)) & np.isfinite(chances)
        limit, left = self.limit(chances), np.isfinite(chances)
        if self.unlikely == MEDIAN:
            return (chances < limit) & left
        limit = np.maximum(limit, self._out_of_reach(n_picks)[:, None])
        return (chances < limit) & left & ~head

    def _out_of_reach(self, n_picks: np.ndarray) -> np.ndarray:
        """Log p at which 1 - (1 - p)^n, the chance to pick an item in n picks, is `unlikely`."""
        n = np.clip(n_picks, FEWEST_PICKS, MOST_PICKS)
        return np.log(-np.expm1(np.log1p(-float(self.unlikely)) / n))

    def limit(self, chances: np.ndarray) -> np.ndarray:
        """The log P(consume) below which an item is surely below the median: rows x 1.

        That of the first item that is not, of items in order; -inf where none is left.
        """
        n_items = chances.shape[1]
        n_seen = np.isneginf(chances).sum(1)  # they sort first
        n_left = n_items - n_seen
        share = NormalDist().cdf(-PLACE_ERROR * NormalDist().inv_cdf(self.sure))
        n_below = np.maximum((share * n_left).astype(np.int64), n_left >= 2)
        first = np.minimum(n_seen + n_below, n_items - 1)
        return np.take_along_axis(np.sort(chances, axis=1), first[:, None], axis=1)

    def liked(self, likes: np.ndarray, chances: np.ndarray, lift: np.ndarray) -> np.ndarray:
        """Which items are liked well enough to be finds: rows x items.

        Args:
            likes: rows x items; P(like).
            chances: rows x items; log P(consume).
            lift: rows x items; by how much their log-odds exceed those of others (see `lists`).
        """
        if self.min_p_like is not None:
            return likes >= self.min_p_like
        picked = np.einsum("ui,ui->u", np.exp(chances), likes)
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


def check_sure(sure: object) -> None:
    """Raise unless it is a chance from 0.5 up to, not including, 1.

    Raises:
        SettingError: It is not.
    """
    if not (_is_number(sure) and 0.5 <= float(str(sure)) < 1):
        raise SettingError(f"sure lies from 0.5 up to, not including, 1; got {sure!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def find_columns(
    chances: np.ndarray, popularity: np.ndarray, places: np.ndarray, items: np.ndarray
) -> dict[str, Any]:
    """The columns that only finds have: see `Conv4Rec.recommend`.

    Args:
        chances: rows x items; log P(consume), -inf at the items of the history.
        popularity: items; how often each was consumed in training, and one more.
        places: row of each find.
        items: item of each find.
    """
    left = np.isfinite(chances) @ popularity.astype(np.float64)  # what a person may still pick
    share = popularity[items] / np.maximum(left[places], 1.0)
    return {
        "pick_rank": pick_ranks(chances)[places, items].astype(np.int32),
        "popularity_lift": (np.exp(chances[places, items]) / share).astype(np.float32),
    }


def pick_ranks(chances: np.ndarray) -> np.ndarray:
    """Each item's place among a person's likeliest picks, from 1: rows x items.

    Of equal chances the smaller item id comes first; the history comes last.
    """
    order = np.argsort(-chances, axis=1, kind="stable")
    ranks = np.empty(chances.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.arange(1, chances.shape[1] + 1)[None], axis=1)
    return ranks
