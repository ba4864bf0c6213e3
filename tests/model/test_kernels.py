"""The polynomials of the scale that fresh kernels are made of."""

import numpy as np
import pytest
import torch

from conv4rec.model.kernels import level_polynomials

COUNTS = [[1, 1], [9, 0], [110, 180, 390, 480, 300], [0, 0, 0], [5] * 10, [1000, 0, 0, 0, 3, 2]]


@pytest.mark.parametrize("counts", COUNTS)
def test_they_are_orthonormal_under_the_shares_of_the_levels(counts):
    n_rating_channels = min(4, len(counts) - 1)
    shares = (np.array(counts) + 1.0) / (np.array(counts) + 1.0).sum()
    table = level_polynomials(torch.tensor(counts).float(), n_rating_channels).double().numpy()
    with_constant = np.column_stack([np.ones(len(counts)), table])
    gram = with_constant.T @ (shares[:, None] * with_constant)
    np.testing.assert_allclose(gram, np.eye(n_rating_channels + 1), atol=1e-5)


@pytest.mark.parametrize("counts", COUNTS)
def test_channel_c_is_a_polynomial_of_degree_c_that_ends_high(counts):
    n_rating_channels = min(4, len(counts) - 1)
    table = level_polynomials(torch.tensor(counts).float(), n_rating_channels).double().numpy()
    level = np.linspace(-1, 1, len(counts))
    for channel in range(n_rating_channels):
        fit = np.polynomial.Polynomial.fit(level, table[:, channel], channel + 1)
        np.testing.assert_allclose(fit(level), table[:, channel], atol=1e-4)
        assert fit.convert().coef[-1] > 0
    assert (np.diff(table[:, 0]) > 0).all()  # the first channel: liked, from low to high


def test_a_scale_of_one_level_has_no_rating_channel():
    assert level_polynomials(torch.tensor([7.0]), 0).shape == (1, 0)
