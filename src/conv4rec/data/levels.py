"""The levels of a rating scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from conv4rec.checks import check_count, check_number
from conv4rec.data.ids import rows_where
from conv4rec.errors import DataError, SettingError

TOLERANCE = 1e-6  # relative: 3.6 as float32 equals 3.6 as float64
NOISE = 1e-7  # relative to the scale: 0.1 + 0.2 - 0.3 is 0
LARGEST = 1e15  # of a rating: float32 holds its square
BIN_SLACK = 1e-12  # the mean of a bin is a number of its own, but for the noise of its sum
BLOCK = 1_000_000  # ratings at a time: a log of many millions is not copied
MOST_LEVELS = 32_767  # level numbers are int16


@dataclass(frozen=True)
class Levels:
    """The levels of a rating scale, in ascending order.

    The number of a level is its index in `values`; -1 means "consumed, not rated". A table
    without ratings has one level, 1.0, which no interaction has.

    Raises:
        DataError: No level, a level that is not finite or beyond 1e15, levels not strictly
            ascending, or edges that do not separate them.

    >>> stars = Levels.given([5, 4, 3, 2, 1])
    >>> stars.numbers(np.array([4.0, np.nan, 1.0])).tolist(), stars.labels[3]
    ([3, -1, 0], '4')
    """

    values: tuple[float, ...]
    """The rating of each level, or the mean rating of a bin."""
    edges: tuple[float, ...] | None = None
    """For a binned real-valued scale: the lowest rating of each level but the first."""

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=float)
        if not 1 <= len(values) <= MOST_LEVELS:
            raise DataError(f"a scale needs 1 to {MOST_LEVELS:,} levels, got {len(values):,}")
        if not np.isfinite(values).all() or not (np.diff(values) > 0).all():
            raise DataError("rating levels must be finite, distinct and in ascending order")
        if np.abs(values).max() > LARGEST:
            raise DataError(
                f"ratings go from -{LARGEST:g} to {LARGEST:g}, got {np.abs(values).max():g}: "
                "correct the rows, or choose another column for the rating"
            )
        if self.edges is not None and (
            len(self.edges) != len(values) - 1 or not (np.diff(self.edges) > 0).all()
        ):
            raise DataError("K levels need K - 1 edges in ascending order")

    @classmethod
    def given(cls, values: Sequence[float]) -> Levels:
        """The levels of a stated scale, in any order.

        Raises:
            DataError: A value is not a finite number, or there is none.
        """
        try:
            distinct = np.unique(np.array([float(value) for value in values]))
        except (TypeError, ValueError) as error:
            raise DataError(f"levels must be numbers such as [1, 2, 3, 4, 5]: {error}") from error
        return cls(_named(distinct) if np.isfinite(distinct).all() else tuple(distinct.tolist()))

    @classmethod
    def from_ratings(cls, ratings: np.ndarray, max_levels: int = 20, n_bins: int = 10) -> Levels:
        """The distinct ratings or, where there are too many, bins of about equal frequency.

        Ratings that differ by less than a millionth of their size, or by less than a ten-millionth
        of the scale, are one level, whose value is the shortest number that is as near: 0.3 for
        0.3 and 0.30000000000000004, 0 for 5.6e-17 on a scale from -1 to 1.
        A scale with more than `max_levels` distinct values (Jester: any number from -10 to 10)
        is divided into exactly `n_bins` bins, none empty; the value of a level is the mean
        rating in its bin. NaN means consumed but not rated, and is ignored.

        Raises:
            DataError: A rating is infinite.
            SettingError: `n_bins` or `max_levels` is below 1.
        """
        check_count("n_bins", n_bins)
        check_count("max_levels", max_levels)
        ratings = _finite_or_nan(ratings)
        counted = pl.Series("rating", ratings).drop_nans().value_counts().sort("rating")
        distinct, counts = (counted[name].to_numpy() for name in ("rating", "count"))
        if len(distinct) == 0:
            return cls((1.0,))
        if len(_same_numbers(distinct)) <= max_levels:
            return cls(_named(distinct))
        cuts = _equal_frequency_cuts(counts, min(n_bins, len(distinct)))
        firsts = np.concatenate([[0], cuts]).astype(np.int64)
        means = np.add.reduceat(distinct * counts, firsts) / np.add.reduceat(counts, firsts)
        scale = float(np.abs(distinct).max())
        values = tuple(_shortest(mean, BIN_SLACK * scale) for mean in means.tolist())
        return cls(values, tuple(distinct[cuts].tolist()))

    @property
    def n_levels(self) -> int:
        """K, the number of levels."""
        return len(self.values)

    @property
    def labels(self) -> list[str]:
        """The levels as short text, such as "4" and "3.5". All different."""
        labels: list[str] = []
        for digits in (6 if self.edges is None else 3, 6, 9, 17):
            labels = [f"{value:.{digits}g}" for value in self.values]
            if len(set(labels)) == len(labels):
                break
        return labels

    def numbers(
        self,
        ratings: np.ndarray,
        remedy: str = "correct the rows, or state the scale with levels=[...]",
    ) -> np.ndarray:
        """The level number of each rating, as int16; -1 for NaN, an item not rated.

        On a binned scale every finite rating has a level: the lowest and the highest bin are
        open-ended. The error about a rating off the scale ends with `remedy`.

        Raises:
            DataError: A rating is infinite, or not on the scale: the message names the rows.
        """
        ratings, values = _finite_or_nan(ratings), np.asarray(self.values)
        numbers, off = np.empty(len(ratings), np.int16), np.zeros(len(ratings), bool)
        for first in range(0, len(ratings), BLOCK):
            own = slice(first, first + BLOCK)
            part = ratings[own]
            nearest = self.nearest(part)
            if self.edges is None:  # NaN compares false
                slack = TOLERANCE * np.maximum(1, np.abs(part))
                off[own] = np.abs(values[nearest] - part) > slack
            numbers[own] = np.where(np.isnan(part), -1, nearest)
        if off.any():
            raise DataError(
                f"rating {ratings[off][0]:g} is not on the scale {self} in {rows_where(off)}: "
                f"{remedy}"
            )
        return numbers

    def nearest(self, ratings: np.ndarray) -> np.ndarray:
        """Number of the bin, or of the nearest level, rounding up from half way. NaN: the last."""
        values = np.asarray(self.values)
        edges = (values[1:] + values[:-1]) / 2 if self.edges is None else np.asarray(self.edges)
        return np.searchsorted(edges, ratings, side="right")

    def like_threshold(self, threshold: float | None = None) -> float:
        """The lowest rating that counts as liking: by default the level of "4 of 5".

        That is the smallest level at least three quarters up the scale: 4 on 1-5 and on
        0.5-5, 8 on 1-10.

        Raises:
            SettingError: The threshold is above the highest level.
        """
        return self.values[self.like_level(threshold)]

    def like_level(self, threshold: float | None = None) -> int:
        """The number of the first level that counts as liking (see `like_threshold`)."""
        if threshold is not None:
            check_number("like_threshold", threshold)
        low, high = self.values[0], self.values[-1]
        wanted = low + 0.75 * (high - low) if threshold is None else float(threshold)
        slack = TOLERANCE * max(1.0, abs(wanted))
        if not wanted <= high + slack:
            raise SettingError(f"like threshold {wanted:g} is above the top of the scale {self}")
        return int(np.searchsorted(np.asarray(self.values), wanted - slack))

    def __str__(self) -> str:
        labels = self.labels if self.n_levels <= 10 else [*self.labels[:4], "…", self.labels[-1]]
        return ", ".join(labels)


def notes_on_levels(levels: Levels, ratings: np.ndarray, numbers: np.ndarray) -> list[str]:
    """What a person should know of how ratings became levels: noise, and a 0 for "not rated".

    Args:
        levels: the scale.
        ratings: as they were read; NaN where there is none.
        numbers: their level numbers.
    """
    rated = ratings[numbers >= 0]
    if len(rated) == 0:
        return []
    notes = []
    values = np.asarray(levels.values)
    if levels.edges is None:
        noisy = rated != values[numbers[numbers >= 0]]
        if noisy.any():
            level = levels.labels[levels.nearest(rated[noisy][:1])[0]]
            notes.append(f"ratings a hair apart are one level: {rated[noisy][0]!s} is {level}")
    low, steps = float(rated.min()), np.diff(values)
    share = float(np.mean(rated == low))
    is_far = (
        levels.edges is None and len(steps) > 1 and steps[0] > steps[1:].max() * (1 + TOLERANCE)
    )
    if low <= 0 and levels.n_levels > 2 and (is_far or share > 0.5):
        notes.append(
            f"the rating {low:g} stands apart from the others, and is {share:.0%} of them: if it "
            f'means "not rated", state unrated={low:g} (--unrated {low:g})'
        )
    return notes


def _same_numbers(distinct: np.ndarray) -> list[np.ndarray]:
    """Ascending distinct ratings, those together that differ by noise."""
    slack = _slack(distinct, np.maximum(np.abs(distinct[1:]), np.abs(distinct[:-1])))
    return np.split(distinct, np.flatnonzero(np.diff(distinct) > slack) + 1)


def _named(distinct: np.ndarray) -> tuple[float, ...]:
    """The levels of ascending distinct ratings: each the shortest number of those that are one."""
    means = np.array([each.mean() for each in _same_numbers(distinct) if len(each)])
    return tuple(map(_shortest, means, _slack(distinct, means))) if len(means) else ()


def _slack(distinct: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How far ratings of these sizes may be from others that are the same number."""
    return np.maximum(TOLERANCE * np.abs(values), NOISE * np.abs(distinct).max(initial=0))


