"""Rating losses against scikit-learn and against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, mean_absolute_error, root_mean_squared_error

from conv4rec.evaluate.rating import (
    absolute_errors,
    log_losses,
    median_level,
    ranked_probability_scores,
    squared_errors,
)

VALUES = (0.5, 1.0, 2.5, 4.0)


def forecasts(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Level probabilities, many of them equal, and observed levels."""
    rng = np.random.default_rng(seed)
    kinds = rng.dirichlet(np.ones(len(VALUES)), size=5)
    return kinds[rng.integers(5, size=n)], rng.integers(len(VALUES), size=n)


def test_rmse_agrees_with_scikit_learn_after_clipping():
    rng = np.random.default_rng(0)
    expected, levels = rng.normal(2, 3, size=200), rng.integers(4, size=200)
    ratings = np.array(VALUES)[levels]
    theirs = root_mean_squared_error(ratings, np.minimum(np.maximum(expected, 0.5), 4.0))
    assert squared_errors(expected, ratings, VALUES).mean() ** 0.5 == pytest.approx(theirs)
    assert theirs < root_mean_squared_error(ratings, expected)  # so the clip did something


def test_mae_agrees_with_scikit_learn():
    probabilities, levels = forecasts(0)
    values = np.array(VALUES)
    theirs = mean_absolute_error(values[levels], values[median_level(probabilities)])
    assert absolute_errors(probabilities, levels, VALUES).mean() == pytest.approx(theirs)


def test_nll_agrees_with_scikit_learn():
    probabilities, levels = forecasts(1)
    theirs = log_loss(levels, probabilities, labels=range(4))
    assert log_losses(probabilities, levels).mean() == pytest.approx(theirs)


def test_a_level_of_probability_zero_has_an_infinite_log_loss():
    assert log_losses(np.array([[1.0, 0.0]]), np.array([1])).tolist() == [np.inf]


@given(seed=st.integers(0, 2**32 - 1))
def test_no_level_has_a_smaller_expected_distance_than_the_median(seed):
    probabilities, _ = forecasts(seed, n=1)
    distances = np.abs(np.subtract.outer(VALUES, VALUES)) @ probabilities[0]
    assert distances[median_level(probabilities)[0]] == pytest.approx(distances.min())


@given(seed=st.integers(0, 2**32 - 1))
def test_rps_equals_a_loop_over_thresholds(seed):
    probabilities, levels = forecasts(seed)
    slow = [
        sum((row[: t + 1].sum() - (level <= t)) ** 2 for t in range(3)) / 3
        for row, level in zip(probabilities, levels, strict=True)
    ]
    assert ranked_probability_scores(probabilities, levels) == pytest.approx(slow)


def test_rps_is_smaller_for_a_level_nearer_to_the_observed_one():
    certain = np.array([[0.0, 0.0, 0.0, 1.0]])
    losses = ranked_probability_scores(np.repeat(certain, 4, axis=0), np.arange(4))
    assert losses == pytest.approx([1.0, 2 / 3, 1 / 3, 0.0])


def test_a_scale_of_one_level_has_no_losses():
    one = np.ones((3, 1))
    levels = np.zeros(3, dtype=int)
    for losses in (
        ranked_probability_scores(one, levels),
        log_losses(one, levels),
        absolute_errors(one, levels, (5.0,)),
    ):
        assert losses.tolist() == [0.0, 0.0, 0.0]
