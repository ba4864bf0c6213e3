"""Recovery of the sampling distribution: total variation, baselines, and rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import stdtrit

from conv4rec.errors import SettingError
from conv4rec.theory.norms import FloatArray

IntArray: TypeAlias = NDArray[np.integer[Any]]
Distribution: TypeAlias = FloatArray | Callable[[IntArray], FloatArray]
"""One distribution per user: an array with users first, or a function from user numbers to such
an array. All axes after the first are outputs (levels x items); a single row serves all users."""


def total_variation(
    truth: Distribution, model: Distribution, n_users: int, block_size: int = 256
) -> FloatArray:
    """½ Σ |truth - model| over all outputs: one number in [0, 1] per user.

    Memory: a few times block_size x outputs x 8 bytes where the distributions are functions.

    Raises:
        SettingError: A row is negative somewhere, holds NaN, or does not sum to 1.

    >>> total_variation(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.5, 0.5]]), n_users=2)
    array([0.5, 0. ])
    """
    blocks = [
        np.arange(start, min(start + block_size, n_users), dtype=np.int64)
        for start in range(0, n_users, block_size)
    ]
    distances = [
        0.5 * np.abs(_rows(truth, users) - _rows(model, users)).sum(axis=1) for users in blocks
    ]
    return np.concatenate(distances) if distances else np.zeros(0)


def smoothed_frequencies(
    counts: sparse.csr_array, smoothing: float = 1.0
) -> Callable[[IntArray], FloatArray]:
    """The empirical table, a baseline: (count + a / M) / (interactions of the user + a).

    Args:
        counts: Users x outputs, how often each was drawn.
        smoothing: a, pseudo-counts per user, spread evenly over all M outputs.

    >>> counts = sparse.csr_array(np.array([[3, 1], [0, 0]]))
    >>> smoothed_frequencies(counts, smoothing=4.0)(np.array([0, 1]))
    array([[0.625, 0.375], [0.5  , 0.5  ]])
    """
    if smoothing <= 0:
        raise SettingError(f"smoothing must be positive, got {smoothing}")
    table = sparse.csr_array(counts, dtype=np.float64)
    n_outputs = table.sum(axis=0).size

    def distribution(users: IntArray) -> FloatArray:
        rows = table[users].toarray()
        totals = rows.sum(axis=1, keepdims=True)
        return (rows + smoothing / n_outputs) / (totals + smoothing)

    return distribution


def popularity_by_histogram(
    counts: sparse.csr_array, n_levels: int, smoothing: float = 1.0
) -> FloatArray:
    """Popularity of the item times the global histogram of levels, a baseline; the same for all.

    Args:
        counts: Users x (levels x items, level by level), how often each was drawn.
        n_levels: How many levels.
        smoothing: Pseudo-counts, spread evenly over the items and over the levels.

    Returns:
        1 x outputs, in the order of the columns of `counts`.

    >>> counts = sparse.csr_array(np.array([[4, 0, 0, 0], [0, 0, 2, 2]]))  # 2 levels x 2 items
    >>> popularity_by_histogram(counts, n_levels=2, smoothing=1e-12).round(3)
    array([[0.375, 0.125, 0.375, 0.125]])
    """
    totals = np.asarray(counts.sum(axis=0), dtype=np.float64)
    if n_levels < 1 or totals.size % n_levels or smoothing <= 0:
        raise SettingError("outputs must be levels x items, and smoothing positive")
    totals = totals.reshape(n_levels, -1)
    items, levels = (
        (margin + smoothing / len(margin)) / (margin.sum() + smoothing)
        for margin in (totals.sum(axis=0), totals.sum(axis=1))
    )
    return (levels[:, None] * items).reshape(1, -1)


@dataclass(frozen=True)
class Slope:
    """value ≈ exp(intercept) x size^slope, and the interval that holds the slope."""

    slope: float
    low: float
    high: float
    intercept: float
    confidence: float
    n: int
    """Points fitted."""

    def __str__(self) -> str:
        return f"{self.slope:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def log_log_slope(sizes: FloatArray, values: FloatArray, confidence: float = 0.95) -> Slope:
    """Least squares of log value on log size, with Student's interval (n - 2 degrees).

    The interval assumes independent, equally noisy logarithms around a power law: give one
    point per repetition, not means. It does not detect a curve that is no power law.

    >>> print(log_log_slope(np.array([1.0, 10.0, 100.0]), np.array([1.0, 0.1, 0.01])))
    -1.000 [-1.000, -1.000]
    """
    x, y = (np.log(np.asarray(each, dtype=np.float64)) for each in _positive(sizes, values))
    centred = x - x.mean()
    scatter = float((centred**2).sum())
    if len(x) < 3 or scatter == 0:
        raise SettingError("a slope with an interval needs 3 points of at least 2 sizes")
    slope = float((centred * y).sum() / scatter)
    intercept = float(y.mean() - slope * x.mean())
    residual = float(((y - intercept - slope * x) ** 2).sum()) / (len(x) - 2)
    width = float(stdtrit(len(x) - 2, (1 + confidence) / 2)) * (residual / scatter) ** 0.5
    return Slope(slope, slope - width, slope + width, intercept, confidence, len(x))


def _positive(*arrays: FloatArray) -> tuple[FloatArray, FloatArray]:
    first, second = (np.asarray(array, dtype=np.float64) for array in arrays)
    if first.shape != second.shape or first.ndim != 1:
        raise SettingError("sizes and values must be parallel arrays")
    if not ((first > 0) & (second > 0) & np.isfinite(first) & np.isfinite(second)).all():
        raise SettingError("sizes and values must be positive and finite to have logarithms")
    return first, second


def _rows(distribution: Distribution, users: IntArray) -> FloatArray:
    """The distribution of some users as rows x outputs, checked to be a distribution."""
    if callable(distribution):
        rows = distribution(users)
    else:
        rows = distribution if len(distribution) == 1 else distribution[users]
    rows = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
    if not (rows >= 0).all() or not np.allclose(rows.sum(axis=1), 1.0, atol=1e-4):
        raise SettingError("a distribution must be at least 0 and sum to 1 for each user")
    return rows
