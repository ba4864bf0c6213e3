"""Ranks of a learned map, and the cost of its factorisation by depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.theory.norms import (
    FloatArray,
    entropy_rank,
    singular_values,
    stable_rank,
)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The singular values of a map, largest first, with summaries."""

    values: FloatArray

    @property
    def rank(self) -> int:
        """Number of singular values above rounding error."""
        return len(_not_rounding(self.values))

    @property
    def stable_rank(self) -> float:
        """Squared Frobenius norm over squared spectral norm."""
        return stable_rank(np.diag(self.values))

    @property
    def entropy_rank(self) -> float:
        """Exp of the entropy of the singular values."""
        return entropy_rank(np.diag(self.values))


def spectrum(*factors: FloatArray) -> Spectrum:
    """The spectrum of a matrix, or of the product of several, left to right.

    The full product is never formed unless it is small: QR keeps only the thin inner parts, so
    an items x items map through a latent of size d costs items x d memory.

    >>> wide = np.ones((1000, 1))
    >>> spectrum(wide, wide.T).values, round(spectrum(np.diag([3.0, 4.0])).stable_rank, 4)
    (array([1000.]), 1.5625)
    """
    if not factors:
        raise SettingError("at least one matrix is needed")
    product = np.asarray(factors[0], dtype=np.float64)
    for factor in factors[1:]:
        if product.shape[1] != np.shape(factor)[0]:
            shapes = " x ".join(str(np.shape(each)) for each in factors)
            raise SettingError(f"these shapes do not multiply: {shapes}")
        product = _thin(product) @ factor
    return Spectrum(singular_values(product))


def factorisation_cost(weights: FloatArray, depth: int) -> float:
    """The least Σ ||A_d||_F² over all A_1 ... A_D = Z (inner sizes at least the rank of Z).

    Equals D ||Z||_{S_p}^p with p = 2/D = D Σ σ^(2/D) (statement 5). At D = 2 it is twice the
    trace norm; as D grows, a count of the nonzero singular values takes over: weight decay on
    a deeper chain asks for lower rank.

    Reference:
        Ledent and Alves, ICML 2024; at D = 2 Srebro, Rennie and Jaakkola, NeurIPS 2004.

    >>> round(factorisation_cost(np.diag([9.0, 4.0]), 2), 12)
    26.0
    """
    _check_depth(depth)
    return float(depth * (_not_rounding(singular_values(weights)) ** (2 / depth)).sum())


def balanced_factors(weights: FloatArray, depth: int) -> list[FloatArray]:
    """D matrices with product Z that attain `factorisation_cost`, all of the same norm.

    U S^(1/D), then D - 2 times S^(1/D), then S^(1/D) Vᵀ; inner size: the rank of Z.

    >>> first, second = balanced_factors(np.diag([9.0, 4.0]), 2)
    >>> (first @ second).round(12)
    array([[9., 0.], [0., 4.]])
    """
    _check_depth(depth)
    weights = np.asarray(weights, dtype=np.float64)
    if depth == 1:
        return [weights]
    u, values, vt = np.linalg.svd(weights, full_matrices=False)
    rank = max(1, Spectrum(values).rank)
    root = values[:rank] ** (1 / depth)
    return [u[:, :rank] * root, *[np.diag(root)] * (depth - 2), root[:, None] * vt[:rank]]


def trace_norm_limit(sum_of_squares: float, depth: int) -> float:
    """Bound on the trace norm of a product of D >= 2 factors by Σ ||A_d||_F²: (sum / D)^(D/2).

    Because ||Z||_{S_1} <= ||Z||_{S_p} for p <= 1: carries weight decay on a deep linear model
    into `trace_norm_bound`.

    >>> trace_norm_limit(26.0, 2)
    13.0
    """
    if depth < 2:
        raise SettingError(f"depth must be at least 2 to bound a trace norm, got {depth}")
    if sum_of_squares < 0:
        raise SettingError(f"a sum of squares is at least 0, got {sum_of_squares}")
    return (sum_of_squares / depth) ** (depth / 2)


def _not_rounding(values: FloatArray) -> FloatArray:
    """Singular values above 1e-12 of the largest: roots would magnify rounding errors."""
    return values[values > 1e-12 * values[0]]


def _thin(matrix: FloatArray) -> FloatArray:
    """A matrix of few rows, with the same singular values after any product from the right."""
    return np.linalg.qr(matrix)[1] if matrix.shape[0] > matrix.shape[1] else matrix


def _check_depth(depth: int) -> None:
    if depth < 1:
        raise SettingError(f"depth must be at least 1, got {depth}")
