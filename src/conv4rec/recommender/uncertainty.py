"""How sure P(like) is: what it becomes if the mean rating is off by its posterior deviation.

The draws of the rating side's exact half say how far the mean of t (a rating, in standard units)
may be off for a person and an item. What that does to P(like) follows from the served distribution
p: shifting its mean by exponential tilting, p exp(theta t), moves its log-odds of liking by

    d log-odds / d theta = E[t | liked] - E[t | not liked],

and to move the mean by delta takes, to second order (V and k being the variance and the third
central moment of t under p),

    theta = 2 delta / (V + sqrt(V^2 + 2 k delta)).

The first order alone, delta / V, is far too long where ratings hardly vary: nothing would be sure
of a person who rates all things alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

INTERVAL = 0.9  # the share of intervals p_like_low to p_like_high that shall hold the truth
INTERVAL_COLUMNS = ("p_like_low", "p_like_high")
TINY = 1e-7


def standard_errors(sure: float) -> float:
    """How many standard errors stand for being this sure, one-sided.

    >>> round(standard_errors(0.95), 3)
    1.645
    """
    return NormalDist().inv_cdf(sure)


def moved_log_odds(
    p_rating: np.ndarray, ratings: np.ndarray, like_level: int, delta: np.ndarray
) -> np.ndarray:
    """Log-odds of a rating at `like_level` or above once the mean of t has moved by `delta`.

    Args:
        p_rating: (..., levels): the served distribution.
        ratings: levels; t of each.
        like_level: above 0.
        delta: (...): how far.
    """
    liked = p_rating[..., like_level:].sum(-1, dtype=np.float64).clip(TINY, 1 - TINY)
    t = ratings.astype(np.float32)
    # einsum, not @: OpenBLAS would copy p_rating to float64 (numpy/numpy#24067)
    first, second, third = (np.einsum("...k,k->...", p_rating, t**n) for n in (1, 2, 3))
    variance = np.maximum(second - first**2, TINY)
    skew = third - 3 * first * second + 2 * first**3
    of_liked = np.einsum("...k,k->...", p_rating[..., like_level:], t[like_level:])
    gap = of_liked / liked - (first - of_liked) / (1 - liked)
    root = np.sqrt(np.maximum(variance**2 + 2 * skew * delta, 0.0))
    return np.log(liked / (1 - liked)) + gap * 2 * delta / (variance + root)


def moved_rating(
    p_rating: np.ndarray, ratings: np.ndarray, values: Sequence[float], delta: np.ndarray
) -> np.ndarray:
    """Expected rating once the mean of t has moved by `delta`, to first order: (...).

    d E[value] / d E[t] = Cov(value, t) / Var(t) under tilting; a constant for an even scale.
    """
    t, value = ratings.astype(np.float32), np.asarray(values, dtype=np.float32)
    mean, expected, square, both = (
        np.einsum("...k,k->...", p_rating, column) for column in (t, value, t**2, t * value)
    )
    slope = (both - mean * expected) / np.maximum(square - mean**2, TINY)
    steepest = (np.diff(value) / np.diff(t)).max(initial=0.0)
    return expected + delta * np.clip(slope, 0.0, steepest)


def interval_columns(
    p_rating: np.ndarray, ratings: np.ndarray, like_level: int, deviation: np.ndarray
) -> dict[str, Any]:
    """p_like_low and p_like_high: a 90% interval of P(like).

    Args:
        p_rating: pairs x levels.
        ratings: levels; t of each.
        like_level: first level that counts as liking.
        deviation: pairs; of the mean of t.
    """
    if like_level == 0:  # every rating is a like
        ends = [np.ones(len(p_rating))] * 2
    else:
        reach = standard_errors(0.5 + INTERVAL / 2) * deviation
        ends = [
            chance(moved_log_odds(p_rating, ratings, like_level, way)) for way in (-reach, reach)
        ]
    return dict(zip(INTERVAL_COLUMNS, (end.astype(np.float32) for end in ends), strict=True))


def unknown_interval(n_rows: int) -> dict[str, Any]:
    """The same columns where no draws tell how sure P(like) is: null."""
    return {name: pl.Series([None] * n_rows, dtype=pl.Float32) for name in INTERVAL_COLUMNS}


def chance(log_odds: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow.

    >>> chance(np.array([0.0, -1e9])).tolist()
    [0.5, 0.0]
    """
    return 0.5 * (1.0 + np.tanh(0.5 * log_odds))
