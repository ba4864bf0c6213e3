"""Bootstrap intervals for statistics that are not means over users: ratios, and the AUC."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray
from conv4rec.evaluate.uncertainty import Difference

N_RESAMPLES = 1000
LEVEL = 0.95
_CELLS = 4_000_000  # entries of one array held at once, 8 bytes each
Sums = tuple[FloatArray, FloatArray]
"""Numerators and denominators, one per user."""


def drawn_weights(
    n_users: int, n_resamples: int, seed: int, columns: int = 0
) -> Iterator[FloatArray]:
    """Bootstrap weights, how often each user is drawn: blocks of resamples × users.

    Args:
        n_users: Number of users, and of draws in a resample.
        n_resamples: Number of resamples.
        seed: Seed of the draws.
        columns: Width of the arrays that the caller makes of a block, if more than n_users.
    """
    rng = np.random.default_rng(seed)
    size = max(1, _CELLS // max(n_users, columns, 1))
    for start in range(0, n_resamples, size):
        rows = min(size, n_resamples - start)
        drawn = rng.integers(n_users, size=(rows, n_users))
        cells = (drawn + n_users * np.arange(rows)[:, None]).ravel()
        yield np.bincount(cells, minlength=rows * n_users).reshape(rows, n_users).astype(float)


def ratio_bootstrap(
    first: Sums,
    second: Sums | None = None,
    *,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Difference:
    """A ratio of sums over users, or the difference of two ratios, with an interval.

        sum_u first[0][u] / sum_u first[1][u]  -  sum_u second[0][u] / sum_u second[1][u]

    Users are drawn with replacement, the same ones for both ratios. Resamples in which a
    denominator is 0 are left out; a ratio whose denominator is 0 over all users is NaN.

    Args:
        first: Numerators and denominators, one per user.
        second: The same of the ratio to subtract; without it nothing is subtracted.
        n_resamples: Number of resamples.
        level: Share of the resamples inside the interval.
        seed: Seed of the resampling.

    >>> print(ratio_bootstrap((np.array([1.0, 2.0]), np.array([2.0, 4.0]))))
    +0.5000 [+0.5000, +0.5000]
    """
    sides = [np.stack(side, axis=1).astype(np.float64) for side in (first, second) if side]
    n_users = len(sides[0])
    samples = np.concatenate(
        [
            _difference([weights @ side for side in sides])
            for weights in drawn_weights(n_users, n_resamples, seed)
        ]
        or [np.zeros(0)]
    )
    mean = float(_difference([side.sum(axis=0, keepdims=True) for side in sides])[0])
    return Difference(mean, *_interval(samples, level), level, n_users)


def auc_bootstrap(
    scores: FloatArray,
    liked: BoolArray,
    users: IntArray,
    second: FloatArray | None = None,
    *,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Difference:
    """The AUC over pairs, or the difference of two models' AUC on them, with an interval.

    Users are drawn with replacement, each with all their pairs: a pair of a user drawn twice
    counts twice. Resamples in which all outcomes are equal are left out.

    Args:
        scores: Score of each pair, higher for likelier liked.
        liked: Whether each pair is liked.
        users: User of each pair.
        second: Scores of another model for the same pairs; its AUC is subtracted.
        n_resamples: Number of resamples.
        level: Share of the resamples inside the interval.
        seed: Seed of the resampling.
    """
    known, owners = np.unique(users, return_inverse=True)
    models = [scores] if second is None else [scores, second]
    sorted_pairs = [_sorted(np.asarray(each), liked, owners) for each in models]

    def statistic(weights: FloatArray) -> FloatArray:
        found = [_weighted_auc(weights, *pairs) for pairs in sorted_pairs]
        return found[0] if len(found) == 1 else found[0] - found[1]

    samples = [
        statistic(weights)
        for weights in drawn_weights(len(known), n_resamples, seed, columns=len(liked))
    ]
    mean = float(statistic(np.ones((1, len(known))))[0])
    return Difference(mean, *_interval(np.concatenate(samples), level), level, len(known))


def _sorted(
    scores: FloatArray, liked: BoolArray, owners: IntArray
) -> tuple[IntArray, BoolArray, IntArray]:
    """Owners and outcomes in ascending order of score, and where each run of ties starts."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0]) if len(order) else order
    return owners[order], np.asarray(liked, dtype=bool)[order], starts


def _weighted_auc(
    weights: FloatArray, owners: IntArray, liked: BoolArray, starts: IntArray
) -> FloatArray:
    """The AUC of each row of weights (resamples × users), ties counting one half."""
    if len(starts) == 0:
        return np.full(len(weights), np.nan)
    of_pairs = weights[:, owners]
    positive = np.add.reduceat(of_pairs * liked, starts, axis=1)
    negative = np.add.reduceat(of_pairs * ~liked, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    total = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, (positive * below).sum(axis=1) / np.where(total > 0, total, 1),
                        np.nan)  # fmt: skip


def _difference(sums: list[FloatArray]) -> FloatArray:
    """Ratios of rows of (numerator, denominator), the second subtracted if there is one."""
    ratios = [
        np.where(each[:, 1] > 0, each[:, 0] / np.where(each[:, 1] > 0, each[:, 1], 1), np.nan)
        for each in sums
    ]
    return ratios[0] if len(ratios) == 1 else ratios[0] - ratios[1]


def _interval(samples: FloatArray, level: float) -> tuple[float, float]:
    known = samples[~np.isnan(samples)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
