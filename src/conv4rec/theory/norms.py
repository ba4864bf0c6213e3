"""Norms and ranks of a weight matrix.

A matrix maps inputs (columns) to outputs (rows). The (2,1) norm adds up the Euclidean norms of
the rows: one term per output, as in Bartlett et al., who write it ||Wᵀ||_{2,1}.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conv4rec.errors import SettingError

FloatArray: TypeAlias = NDArray[np.floating[Any]]


def singular_values(weights: FloatArray) -> FloatArray:
    """Singular values, largest first. Raises SettingError for NaN, infinity or another shape."""
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 2:
        raise SettingError(f"a matrix was expected, got an array of shape {weights.shape}")
    if not np.isfinite(weights).all():
        raise SettingError("the matrix has NaN or infinite entries: no norm is defined")
    return np.linalg.svd(weights, compute_uv=False)


def spectral_norm(weights: FloatArray) -> float:
    """The largest singular value."""
    return float(singular_values(weights)[0])


def frobenius_norm(weights: FloatArray) -> float:
    """The Euclidean norm of all entries."""
    return float(np.linalg.norm(weights))


def group_norm(weights: FloatArray) -> float:
    """The (2,1) norm: the sum over rows of their Euclidean norms.

    >>> group_norm(np.array([[3.0, 4.0], [0.0, 1.0]]))
    6.0
    """
    return float(np.linalg.norm(weights, axis=1).sum())


def row_norm(weights: FloatArray) -> float:
    """The largest Euclidean norm of a row.

    >>> row_norm(np.array([[3.0, 4.0], [0.0, 1.0]]))
    5.0
    """
    return float(np.linalg.norm(weights, axis=1).max())


def schatten_norm(weights: FloatArray, p: float) -> float:
    """(Σ σ^p)^(1/p): the trace norm at p = 1, Frobenius at 2; a quasi-norm below 1.

    >>> round(schatten_norm(np.diag([4.0, 1.0]), 0.5), 12)
    9.0
    """
    if p <= 0:
        raise SettingError(f"p must be positive, got {p}")
    values = singular_values(weights)
    scale = values[0]
    return float(scale * ((values / scale) ** p).sum() ** (1 / p)) if scale > 0 else 0.0


def stable_rank(weights: FloatArray) -> float:
    """||W||_F² / ||W||²: at most the rank, little changed by small singular values. 0 for W = 0.

    >>> round(stable_rank(np.diag([2.0, 1.0])), 12)
    1.25
    """
    values = singular_values(weights)
    return float(((values / values[0]) ** 2).sum()) if values[0] > 0 else 0.0


def entropy_rank(weights: FloatArray) -> float:
    """The exponential of the entropy of the singular values over their sum; 0 for W = 0.

    Between 1 and the rank; the rank exactly when all nonzero singular values are equal.

    Reference:
        Roy and Vetterli, "The effective rank", EUSIPCO 2007.

    >>> round(entropy_rank(np.eye(3)), 12)
    3.0
    """
    values = singular_values(weights)
    if values[0] == 0:
        return 0.0
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
