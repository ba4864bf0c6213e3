"""Calibration: of the items said to be liked with 70%, are 70% liked?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray

N_BINS = 15
"""Bins of the reliability table, and so of the calibration error."""


class Reliability(NamedTuple):
    """What was predicted against what happened, one entry per non-empty bin."""

    n: IntArray
    """Pairs in the bin."""
    predicted: FloatArray
    """Mean predicted probability in the bin."""
    observed: FloatArray
    """Share of the bin that came true."""


def reliability(
    probabilities: FloatArray, outcomes: BoolArray, n_bins: int = N_BINS
) -> Reliability:
    """Sort pairs into bins of equal mass by their predicted probability.

    The inner bin edges are the quantiles j / n_bins of the probabilities (linear between
    neighbours); a probability equal to an edge belongs to the bin below it. Equal
    probabilities thus always share a bin, whatever their order, and ties can leave bins
    uneven or empty. Empty bins are dropped.

    >>> reliability(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1]) == 1, n_bins=2)
    Reliability(n=array([2, 2]), predicted=array([0.15, 0.85]), observed=array([0., 1.]))
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    edges = np.quantile(probabilities, np.arange(1, n_bins) / n_bins)
    bins = np.searchsorted(edges, probabilities, side="left")
    n = np.bincount(bins, minlength=n_bins)
    filled = n > 0
    predicted = np.bincount(bins, weights=probabilities, minlength=n_bins)[filled] / n[filled]
    observed = np.bincount(bins, weights=outcomes, minlength=n_bins)[filled] / n[filled]
    return Reliability(n[filled], predicted, observed)


def calibration_error(table: Reliability) -> float:
    """sum_b n_b / n |predicted_b - observed_b| of a reliability table."""
    return float(np.average(np.abs(table.predicted - table.observed), weights=table.n))


def ece(probabilities: FloatArray, outcomes: BoolArray, n_bins: int = N_BINS) -> float:
    """Expected calibration error: the mean gap between promise and outcome over equal-mass bins.

    See `reliability` for the rule of bins and ties.

    Reference:
        Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
        binning", AAAI 2015; with bins of equal mass.

    >>> ece(np.array([0.5, 0.5, 0.5, 0.5]), np.array([True, False, False, False]))
    0.25
    """
    return calibration_error(reliability(probabilities, outcomes, n_bins))


def auc(scores: FloatArray, outcomes: BoolArray) -> float:
    """The chance that a liked pair scores above one that is not, ties counting one half.

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
    ranks = rankdata(scores)[np.asarray(outcomes, dtype=bool)]
    return float((ranks.sum() - n_liked * (n_liked + 1) / 2) / (n_liked * n_other))
