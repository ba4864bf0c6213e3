"""The discretised Gaussian: proper probabilities, and a sigma that recovers the noise."""

import numpy as np
import pytest

from conv4rec.errors import SettingError
from conv4rec.evaluate import DiscretisedGaussian
from conv4rec.evaluate.rating import log_losses

VALUES = (1.0, 2.0, 3.0, 4.0, 5.0)


def noisy_ratings(sigma: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Predictions, and levels nearest to the prediction plus Gaussian noise."""
    rng = np.random.default_rng(0)
    predictions = rng.uniform(1, 5, size=n)
    ratings = np.clip(np.rint(predictions + sigma * rng.normal(size=n)), 1, 5)
    return predictions, ratings.astype(int) - 1


@pytest.mark.parametrize("sigma", [0.4, 1.0])
def test_the_fitted_width_recovers_the_noise(sigma):
    fitted = DiscretisedGaussian.fit(VALUES, *noisy_ratings(sigma))
    assert fitted.sigma == pytest.approx(sigma, rel=0.03)


def test_no_other_width_has_a_smaller_loss():
    predictions, levels = noisy_ratings(0.8, n=500)
    best = DiscretisedGaussian.fit(VALUES, predictions, levels)
    for factor in (0.9, 1.1):
        other = DiscretisedGaussian(VALUES, best.sigma * factor)
        ours, theirs = (
            log_losses(gaussian.probabilities(predictions), levels) for gaussian in (best, other)
        )
        assert ours.mean() < theirs.mean()


def test_probabilities_sum_to_one_and_stay_positive_far_from_the_prediction():
    probabilities = DiscretisedGaussian(VALUES, sigma=0.2).probabilities(
        np.array([-1.0, 1.0, 5.0, 7.0])
    )
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert (probabilities > 0).all()


def test_reversing_the_scale_reverses_the_probabilities():
    probabilities = DiscretisedGaussian(VALUES, sigma=0.7).probabilities(np.array([1.7, 4.3]))
    np.testing.assert_allclose(probabilities[0], probabilities[1, ::-1], rtol=1e-12)


def test_one_level_is_certain():
    assert DiscretisedGaussian((5.0,), sigma=1.0).probabilities(np.array([5.0])).tolist() == [[1.0]]


def test_no_validation_ratings_is_an_error_that_says_so():
    with pytest.raises(SettingError, match="at least one validation rating"):
        DiscretisedGaussian.fit(VALUES, np.zeros(0), np.zeros(0, dtype=int))
