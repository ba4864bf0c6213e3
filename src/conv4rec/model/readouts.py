"""Expected rating and probability of liking, from P(k | i, history)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def expected_rating(p_rating: np.ndarray, values: Sequence[float]) -> np.ndarray:
    """Sum of level x probability, the predictor with the least squared error: (...,).

    Args:
        p_rating: (..., levels), each row sums to 1.
        values: the rating each level stands for.

    >>> expected_rating(np.array([0.5, 0.0, 0.5]), [1.0, 2.0, 3.0]).item()
    2.0
    """
    # einsum, not @: OpenBLAS would copy p_rating to float64 and may raise spurious FP flags
    # (numpy/numpy#24067).
    return np.einsum("...k,k->...", p_rating, np.asarray(values))


def p_like(p_rating: np.ndarray, like_level: int) -> np.ndarray:
    """Probability of a rating at `like_level` or above, if the item is consumed: (...,).

    >>> p_like(np.array([0.5, 0.25, 0.25]), like_level=1).item()
    0.5
    """
    return np.minimum(p_rating[..., like_level:].sum(-1), 1.0)
