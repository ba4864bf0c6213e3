import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import binom

from conv4rec.errors import SettingError
from conv4rec.theory.pac_bayes import binary_kl, gaussian_kl, invert_kl, pac_bayes_bound

unit = st.floats(0, 1)


@given(q=unit, budget=st.floats(0, 5))
def test_the_inverse_of_the_kl_spends_the_whole_budget(q, budget):
    p = invert_kl(q, budget)
    assert q <= p <= 1
    if p < 1 - 1e-9:
        assert binary_kl(q, p) == pytest.approx(budget, abs=1e-6) or p == pytest.approx(q)
        assert binary_kl(q, min(1.0, p + 1e-6)) > budget


@given(q=unit, p=st.floats(0.001, 0.999))
def test_the_binary_kl_is_that_of_two_coins_and_obeys_pinsker(q, p):
    coins = [(q, p), (1 - q, 1 - p)]
    expected = sum(a * math.log(a / b) for a, b in coins if a > 0)
    assert binary_kl(q, p) == pytest.approx(expected, abs=1e-12)
    assert binary_kl(q, p) >= 2 * (q - p) ** 2 - 1e-12


@pytest.mark.parametrize("n", [8, 9, 20, 100, 1000])
def test_the_moment_behind_the_theorem_is_below_two_root_n(n):
    """E exp(n kl(empirical || mean)) of n coins: summed exactly, the worst coin searched for."""
    heads = np.arange(n + 1)
    moments = []
    for p in np.concatenate([np.geomspace(1e-6, 0.5, 60), [0.5]]):
        divergences = np.array([binary_kl(k / n, p) for k in heads])
        moments.append(np.exp(binom.logpmf(heads, n, p) + n * divergences).sum())
    assert max(moments) <= 2 * math.sqrt(n)
    assert max(moments) > 0.6 * 2 * math.sqrt(n)  # the constant is not for nothing


def test_the_gaussian_kl_is_the_mean_log_ratio_of_densities():
    rng = np.random.default_rng(0)
    centre, prior, width = rng.normal(size=3), rng.normal(size=3), 0.7
    draws = centre + width * rng.normal(size=(400_000, 3))
    ratio = ((draws - prior) ** 2 - (draws - centre) ** 2).sum(1) / (2 * width**2)
    assert gaussian_kl(centre, prior, width) == pytest.approx(ratio.mean(), rel=0.01)


def linear_world(n_repetitions, n_users, rng):
    """Users with 4 features and a noisy like or dislike; two halves per repetition."""
    true = np.array([1.0, -0.5, 0.25, 0.0])
    features = rng.normal(size=(n_repetitions, n_users, 4))
    features /= np.linalg.norm(features, axis=2, keepdims=True)
    liked = np.sign(features @ true + 0.3 * rng.normal(size=(n_repetitions, n_users)))
    return features, liked


def ridge(features, liked):
    gram = features.transpose(0, 2, 1) @ features + np.eye(4)
    return np.linalg.solve(gram, (features.transpose(0, 2, 1) @ liked[..., None]))[..., 0]


def blurred_errors(weights, features, liked, width):
    """Probability that Gaussian weights of that width around `weights` get a user wrong: exact."""
    margins = liked * np.einsum("rd,rud->ru", weights, features)
    return ndtr(-margins / width)  # features have norm 1


def test_the_bound_with_a_prior_from_the_first_half_holds_in_1000_repetitions():
    rng = np.random.default_rng(1)
    width, half = 0.15, 60
    features, liked = linear_world(1000, 2 * half, rng)
    prior = ridge(features[:, :half], liked[:, :half])
    posterior = ridge(features, liked)
    second = blurred_errors(posterior, features[:, half:], liked[:, half:], width).mean(1)
    fresh, answers = linear_world(1, 20_000, rng)
    bounds, expected = [], []
    for w, w0, loss in zip(posterior, prior, second, strict=True):
        bounds.append(pac_bayes_bound(loss, gaussian_kl(w, w0, width), half).value)
        expected.append(blurred_errors(w[None], fresh, answers, width).mean())
    failures = int((np.array(bounds) < expected).sum())
    assert failures <= binom.ppf(0.9999, 1000, 0.05)
    assert np.mean(bounds) < 0.6  # not vacuous
    assert np.mean(bounds) - np.mean(expected) < 0.35


@pytest.mark.parametrize("mean", [0.02, 0.3])
def test_with_a_kl_of_zero_it_is_a_bound_on_a_mean(mean):
    """A fixed predictor: coin losses. At 50% confidence slack is small and failures are seen."""
    rng = np.random.default_rng(2)
    sample_means = rng.binomial(100, mean, size=1000) / 100
    bounds = np.array([pac_bayes_bound(q, 0.0, 100, 0.5).value for q in sample_means])
    assert (bounds < mean).sum() <= binom.ppf(0.9999, 1000, 0.5)
    assert np.mean(bounds) < mean + 0.25


def test_a_monte_carlo_mean_widens_the_bound_and_it_still_holds():
    """Posterior loss 0.3 exactly: its Monte Carlo mean over 20 draws is often too low."""
    rng = np.random.default_rng(3)
    n_draws = 20
    draws = rng.beta(0.3, 0.7, size=(1000, n_draws)).mean(1)  # draws of weights: skewed losses
    bounds = [pac_bayes_bound(q, 0.0, 10**7, 0.9, n_draws=n_draws) for q in draws]
    failures = sum(bound.randomised_loss < 0.3 for bound in bounds)
    assert failures <= binom.ppf(0.9999, 1000, 0.05)
    assert failures < (draws < 0.3).sum()  # which fails about half of the time
    exact = pac_bayes_bound(0.3, 5.0, 1000)
    assert exact.randomised_loss == 0.3
    assert pac_bayes_bound(0.3, 5.0, 1000, n_draws=1000).value > exact.value
    many = pac_bayes_bound(0.3, 5.0, 1000, n_draws=10**9)
    assert many.value == pytest.approx(exact.value, abs=0.004)


@given(
    loss=st.floats(0, 0.9), kl=st.floats(0, 200), n=st.integers(8, 10**6), more=st.floats(0.1, 9)
)
def test_the_bound_grows_with_loss_kl_and_confidence_and_falls_with_n(loss, kl, n, more):
    value = pac_bayes_bound(loss, kl, n).value
    assert pac_bayes_bound(min(1.0, loss + more / 100), kl, n).value >= value
    assert pac_bayes_bound(loss, kl + more, n).value >= value
    assert pac_bayes_bound(loss, kl, n, 0.99).value >= value
    assert pac_bayes_bound(loss, kl, 4 * n).value <= value + 1e-12


def test_the_complexity_is_kl_plus_log_over_n():
    bound = pac_bayes_bound(0.1, 7.0, 400, 0.9)
    assert bound.complexity == pytest.approx((7.0 + math.log(2 * 20 / 0.1)) / 400)
    assert binary_kl(0.1, bound.value) == pytest.approx(bound.complexity)
    assert not bound.vacuous
    assert pac_bayes_bound(1.0, 0.0, 400).vacuous


def test_invalid_arguments_are_refused():
    with pytest.raises(SettingError, match="at least 8"):
        pac_bayes_bound(0.1, 1.0, 7)
    with pytest.raises(SettingError, match="empirical_loss"):
        pac_bayes_bound(1.1, 1.0, 100)
    with pytest.raises(SettingError, match="width"):
        gaussian_kl(np.ones(2), np.ones(2), 0.0)
