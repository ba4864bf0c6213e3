"""Finds: items a person would hardly pick, and would very likely like; how unlikely, how sure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from conv4rec.errors import SettingError

MEDIAN = "median"
# Some doubt counts against a find; with more, fewer of the gems of known worlds are found.
SURE = 0.8
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
    """Finds are ranked by what P(like) exceeds with this probability; at 0.5 by P(like)."""

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

    @property
    def why(self) -> str:
        """What is required of a find, in words."""
        if self.unlikely == MEDIAN:
            return "only items below a person's median P(consume) are finds"
        return f"only items outside a person's {self.unlikely:,} likeliest picks are finds"

    @property
    def quantile(self) -> float:
        """How many standard errors below P(like) a find is ranked."""
        return NormalDist().inv_cdf(self.sure)

    def hardly(self, chances: np.ndarray) -> np.ndarray:
        """Which items a person would hardly pick: rows x items.

        Args:
            chances: rows x items; log P(consume), -inf at the items of the history.
        """
        if self.unlikely == MEDIAN:
            return chances < _upper_median(chances)
        return pick_ranks(chances) > int(self.unlikely)

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


def _upper_median(chances: np.ndarray) -> np.ndarray:
    """The median of each row's finite values, the upper one of two: rows x 1; -inf if none."""
    n_items = chances.shape[1]
    n_seen = np.isneginf(chances).sum(1)  # they sort first
    middle = np.minimum(n_seen + (n_items - n_seen) // 2, n_items - 1)
    return np.take_along_axis(np.sort(chances, axis=1), middle[:, None], axis=1)
