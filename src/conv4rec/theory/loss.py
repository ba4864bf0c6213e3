"""Lipschitz constants and range of the cross-entropy, as the bounds use them.

Statement 1. The gradient of log Σ exp(z) - z_y in the logits z is p - e_y. Its l1 norm is
2(1 - p_y) < 2, so the loss is 2-Lipschitz in the largest-entry norm; its Euclidean norm is at
most √2, so the loss is √2-Lipschitz in the Euclidean norm (the first alone would give 2). Both
hold for a softmax over any subset of the outputs (items already seen left out), for a mean over
several targets, and for the smoothed model (1 - η) softmax(z) + η/M: mixing multiplies the
gradient by a number below 1.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from conv4rec.errors import SettingError
from conv4rec.theory.norms import FloatArray

LIPSCHITZ_MAX = 2.0
"""Of cross-entropy in the largest-entry norm of the logits."""
LIPSCHITZ_EUCLIDEAN = math.sqrt(2.0)
"""Of cross-entropy in the Euclidean norm of the logits."""


def negative_log_likelihood(
    logits: FloatArray, outputs: np.ndarray, smoothing: float = 0.0
) -> FloatArray:
    """Cross-entropy in nats: rows x outputs logits, one output number per row, one loss per row.

    With `smoothing` η, of the model mixed with a share η of the uniform distribution.

    >>> negative_log_likelihood(np.zeros((1, 4)), np.array([2])).round(4)
    array([1.3863])
    """
    chosen = np.take_along_axis(logits, np.asarray(outputs)[..., None], axis=-1)[..., 0]
    log_p = chosen - logsumexp(logits, axis=-1)
    if smoothing == 0.0:
        return -log_p
    return -np.log((1 - smoothing) * np.exp(log_p) + smoothing / logits.shape[-1])


def loss_range(n_outputs: int, spread: float, smoothing: float = 0.0) -> float:
    """B, the largest loss: log M + spread, where no two logits are further apart than `spread`.

    Two logits differ by at most 2Λ when each is at most Λ in size, and by √2Λ when Λ bounds
    their Euclidean norm. With `smoothing` η the largest loss is
    log M - log((1 - η) e^-spread + η) <= log(M / η), however large the logits are.

    Args:
        n_outputs: M = items x levels (an overestimate only makes B larger).
        spread: Bound on z_j - z_y over all pairs of outputs.
        smoothing: η, the share of the uniform distribution that the model is mixed with.

    >>> round(loss_range(10, 0.0), 4), round(loss_range(10, 1e9, smoothing=0.01), 4)
    (2.3026, 6.9078)
    """
    if n_outputs < 1 or spread < 0 or not 0 <= smoothing < 1:
        raise SettingError(
            "n_outputs must be at least 1, spread at least 0 and smoothing in [0, 1), "
            f"got {n_outputs}, {spread} and {smoothing}"
        )
    if smoothing == 0.0:
        return math.log(n_outputs) + spread
    return math.log(n_outputs) - math.log((1 - smoothing) * math.exp(-spread) + smoothing)
