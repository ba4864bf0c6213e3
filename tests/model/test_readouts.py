"""Expected rating and P(like) from the probabilities of the levels."""

import numpy as np
import pytest

from conv4rec.model.readouts import expected_rating, p_like


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (0, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_they_are_sums_over_the_last_axis(shape, dtype, rng):
    p = rng.dirichlet(np.ones(4), size=shape[:-1]).astype(dtype)
    values = [0.5, 1.0, 2.5, 4.0]
    np.testing.assert_allclose(expected_rating(p, values), (p * np.array(values)).sum(-1), 1e-6)
    for level in range(5):
        np.testing.assert_allclose(p_like(p, level), p[..., level:].sum(-1))
    assert expected_rating(p, values).shape == shape[:-1]
