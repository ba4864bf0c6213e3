"""Losses of a predicted rating and of predicted level probabilities, one per pair.

`probabilities` is pairs × levels, each row summing to one; `level_numbers` are the observed
levels, 0 for the lowest; `values` are the ratings that the levels stand for. The metrics RMSE,
MAE, NLL and RPS are means of these losses (RMSE: the root of the mean).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conv4rec.evaluate.scorer import FloatArray, IntArray


def median_level(probabilities: FloatArray) -> NDArray[np.int64]:
    """The first level at which the cumulative probability reaches one half.

    >>> median_level(np.array([[0.5, 0.25, 0.25], [0.25, 0.125, 0.625]]))
    array([0, 2])
    """
    return np.argmax(np.cumsum(probabilities, axis=1) >= 0.5, axis=1)


def squared_errors(expected: FloatArray, ratings: FloatArray, values: ArrayLike) -> FloatArray:
    """(clip(expected) - rating)² of every pair; predictions are clipped to the scale.

    >>> squared_errors(np.array([3.0, 9.0]), np.array([4.0, 5.0]), values=(1, 2, 3, 4, 5))
    array([1., 0.])
    """
    scale = np.asarray(values, dtype=np.float64)
    return (np.clip(expected, scale.min(), scale.max()) - ratings) ** 2


def absolute_errors(
    probabilities: FloatArray, level_numbers: IntArray, values: ArrayLike
) -> FloatArray:
    """|value of the median level - rating| of every pair: the median minimises its mean.

    >>> absolute_errors(np.array([[0.2, 0.2, 0.6]]), np.array([0]), values=(1, 3, 5))
    array([4.])
    """
    scale = np.asarray(values, dtype=np.float64)
    return np.abs(scale[median_level(probabilities)] - scale[level_numbers])


def log_losses(probabilities: FloatArray, level_numbers: IntArray) -> FloatArray:
    """-log P(observed level) of every pair, in nats; infinite where that probability is 0.

    >>> log_losses(np.array([[0.5, 0.5], [0.75, 0.25]]), np.array([0, 1])).round(4)
    array([0.6931, 1.3863])
    """
    observed = np.take_along_axis(probabilities, level_numbers[:, None].astype(np.int64), axis=1)
    with np.errstate(divide="ignore"):  # a probability of 0 has an infinite loss
        return -np.log(observed[:, 0].astype(np.float64))


def ranked_probability_scores(probabilities: FloatArray, level_numbers: IntArray) -> FloatArray:
    """Ranked probability score of every pair.

        RPS = 1 / (K - 1)  sum_{t < K - 1} (F(t) - 1[level <= t])²

    with F the cumulative probability and K the number of levels; 0 if K = 1.

    Reference:
        Epstein, "A scoring system for probability forecasts of ranked categories",
        J. Appl. Meteorology 8, 1969; divided by K - 1, so that it lies in [0, 1].

    >>> ranked_probability_scores(np.array([[1.0, 0.0, 0.0]]), np.array([1]))
    array([0.5])
    """
    n_pairs, n_levels = probabilities.shape
    if n_levels == 1:
        return np.zeros(n_pairs)
    cumulative = np.cumsum(probabilities, axis=1, dtype=np.float64)[:, :-1]
    reached = level_numbers[:, None] <= np.arange(n_levels - 1)
    return ((cumulative - reached) ** 2).mean(axis=1)
