"""Finds: items a person would surely hardly pick, and would likely like; how unlikely, how sure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from conv4rec.errors import SettingError

MEDIAN = "median"
# Some doubt counts against a find; with more, fewer of the gems of known worlds are found.
SURE = 0.8
LIKELIER_THAN_NOT = 0.5
# The standard error of an item's place among those left, in normal scores: half a standard
# deviation. In made-up worlds (`selective_world`) that of log P(consume) is 0.7 to 0.8 of its
# spread at 20 or 30 interactions a person, 0.6 at 50, and 0.3 to 0.5 at 100 or 200.
PLACE_ERROR = 0.5
FIND_FLOATS = 10  # a cell: log-odds, errors and ranks, and the copies made of them
INTERVAL = 0.9  # the share of intervals p_like_low to p_like_high that shall hold the truth


@dataclass(frozen=True)
class Finds:
    """What counts as a find.

    Raises:
        SettingError: A value is out of range.
    """

    unlikely: str | int = MEDIAN
    """"median": P(consume) below the person's median; N: outside their N likeliest picks."""
    sure: float = SURE
    """Finds are below the median with this probability, and ranked by what P(like) exceeds with
    it; 0.5 takes P(consume) and P(like) as they are."""
    min_p_like: float = LIKELIER_THAN_NOT
    """P(like) of a find is at least this."""

    def __post_init__(self) -> None:
        whole = isinstance(self.unlikely, (int, np.integer)) and not isinstance(self.unlikely, bool)
        if self.unlikely != MEDIAN and not (whole and int(self.unlikely) >= 0):
            raise SettingError(
                f"unlikely is 'median' or a whole number N of at least 0, for items outside the "
                f"N likeliest picks; got {self.unlikely!r}"
            )
        number = isinstance(self.sure, (int, float, np.number)) and not isinstance(self.sure, bool)
        if not (number and 0.5 <= self.sure < 1):
            raise SettingError(f"sure lies from 0.5 up to, not including, 1; got {self.sure!r}")
        least = self.min_p_like
        number = isinstance(least, (int, float, np.number)) and not isinstance(least, bool)
        if not (number and 0 <= least <= 1):
            raise SettingError(f"min_p_like is a chance, from 0 to 1; got {least!r}")

    @property
    def why(self) -> str:
        """What is required of a find, in words."""
        where = (
            f"surely (sure={self.sure:g}) below a person's median P(consume)"
            if self.unlikely == MEDIAN
            else f"outside a person's {self.unlikely:,} likeliest picks"
        )
        if not self.min_p_like:
            return f"only items {where} are finds"
        return f"only items {where}, and with P(like) of at least {self.min_p_like:g}, are finds"

    @property
    def quantile(self) -> float:
        """How many standard errors stand for being this sure."""
        return NormalDist().inv_cdf(self.sure)

    def hardly(self, chances: np.ndarray) -> np.ndarray:
        """Which items a person would hardly pick: rows x items; none of the history.

        Args:
            chances: rows x items; log P(consume), -inf at the items of the history.
        """
        if self.unlikely == MEDIAN:
            hardly = chances < self.limit(chances)
        else:
            hardly = pick_ranks(chances) > int(self.unlikely)
        return hardly & np.isfinite(chances)

    @property
    def share(self) -> float:
        """Of the items left, how many are surely below the median: a third, by default."""
        return NormalDist().cdf(-PLACE_ERROR * self.quantile)

    def limit(self, chances: np.ndarray) -> np.ndarray:
        """The log P(consume) below which an item is surely below the median: rows x 1.

        That of the first item that is not, of items in order; -inf where none is left.
        """
        n_items = chances.shape[1]
        n_seen = np.isneginf(chances).sum(1)  # they sort first
        n_left = n_items - n_seen
        n_below = np.maximum((self.share * n_left).astype(np.int64), n_left >= 2)
        first = np.minimum(n_seen + n_below, n_items - 1)
        return np.take_along_axis(np.sort(chances, axis=1), first[:, None], axis=1)

    def promise(self, likes: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """What P(like) exceeds with probability `sure`."""
        return shifted(likes, -self.quantile * errors)


def find_columns(
    chances: np.ndarray,
    popularity: np.ndarray,
    likes: np.ndarray,
    errors: np.ndarray,
    places: np.ndarray,
    items: np.ndarray,
) -> dict[str, Any]:
    """The columns that only finds have: see `Conv4Rec.recommend`.

    Args:
        chances: rows x items; log P(consume), -inf at the items of the history.
        popularity: items; how often each was consumed in training, and one more.
        likes: P(like) of the finds.
        errors: their standard errors, in log-odds.
        places: row of each find.
        items: item of each find.
    """
    left = np.isfinite(chances) @ popularity.astype(np.float64)  # what a person may still pick
    share = popularity[items] / np.maximum(left[places], 1.0)
    return {
        "pick_rank": pick_ranks(chances)[places, items].astype(np.int32),
        "popularity_lift": (np.exp(chances[places, items]) / share).astype(np.float32),
        **interval_columns(likes, errors),
    }


def interval_columns(likes: np.ndarray, errors: np.ndarray) -> dict[str, np.ndarray]:
    """p_like_low and p_like_high: a 90% interval of P(like).

    Args:
        likes: P(like).
        errors: their standard errors, in log-odds.
    """
    reach = NormalDist().inv_cdf(0.5 + INTERVAL / 2) * errors
    return {"p_like_low": shifted(likes, -reach), "p_like_high": shifted(likes, reach)}


def pick_ranks(chances: np.ndarray) -> np.ndarray:
    """Each item's place among a person's likeliest picks, from 1: rows x items.

    Of equal chances the smaller item id comes first; the history comes last.
    """
    order = np.argsort(-chances, axis=1, kind="stable")
    ranks = np.empty(chances.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.arange(1, chances.shape[1] + 1)[None], axis=1)
    return ranks


def shifted(chances: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Chances moved in log-odds: 0 and 1 stay what they are; float32.

    >>> shifted(np.array([0.5, 1.0]), np.array([-1.0, -1.0])).round(3).astype(str).tolist()
    ['0.269', '1.0']
    """
    chances = np.clip(chances, 0.0, 1.0).astype(np.float64)
    odds = chances * np.exp(by)
    return (odds / np.maximum(odds + (1.0 - chances), 1e-300)).astype(np.float32)
