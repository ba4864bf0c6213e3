"""Calibration against scikit-learn, with ties, and on forecasts that are right by design."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score

from conv4rec.evaluate.calibration import auc, ece, reliability


def forecasts(seed: int, n: int = 2000, decimals: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with many ties, and outcomes of other probabilities."""
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 1, size=n).round(decimals)
    return p, rng.random(n) < p**1.3


@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_the_reliability_table_is_scikit_learns_calibration_curve(decimals):
    p, liked = forecasts(0, decimals=decimals)
    table = reliability(p, liked, n_bins=15)
    observed, predicted = calibration_curve(liked, p, n_bins=15, strategy="quantile")
    np.testing.assert_allclose(table.predicted, predicted)
    np.testing.assert_allclose(table.observed, observed)
    assert table.n.sum() == len(p)
    expected = np.sum(table.n * np.abs(observed - predicted)) / len(p)
    assert ece(p, liked) == pytest.approx(expected)


def test_bins_hold_equal_shares_when_nothing_is_tied():
    p, liked = forecasts(1, n=1500, decimals=16)
    assert set(reliability(p, liked, n_bins=15).n) == {100}


@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_auc_agrees_with_scikit_learn(decimals):
    p, liked = forecasts(2, decimals=decimals)
    assert auc(p, liked) == pytest.approx(roc_auc_score(liked, p))


@pytest.mark.parametrize("outcome", [True, False])
def test_auc_of_a_single_class_is_nan(outcome):
    assert np.isnan(auc(np.array([0.1, 0.2]), np.array([outcome, outcome])))


def test_the_order_of_the_pairs_does_not_matter():
    p, liked = forecasts(3, decimals=1)
    shuffled = np.random.default_rng(0).permutation(len(p))
    assert ece(p, liked) == pytest.approx(ece(p[shuffled], liked[shuffled]))
    assert auc(p, liked) == pytest.approx(auc(p[shuffled], liked[shuffled]))


def test_true_probabilities_have_a_small_error_and_shifted_ones_have_the_shift():
    rng = np.random.default_rng(4)
    p = rng.uniform(0.2, 0.7, size=200_000)
    liked = rng.random(len(p)) < p
    assert ece(p, liked) < 0.01
    assert ece(p + 0.2, liked) == pytest.approx(0.2, abs=0.01)


def test_equal_probabilities_make_one_bin():
    table = reliability(np.full(10, 0.5), np.arange(10) < 8)
    assert (table.n.tolist(), table.observed.tolist()) == ([10], [0.8])
