"""Calibration of P(like): the reliability table, the calibration error, and the AUC."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray

N_BINS = 15
"""Bins of the reliability table and of the calibration error."""


class Reliability(NamedTuple):
    """Predicted probability and observed share, one entry per non-empty bin."""

    n: IntArray
    """Pairs in the bin."""
    predicted: FloatArray
    """Mean predicted probability in the bin."""
    observed: FloatArray
    """Share of positive outcomes in the bin."""


def reliability(
    probabilities: FloatArray, outcomes: BoolArray, n_bins: int = N_BINS
) -> Reliability:
    """Put pairs into bins of equal mass by their predicted probability.

    The inner bin edges are the quantiles j / n_bins of the probabilities (linear between
    neighbours); a probability equal to an edge belongs to the bin below it. So equal
    probabilities share a bin, whatever their order, and ties can make bins uneven or empty.
    Empty bins are dropped.

    >>> reliability(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1]) == 1, n_bins=2)
    Reliability(n=array([2, 2]), predicted=array([0.15, 0.85]), observed=array([0., 1.]))
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    bins = equal_mass_bins(probabilities, n_bins)
    n = np.bincount(bins, minlength=n_bins)
    filled = n > 0
    predicted = np.bincount(bins, weights=probabilities, minlength=n_bins)[filled] / n[filled]
    observed = np.bincount(bins, weights=outcomes, minlength=n_bins)[filled] / n[filled]
    return Reliability(n[filled], predicted, observed)


def equal_mass_bins(probabilities: FloatArray, n_bins: int) -> IntArray:
    """The bin of each pair, 0 to n_bins - 1; some may be empty (see `reliability`)."""
    edges = np.quantile(probabilities, np.arange(1, n_bins) / n_bins)
    return np.searchsorted(edges, probabilities, side="left")


def calibration_error(table: Reliability) -> float:
    """Expected calibration error of a table: sum_b n_b / n |predicted_b - observed_b|."""
    return float(np.average(np.abs(table.predicted - table.observed), weights=table.n))


def ece(probabilities: FloatArray, outcomes: BoolArray, n_bins: int = N_BINS) -> float:
    """Expected calibration error over bins of equal mass (see `reliability`).

    Reference:
        Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
        binning", AAAI 2015; with bins of equal mass.

    >>> ece(np.array([0.5, 0.5, 0.5, 0.5]), np.array([True, False, False, False]))
    0.25
    """
    return calibration_error(reliability(probabilities, outcomes, n_bins))


def auc(scores: FloatArray, outcomes: BoolArray) -> float:
    """Probability that a liked pair scores above one that is not liked; a tie counts one half.

        AUC = (sum of the ranks of the n+ liked pairs - n+ (n+ + 1) / 2) / (n+ n-)

    NaN when all outcomes are the same.

    Reference:
        Mann and Whitney, "On a test of whether one of two random variables is stochastically
        larger than the other", Ann. Math. Statistics 18(1), 1947.

    >>> auc(np.array([0.2, 0.7, 0.7]), np.array([False, False, True]))
    0.75
    """
    n_liked = int(np.count_nonzero(outcomes))
    n_other = len(outcomes) - n_liked
    if n_liked == 0 or n_other == 0:
        return float("nan")
    ranks = mean_ranks(scores)[np.asarray(outcomes, dtype=bool)]
    return float((ranks.sum() - n_liked * (n_liked + 1) / 2) / (n_liked * n_other))


def mean_ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1; equal values share the mean of theirs.

    As `scipy.stats.rankdata`, whose import would take a quarter of a second of every command.

    >>> mean_ranks(np.array([0.5, 0.2, 0.5])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, numbers, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[numbers]