def _shortest(value: float, slack: float) -> float:
    """The number of fewest decimals that is as near as `slack`."""
    rounded = (round(float(value), digits) for digits in range(17))
    return (
        next((each for each in rounded if abs(each - value) <= slack), float(value)) + 0.0
    )  # no -0


def _finite_or_nan(ratings: np.ndarray) -> np.ndarray:
    """Ratings as float64; infinite ones are refused."""
    ratings = np.asarray(ratings, dtype=np.float64)
    if np.isinf(ratings).any():
        raise DataError(f"rating is infinite in {rows_where(np.isinf(ratings))}")
    return ratings


def _equal_frequency_cuts(counts: np.ndarray, n_bins: int) -> np.ndarray:
    """Cuts of distinct values into `n_bins` bins of nearly equal total count, none empty."""
    total = np.concatenate([[0], np.cumsum(counts)])
    cuts = [0]
    for bins_left in range(n_bins, 1, -1):
        start = cuts[-1]
        # An equal share of what is left, so that a frequent value does not empty later bins.
        target = total[start] + (total[-1] - total[start]) / bins_left
        cut = int(np.searchsorted(total, target))
        cut -= bool(target - total[cut - 1] < total[cut] - target)
        cuts.append(min(max(cut, start + 1), len(counts) - bins_left + 1))
    return np.asarray(cuts[1:], dtype=np.int64)
