"""Ordered probit: probabilities of levels and moments, against numerical integrals."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from conv4rec.model.ordinal import EDGE, interval_probability, level_log_probabilities, sites


def test_probabilities_are_differences_of_the_normal_distribution_and_sum_to_one():
    thresholds = torch.tensor([-1.0, 0.3, 0.9])
    mean, variance = torch.tensor([0.0, 2.5]), torch.tensor([1.0, 4.0])
    found = level_log_probabilities(mean, variance, thresholds).exp()
    for row, (m, v) in enumerate(zip(mean, variance, strict=True)):
        below = [0.0, *ndtr(((thresholds - m) / v.sqrt()).numpy()), 1.0]
        np.testing.assert_allclose(found[row], np.diff(below), rtol=1e-5)
    torch.testing.assert_close(found.sum(1), torch.ones(2))


@given(mean=st.floats(-50, 50), variance=st.floats(1e-3, 1e3))
def test_every_level_has_a_positive_probability(mean, variance):
    thresholds = torch.tensor([-1.0, 0.0, 2.0])
    found = level_log_probabilities(torch.tensor(mean), torch.tensor(variance), thresholds)
    assert torch.isfinite(found).all()
    assert found.exp().sum().item() == pytest.approx(1.0, abs=1e-5)


def test_small_probabilities_are_the_same_in_both_tails():
    left = interval_probability(torch.tensor(-9.0).double(), torch.tensor(-8.0).double())
    right = interval_probability(torch.tensor(8.0).double(), torch.tensor(9.0).double())
    assert left == right > 0


@pytest.mark.parametrize("interval", [(-EDGE, -1.0), (-0.5, 0.2), (1.0, EDGE)])
def test_a_site_gives_the_moments_of_the_posterior(interval):
    mean, known, noise = 0.7, 0.8, 0.5
    grid = np.linspace(-8, 8, 40_001)
    prior = np.exp(-((grid - mean) ** 2) / (2 * known))
    deviation = np.sqrt(noise)
    posterior = prior * (
        ndtr((interval[1] - grid) / deviation) - ndtr((interval[0] - grid) / deviation)
    )
    posterior /= posterior.sum()
    center = posterior @ grid
    spread = posterior @ (grid - center) ** 2
    values = (torch.tensor([x]).double() for x in (mean, known, noise, *interval))
    precision, value = (float(x) for x in sites(*values))
    together = 1 / known + precision
    assert 1 / together == pytest.approx(spread, rel=1e-4)
    assert (mean / known + precision * value) / together == pytest.approx(center, rel=1e-4)


def test_a_rating_has_less_information_than_its_latent_value():
    precision, _ = sites(*(torch.tensor([x]).double() for x in (0.0, 1.0, 0.5, -0.3, 0.3)))
    assert 0 < float(precision) < 2
