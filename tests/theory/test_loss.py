import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from conv4rec.errors import SettingError
from conv4rec.theory.loss import (
    LIPSCHITZ_EUCLIDEAN,
    LIPSCHITZ_MAX,
    loss_range,
    negative_log_likelihood,
)

SMOOTHINGS = [0.0, 0.01, 0.3]


def gradient(logits, outputs, smoothing):
    """d loss / d logits, by hand: (p - e_y), times the model's share in the smoothed p_y."""
    p = softmax(logits, axis=-1)
    p_y = np.take_along_axis(p, outputs[:, None], 1)
    share = (1 - smoothing) * p_y / ((1 - smoothing) * p_y + smoothing / logits.shape[1])
    return share * (p - np.eye(logits.shape[1])[outputs])


def steepest_found(order, smoothing, rng):
    """Search for the steepest secant of the loss: random starts, then ascent on one end point.

    Secants through random pairs, then steps of both ends along the direction that the norm's
    dual chooses for the gradient, from points ever further from the answer.
    """
    best = 0.0
    for n_outputs in (2, 3, 10):
        outputs = rng.integers(n_outputs, size=400)
        first = rng.normal(size=(400, n_outputs)) * rng.choice([0.1, 1, 5, 20], size=(400, 1))
        second = first + rng.normal(size=first.shape) * rng.choice([0.01, 1, 10], size=(400, 1))
        for _ in range(60):
            rise = negative_log_likelihood(second, outputs, smoothing)
            rise = rise - negative_log_likelihood(first, outputs, smoothing)
            length = np.linalg.norm(second - first, ord=order, axis=1)
            best = max(best, float((np.abs(rise) / np.maximum(length, 1e-9)).max()))
            slope = gradient(second, outputs, smoothing)
            if order == np.inf:
                step = np.sign(slope)
            else:
                step = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12)
            first, second = second, second + 0.3 * step
    return best


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize(("order", "constant"), [(np.inf, LIPSCHITZ_MAX), (2, LIPSCHITZ_EUCLIDEAN)])
def test_no_secant_of_the_loss_is_steeper_than_its_lipschitz_constant(order, constant, smoothing):
    found = steepest_found(order, smoothing, np.random.default_rng(0))
    assert found <= constant * (1 + 1e-9)
    if smoothing == 0:
        assert found > 0.99 * constant  # the search has teeth, and the constant is the best one


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_the_searched_gradient_is_that_of_the_loss(smoothing):
    rng = np.random.default_rng(1)
    logits, outputs = rng.normal(size=(20, 4)), rng.integers(4, size=20)
    step = 1e-6 * rng.normal(size=logits.shape)
    rise = negative_log_likelihood(logits + step, outputs, smoothing)
    rise = rise - negative_log_likelihood(logits - step, outputs, smoothing)
    expected = 2 * (gradient(logits, outputs, smoothing) * step).sum(axis=1)
    np.testing.assert_allclose(rise, expected, rtol=1e-3, atol=1e-11)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("euclidean", [False, True])
@pytest.mark.parametrize("size", [0.5, 3.0, 30.0])
def test_no_bounded_logits_have_a_loss_above_the_range(size, euclidean, smoothing):
    """Projected gradient ascent from random logits in the ball."""
    rng = np.random.default_rng(2)
    for n_outputs in (2, 5, 40):
        outputs = rng.integers(n_outputs, size=200)
        logits = rng.normal(size=(200, n_outputs)) * size / 3
        for _ in range(300):
            slope = gradient(logits, outputs, min(smoothing, 1e-3))
            if euclidean:
                logits = logits + 0.3 * size * slope
                norms = np.linalg.norm(logits, axis=1, keepdims=True)
                logits = logits * np.minimum(1, size / norms)
            else:
                logits = (logits + 0.1 * size * np.sign(slope)).clip(-size, size)
        found = negative_log_likelihood(logits, outputs, smoothing).max()
        spread = LIPSCHITZ_EUCLIDEAN * size if euclidean else LIPSCHITZ_MAX * size
        limit = loss_range(n_outputs, spread, smoothing)
        assert found <= limit * (1 + 1e-9)
        if n_outputs == 2:
            assert found > 0.75 * limit
        if not euclidean:
            exact = -np.log(
                (1 - smoothing) / (1 + (n_outputs - 1) * math.exp(2 * size)) + smoothing / n_outputs
            )
            assert found == pytest.approx(exact, rel=1e-3)


@given(
    n_outputs=st.integers(1, 1000),
    spread=st.floats(0, 50),
    more=st.floats(0, 10),
    smoothing=st.floats(0, 0.9),
)
def test_the_range_grows_with_the_spread_and_never_beyond_the_smoothed_limit(
    n_outputs, spread, more, smoothing
):
    value = loss_range(n_outputs, spread, smoothing)
    assert value <= loss_range(n_outputs, spread + more, smoothing) + 1e-12
    assert value <= math.log(n_outputs) + spread + 1e-12
    if smoothing > 0:
        assert value <= math.log(n_outputs / smoothing) + 1e-9


def test_smoothing_is_a_mixture_with_the_uniform_distribution():
    logits = np.random.default_rng(3).normal(size=(1, 5)).repeat(5, axis=0)
    losses = negative_log_likelihood(logits, np.arange(5), smoothing=0.2)
    np.testing.assert_allclose(np.exp(-losses), 0.8 * softmax(logits[0]) + 0.2 / 5)


def test_impossible_ranges_are_refused():
    with pytest.raises(SettingError, match="spread"):
        loss_range(10, -1.0)
