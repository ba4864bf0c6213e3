"""How sure a reliability diagram is: people are resampled, since ratings of one person agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conv4rec.evaluate.calibration import N_BINS, reliability
from conv4rec.evaluate.evaluation import RatedPairs
from conv4rec.evaluate.resample import drawn_weights
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class ReliabilityInterval:
    """A reliability table with the interval in which resampled users put each bin's outcome."""

    n: IntArray
    """Pairs in the bin."""
    predicted: FloatArray
    """Mean predicted probability in the bin."""
    observed: FloatArray
    """Share of the bin that came true."""
    low: FloatArray
    high: FloatArray

    def to_dict(self) -> dict[str, list[float]]:
        """Lists for a record, rounded to four digits."""
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
    """A reliability table (see `calibration.reliability`) with a confidence interval for each bin.

    Users are drawn with replacement and bring all their pairs; the bins stay. The interval is
    the percentile one of the observed share, over the resamples that have pairs in the bin.
    Memory: about 100 MB at most beyond users × bins.

    Args:
        probabilities: What was promised, one a pair.
        outcomes: What happened.
        users: Whose pair it is, numbered from 0.
        n_bins: Bins of equal mass.
        n_resamples: Bootstrap samples.
        level: Share of the resamples inside the interval.
        seed: Of the resampling.

    >>> confidence = reliability_intervals(np.full(4, 0.5), np.array([1, 0, 1, 0]) == 1, np.arange(4), 1)
    >>> confidence.observed, bool(confidence.low[0] < 0.5 < confidence.high[0])
    (array([0.5]), True)
    """
    table = reliability(probabilities, outcomes, n_bins)
    bins = _bins(np.asarray(probabilities, dtype=np.float64), n_bins)
    n_users = int(users.max(initial=-1)) + 1
    cells, shape = users * len(table.n) + bins, (n_users, len(table.n))
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    true = np.bincount(cells, weights=outcomes, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.concatenate(
        [
            weights @ np.hstack([counts, true])
            for weights in drawn_weights(n_users, n_resamples, seed)
        ]
    )
    n, came_true = sums[:, : shape[1]], sums[:, shape[1] :]
    shares = np.where(n > 0, came_true / np.maximum(n, 1), np.nan)
    low, high = np.nanquantile(shares, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ReliabilityInterval(table.n, table.predicted, table.observed, low, high)


def calibration_tables(
    pairs: RatedPairs, like_level: int, labels: list[str]
) -> dict[str, ReliabilityInterval]:
    """Reliability of P(like), under "like", and of each level's chance, under the level's label.

    Args:
        pairs: From an `Evaluation`.
        like_level: First level that counts as liked.
        labels: What the levels are called.
    """
    p_like = pairs.probabilities[:, like_level:].sum(axis=1, dtype=np.float64)
    tables = {"like": reliability_intervals(p_like, pairs.level_numbers >= like_level, pairs.users)}
    for level, label in enumerate(labels):
        probabilities, came = pairs.probabilities[:, level], pairs.level_numbers == level
        tables[label] = reliability_intervals(probabilities, came, pairs.users)
    return tables


def _bins(probabilities: FloatArray, n_bins: int) -> IntArray:
    """The non-empty bin of each pair, numbered as the rows of the reliability table."""
    edges = np.quantile(probabilities, np.arange(1, n_bins) / n_bins)
    bins = np.searchsorted(edges, probabilities, side="left")
    return np.unique(bins, return_inverse=True)[1]
