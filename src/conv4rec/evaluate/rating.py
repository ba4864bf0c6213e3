"""Rating metrics: how far the predicted rating, and the predicted chances, are from the truth.

Throughout, `probabilities` is pairs × levels, each row summing to one; `level_numbers` are the
observed levels, 0 for the lowest; `values` are the ratings that the levels stand for. The
plural functions return one loss per rating, for averages per user; the metrics are their means.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conv4rec.evaluate.scorer import FloatArray, IntArray


def rmse(expected: FloatArray, ratings: FloatArray, values: ArrayLike) -> float:
    """Root mean squared error of the expected rating, clipped to the scale.

    >>> rmse(np.array([3.0, 9.0]), np.array([4.0, 5.0]), values=(1, 2, 3, 4, 5))
    0.7071067811865476
    """
    return float(np.sqrt(squared_errors(expected, ratings, values).mean()))


def mae(probabilities: FloatArray, level_numbers: IntArray, values: ArrayLike) -> float:
    """Mean absolute error of the median level, the predictor that minimises it.

    >>> mae(np.array([[0.2, 0.2, 0.6]]), np.array([0]), values=(1, 3, 5))
    4.0
    """
    return float(absolute_errors(probabilities, level_numbers, values).mean())


def nll(probabilities: FloatArray, level_numbers: IntArray) -> float:
    """Mean -log P(observed level), in nats; infinite if an observed level had no chance.

    >>> round(nll(np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([0, 1])), 4)
    0.3466
    """
    return float(log_losses(probabilities, level_numbers).mean())


def rps(probabilities: FloatArray, level_numbers: IntArray) -> float:
    """Mean ranked probability score: as the Brier score, but a near miss costs less.

    Reference:
        Epstein, "A scoring system for probability forecasts of ranked categories",
        J. Appl. Meteorology 8, 1969; divided by K - 1, so that it lies in [0, 1].

    >>> rps(np.array([[1.0, 0.0, 0.0]]), np.array([1]))
    0.5
    """
    return float(ranked_probability_scores(probabilities, level_numbers).mean())


def median_level(probabilities: FloatArray) -> NDArray[np.int64]:
    """The first level at which the cumulative probability reaches one half.

    >>> median_level(np.array([[0.5, 0.25, 0.25], [0.25, 0.125, 0.625]]))
    array([0, 2])
    """
    return np.argmax(np.cumsum(probabilities, axis=1) >= 0.5, axis=1)


def squared_errors(expected: FloatArray, ratings: FloatArray, values: ArrayLike) -> FloatArray:
    """(clip(expected) - rating)² of every pair, clipped to the ends of the scale."""
    scale = np.asarray(values, dtype=np.float64)
    return (np.clip(expected, scale.min(), scale.max()) - ratings) ** 2


def absolute_errors(
    probabilities: FloatArray, level_numbers: IntArray, values: ArrayLike
) -> FloatArray:
    """|value of the median level - rating| of every pair."""
    scale = np.asarray(values, dtype=np.float64)
    return np.abs(scale[median_level(probabilities)] - scale[level_numbers])


def log_losses(probabilities: FloatArray, level_numbers: IntArray) -> FloatArray:
    """-log P(observed level) of every pair."""
    observed = np.take_along_axis(probabilities, level_numbers[:, None].astype(np.int64), axis=1)
    with np.errstate(divide="ignore"):  # no chance at all costs infinity: the honest score
        return -np.log(observed[:, 0].astype(np.float64))


def ranked_probability_scores(probabilities: FloatArray, level_numbers: IntArray) -> FloatArray:
    """RPS of every pair.

        RPS = 1 / (K - 1)  sum_{t < K - 1} (F(t) - 1[level <= t])²

    with F the cumulative probability. A scale of one level has nothing to miss: 0.
    """
    n_pairs, n_levels = probabilities.shape
    if n_levels == 1:
        return np.zeros(n_pairs)
    cumulative = np.cumsum(probabilities, axis=1, dtype=np.float64)[:, :-1]
    reached = level_numbers[:, None] <= np.arange(n_levels - 1)
    return ((cumulative - reached) ** 2).mean(axis=1)
