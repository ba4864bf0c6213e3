import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from conv4rec.errors import SettingError
from conv4rec.theory.certificates import certify
from conv4rec.theory.means import betting, empirical_bernstein, hoeffding

METHODS = {"hoeffding": hoeffding, "bernstein": empirical_bernstein, "betting": betting}

DISTRIBUTIONS = {  # name: (sampler, mean) of losses in [0, 1]
    "rare disasters": (lambda rng, size: (rng.random(size) < 0.02) * 1.0, 0.02),
    "rare successes": (lambda rng, size: (rng.random(size) > 0.05) * 1.0, 0.95),
    "coin": (lambda rng, size: (rng.random(size) < 0.5) * 1.0, 0.5),
    "u-shaped": (lambda rng, size: rng.beta(0.05, 0.2, size), 0.2),
    "uniform": (lambda rng, size: rng.random(size), 0.5),
    "capped pareto": (  # 0.01 (1 - U)^(-1/1.1), at most 1: mean by the tail integral
        lambda rng, size: np.minimum(1.0, 0.01 * rng.random(size) ** (-1 / 1.1)),
        0.01 + 0.01**1.1 * (0.01**-0.1 - 1) / 0.1,
    ),
    "constant": (lambda _, size: np.full(size, 0.3), 0.3),
}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("method", METHODS)
def test_the_bound_fails_at_most_as_often_as_its_confidence_allows(method, distribution):
    """1,000 repetitions of 150 users at three confidences; binomial error allowed for."""
    sample, mean = DISTRIBUTIONS[distribution]
    losses = sample(np.random.default_rng(0), (1000, 150))
    assert losses.mean() == pytest.approx(mean, rel=0.05)
    for confidence in (0.5, 0.9, 0.95):
        failures = int((METHODS[method](losses, confidence) < mean - 1e-12).sum())
        assert failures <= binom.ppf(0.9999, 1000, 1 - confidence)


@pytest.mark.parametrize("n", [1, 2, 10])
@pytest.mark.parametrize("method", METHODS)
def test_the_bound_holds_for_few_users(method, n):
    for sample, mean in DISTRIBUTIONS.values():
        losses = sample(np.random.default_rng(1), (2000, n))
        failures = int((METHODS[method](losses, 0.8) < mean - 1e-12).sum())
        assert failures <= binom.ppf(0.9999, 2000, 0.2)


def test_betting_is_tighter_than_hoeffding_wherever_the_variance_is_small():
    rng = np.random.default_rng(2)
    for n in (50, 200, 1000):
        for centre in (0.05, 0.3, 0.7):
            for spread in (0.0, 0.02, 0.1):
                losses = (centre + spread * rng.uniform(-1, 1, size=(40, n))).clip(0, 1)
                assert (betting(losses) < hoeffding(losses)).all()


def test_betting_is_tighter_than_empirical_bernstein_on_average():
    rng = np.random.default_rng(3)
    for sample, _ in DISTRIBUTIONS.values():
        losses = sample(rng, (50, 300))
        assert betting(losses).mean() < empirical_bernstein(losses).mean()


def test_at_the_largest_variance_betting_is_hardly_worse_than_hoeffding():
    losses = (np.random.default_rng(4).random((100, 1000)) < 0.5) * 1.0
    assert betting(losses).mean() - 0.5 < 1.25 * (hoeffding(losses).mean() - 0.5)


def played(losses, confidence, candidate):
    """The capital process by the letter: does a gambler against `candidate` become rich?"""
    capital, seen, squares, richest = 1.0, [], 0.25, 0.0
    for loss in losses:
        variance = squares / (len(seen) + 1)
        stake = math.sqrt(2 * math.log(1 / (1 - confidence)) / (len(losses) * variance))
        stake = min(stake, 0.75 / (1 - candidate))
        capital *= 1 - stake * (loss - candidate)
        seen.append(loss)
        squares += (loss - (0.5 + sum(seen)) / (len(seen) + 1)) ** 2
        richest = max(richest, capital)
    return richest >= 1 / (1 - confidence)


@given(
    losses=st.lists(st.floats(0, 1), min_size=5, max_size=60),
    confidence=st.floats(0.5, 0.99),
)
def test_betting_is_the_capital_process_inverted(losses, confidence):
    upper = float(betting(np.array(losses), confidence))
    for candidate in np.linspace(0.01, 0.99, 25):
        if abs(candidate - upper) > 1e-6:
            assert played(losses, confidence, candidate) == (candidate > upper)


def test_the_bounds_are_their_formulas():
    losses = np.array([0.0, 0.5, 1.0, 0.25, 0.25, *[0.1] * 95])
    mean, n = losses.mean(), 100
    assert hoeffding(losses, 0.9) == pytest.approx(mean + math.sqrt(math.log(10) / 200))
    variance = ((losses - mean) ** 2).sum() / 99
    nats = math.log(2 / 0.1)
    expected = mean + math.sqrt(2 * variance * nats / n) + 7 * nats / (3 * 99)
    assert empirical_bernstein(losses, 0.9) == pytest.approx(expected)


@pytest.mark.parametrize("method", METHODS)
@given(losses=st.lists(st.floats(0, 1), min_size=1, max_size=40), confidence=st.floats(0.5, 0.99))
def test_the_bound_lies_between_the_mean_and_one_and_grows_with_confidence(
    method, losses, confidence
):
    certificate = certify(np.array(losses), confidence, method)
    assert certificate.mean - 1e-9 <= certificate.upper <= 1
    assert certify(np.array(losses), (1 + confidence) / 2, method).upper >= certificate.upper - 1e-9
    assert certificate.at_least == 1 - certificate.upper
    assert certificate.vacuous == (certificate.upper >= 1)


def test_the_order_of_users_is_drawn_and_not_the_one_given():
    """Sorted losses are fine: a seed shuffles them, the same way every time."""
    losses = np.sort(np.random.default_rng(5).beta(0.3, 1.0, size=400))
    first = certify(losses)
    assert certify(losses) == first
    assert certify(losses, seed=1).upper != first.upper
    shuffled = [certify(losses, seed=seed).upper for seed in range(20)]
    assert abs(float(betting(losses)) - np.mean(shuffled)) > 5 * np.std(shuffled)


def test_many_samples_at_once_are_the_samples_one_by_one():
    losses = np.random.default_rng(6).random((3, 4, 30))
    for bound in METHODS.values():
        together = bound(losses, 0.9)
        for index in np.ndindex(3, 4):
            assert together[index] == pytest.approx(float(bound(losses[index], 0.9)))


@pytest.mark.parametrize("bad", [[0.5, 1.5], [-0.1], [np.nan], []])
def test_losses_outside_zero_to_one_are_refused(bad):
    with pytest.raises(SettingError, match="loss"):
        certify(np.array(bad))


def test_unknown_methods_and_tables_are_refused():
    with pytest.raises(SettingError, match="betting"):
        certify(np.array([0.5]), method="guess")  # pyright: ignore[reportArgumentType]
    with pytest.raises(SettingError, match="one entry per user"):
        certify(np.ones((2, 2)))
