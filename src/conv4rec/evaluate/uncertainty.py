"""Uncertainty of a comparison: paired bootstrap over users, standard deviation over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.evaluate.scorer import FloatArray

_DRAWS_PER_BLOCK = 3_000_000  # bounds memory: 32 bytes for each drawn user


@dataclass(frozen=True)
class Difference:
    """First minus second, with a bootstrap interval over users."""

    mean: float
    low: float
    high: float
    level: float
    """Share of the resamples inside the interval."""
    n_users: int

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


@dataclass(frozen=True)
class Spread:
    """Mean over seeds and standard deviation of one seed."""

    mean: float
    spread: float
    """Sample standard deviation (n - 1); NaN for a single value."""
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.4f}" + (f" ± {self.spread:.4f}" if self.n > 1 else "")


def paired_bootstrap(
    first: FloatArray,
    second: FloatArray,
    *,
    weights: FloatArray | None = None,
    root: bool = False,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Compare two models on the same users by resampling the users with replacement.

    The statistic is mean(first) - mean(second), each a mean over users weighted by `weights`.
    If `weights` is the number of a user's test ratings, it is the difference of two metrics
    over ratings; with `root` and per-user mean squared errors, the difference of two RMSEs.
    Users whose value is NaN in both arrays are left out. The interval is the percentile
    interval. Memory: about 100 MB.

    Args:
        first: One value per user.
        second: One value per user, in the same order.
        weights: One weight per user; equal weights if left out.
        root: Take the square root of both weighted means before the difference.
        n_resamples: Number of bootstrap samples.
        level: Share of the resamples inside the interval.
        seed: Seed of the resampling.

    Raises:
        SettingError: The arrays are not parallel, or only one of a user's values is NaN.

    Reference:
        Sakai, "Evaluating evaluation metrics based on the bootstrap", SIGIR 2006.

    >>> print(paired_bootstrap(np.array([0.5, 0.75, 0.25]), np.array([0.25, 0.5, 0.0])))
    +0.2500 [+0.2500, +0.2500]
    """
    if weights is None:
        weights = np.ones(len(first))
    first, second, weights = _measured(first, second, weights)
    table = np.stack([first * weights, second * weights, weights], axis=1)
    rng = np.random.default_rng(seed)
    samples = np.concatenate(
        [
            _statistic(table[rng.integers(len(table), size=(n, len(table)))].sum(axis=1), root)
            for n in _block_sizes(n_resamples, len(table))
        ]
    )
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    mean = float(_statistic(table.sum(axis=0, keepdims=True), root)[0])
    return Difference(mean, float(low), float(high), level, len(table))


def spread_over_seeds(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation of one metric over seeds.

    >>> print(spread_over_seeds([0.89, 0.91]))
    0.9000 ± 0.0141
    """
    if len(values) == 0:
        raise SettingError("there are no values: at least one seed is needed")
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return Spread(float(np.mean(values)), spread, len(values))


def _measured(*arrays: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    first, second, weights = (np.asarray(array, dtype=np.float64) for array in arrays)
    if not first.shape == second.shape == weights.shape:
        shapes = f"{first.shape}, {second.shape} and {weights.shape}"
        raise SettingError(f"values and weights must be parallel arrays, got shapes {shapes}")
    missing = np.isnan(first)
    if not np.array_equal(missing, np.isnan(second)):
        raise SettingError("some users have a value in one array only: measure both on one split")
    kept = ~missing & (weights > 0)
    if not kept.any():
        raise SettingError("no user has a value: there is nothing to compare")
    return first[kept], second[kept], weights[kept]


def _statistic(sums: FloatArray, root: bool) -> FloatArray:
    """The statistic from sums of weighted first, weighted second and weights: (…, 3) -> (…)."""
    means = sums[:, :2] / sums[:, 2:]
    if root:
        means = np.sqrt(means)
    return means[:, 0] - means[:, 1]


def _block_sizes(n_resamples: int, n_users: int) -> list[int]:
    size = max(1, _DRAWS_PER_BLOCK // n_users)
    return [min(size, n_resamples - start) for start in range(0, n_resamples, size)]
