"""The discretised Gaussian: level probabilities for a model that predicts one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

from conv4rec.errors import SettingError
from conv4rec.evaluate.rating import log_losses
from conv4rec.evaluate.scorer import FloatArray, IntArray


@dataclass(frozen=True)
class DiscretisedGaussian:
    """Level probabilities from a Gaussian around a predicted rating, cut halfway between levels.

        P(k | r) = Φ((e_k - r) / σ) - Φ((e_{k-1} - r) / σ),   e_k = (v_k + v_{k+1}) / 2

    with v_k the value of level k, and e = ±infinity at the ends of the scale.

    >>> DiscretisedGaussian((1.0, 2.0, 3.0), sigma=0.5).probabilities(np.array([2.0])).round(2)
    array([[0.16, 0.68, 0.16]])
    """

    values: tuple[float, ...]
    """Ratings of the levels, ascending."""
    sigma: float
    """Standard deviation, in units of the rating scale."""

    @classmethod
    def fit(
        cls, values: tuple[float, ...], predictions: FloatArray, level_numbers: IntArray
    ) -> DiscretisedGaussian:
        """Choose the σ with the least mean -log P(observed level) on these predictions.

        σ is searched between a hundredth and twice the width of the scale.

        Args:
            values: Ratings of the levels, ascending.
            predictions: Predicted ratings of validation pairs. The predictor must not be fitted
                on these pairs, or σ is too small.
            level_numbers: Observed levels of the same pairs.

        Raises:
            SettingError: There are no validation pairs.
        """
        if len(predictions) == 0:
            raise SettingError("the Gaussian needs at least one validation rating to fit its sigma")
        span = max(values) - min(values) or 1.0

        def loss(log_sigma: float) -> float:
            gaussian = cls(values, np.exp(log_sigma))
            return float(log_losses(gaussian.probabilities(predictions), level_numbers).mean())

        bounds = (np.log(0.01 * span), np.log(2.0 * span))
        found: Any = minimize_scalar(loss, bounds=bounds, method="bounded")
        return cls(values, float(np.exp(found.x)))

    def probabilities(self, predictions: FloatArray) -> NDArray[np.float64]:
        """P(k | prediction): pairs × levels, each row summing to one."""
        scale = np.asarray(self.values, dtype=np.float64)
        edges = np.concatenate([[-np.inf], (scale[:-1] + scale[1:]) / 2, [np.inf]])
        z = (edges - np.asarray(predictions, dtype=np.float64)[:, None]) / self.sigma
        lower, upper = z[:, :-1], z[:, 1:]
        # In the upper tail Φ rounds to 1: the difference is taken in the lower tail instead.
        mirrored = lower > 0
        return np.where(mirrored, ndtr(-lower) - ndtr(-upper), ndtr(upper) - ndtr(lower))
