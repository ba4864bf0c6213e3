"""Confidence intervals for a reliability table, by resampling users.

Users are resampled, not ratings, because the ratings of one user are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conv4rec.evaluate.calibration import N_BINS, equal_mass_bins, reliability
from conv4rec.evaluate.evaluation import RatedPairs
from conv4rec.evaluate.resample import drawn_weights
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class ReliabilityInterval:
    """A reliability table with a bootstrap interval for the observed share of each bin."""

    n: IntArray
    """Pairs in the bin."""
    predicted: FloatArray
    """Mean predicted probability in the bin."""
    observed: FloatArray
    """Share of positive outcomes in the bin."""
    low: FloatArray
    high: FloatArray

    def to_dict(self) -> dict[str, list[float]]:
        """The table as lists, rounded to four digits."""
        table: dict[str, list[float]] = {"n": [int(n) for n in self.n]}
        for name in ("predicted", "observed", "low", "high"):
            table[name] = [round(float(value), 4) for value in getattr(self, name)]
        return table


def reliability_intervals(
    probabilities: FloatArray,
    outcomes: BoolArray,
    users: IntArray,
    n_bins: int = N_BINS,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> ReliabilityInterval:
    """A reliability table (see `calibration.reliability`) with a confidence interval per bin.

    Users are drawn with replacement, each with all their pairs; the bins are not changed. The
    interval is the percentile interval of the observed share, over the resamples that have
    pairs in the bin. Memory: about 100 MB at most beyond users × bins.

    Args:
        probabilities: Predicted probability of each pair.
        outcomes: Outcome of each pair.
        users: User of each pair, numbered from 0.
        n_bins: Bins of equal mass.
        n_resamples: Bootstrap samples.
        level: Share of the resamples inside the interval.
        seed: Seed of the resampling.

    >>> outcomes = np.array([True, False, True, False])
    >>> table = reliability_intervals(np.full(4, 0.5), outcomes, np.arange(4), n_bins=1)
    >>> table.observed, bool(table.low[0] < 0.5 < table.high[0])
    (array([0.5]), True)
    """
    table = reliability(probabilities, outcomes, n_bins)
    bins = equal_mass_bins(np.asarray(probabilities, dtype=np.float64), n_bins)
    bins = np.unique(bins, return_inverse=True)[1]  # as the rows of the table: no empty bin
    n_users = int(users.max(initial=-1)) + 1
    cells, shape = users * len(table.n) + bins, (n_users, len(table.n))
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    positive = np.bincount(cells, weights=outcomes, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.concatenate(
        [
            weights @ np.hstack([counts, positive])
            for weights in drawn_weights(n_users, n_resamples, seed)
        ]
    )
    n, n_positive = sums[:, : shape[1]], sums[:, shape[1] :]
    shares = np.where(n > 0, n_positive / np.maximum(n, 1), np.nan)
    low, high = np.nanquantile(shares, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ReliabilityInterval(table.n, table.predicted, table.observed, low, high)


def calibration_tables(
    pairs: RatedPairs, like_level: int, labels: list[str]
) -> dict[str, ReliabilityInterval]:
    """Reliability of P(like), under "like", and of each level's probability, under its label.

    Args:
        pairs: From an `Evaluation`.
        like_level: First level that counts as liked.
        labels: Names of the levels.
    """
    p_like = pairs.probabilities[:, like_level:].sum(axis=1, dtype=np.float64)
    tables = {"like": reliability_intervals(p_like, pairs.level_numbers >= like_level, pairs.users)}
    for level, label in enumerate(labels):
        outcomes = pairs.level_numbers == level
        tables[label] = reliability_intervals(pairs.probabilities[:, level], outcomes, pairs.users)
    return tables
