"""Conditional draws of one side of the matrix factorisation: prior, factors, user noise precision.

The factors of a row are normal around a regression on the features of its implicit feedback:
(p_u, b_u) ~ N((1, f_u) B, inverse precision). B has a normal prior whose precision is `ridge`
times that of the factors, with an exponential prior on `ridge`, so the data choose how much the
features matter. The precision has a Wishart prior.

References:
    Salakhutdinov & Mnih, "Bayesian probabilistic matrix factorization using Markov chain Monte
    Carlo", ICML 2008 (the normal-Wishart prior); Simm et al., "Macau: scalable Bayesian
    factorization with high-dimensional side information", MLSP 2017 (B).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.special import gammaln
from torch import Tensor

from conv4rec.model.normal_equations import Observations, draw, few_entries, observations, sums
from conv4rec.model.sparse import SparsePattern
from conv4rec.train.processes import Part
from conv4rec.train.random_draws import normals

START = 0.1  # standard deviation of the first factors
PRIOR_ROWS = 5.0  # prior mean of `Side.ridge`, and its first value
CONSTANT_RIDGE = 2.0  # of the constant feature, whose coefficient many rows determine
EXTRA_FREEDOM = 0  # degrees of freedom of the Wishart prior, beyond the width of a draw
NU_GRID = 2.0 ** (np.arange(13) / 2)  # degrees of freedom, 1 to 64: a large nu makes users alike


@dataclass
class Side:
    """Users or items: their ratings, features and current draw.

    Of several processes each has the entries of its own rows, and the factors of all.
    """

    pattern: SparsePattern  # rated entries, by row of this side: those of `part`, int32
    order: Tensor | None  # of the items: the place of each entry among those of all users
    features: Tensor  # rows x (1 + features), float64: a constant first
    features_gram: np.ndarray  # (1 + features) x (1 + features)
    factors: Tensor  # rows x size
    prior: Tensor  # (1 + features) x size: B
    precision: Tensor  # size x size
    part: Part
    few_starts: Tensor  # where the entries of each row with few begin among all of these: rows + 1
    ridge: float = PRIOR_ROWS  # precision of B, in units of `precision`

    @classmethod
    def start(
        cls,
        matrix: Any,
        features: np.ndarray,
        size: int,
        rng: np.random.Generator,
        order: np.ndarray | None = None,
        device: str = "cpu",
    ) -> Side:
        """A side at random factors.

        Args:
            matrix: sparse; its entries are the rated ones.
            features: rows x features.
            size: width of a draw.
            rng: of the factors.
            order: per entry, of the items.
            device: where the side will be.
        """
        n_rows, n_columns = matrix.shape
        starts = torch.from_numpy(matrix.indptr.astype(np.int64))
        part, lengths = Part.own(starts), starts.diff()
        few_starts = torch.where(lengths <= few_entries(size), lengths, 0).cumsum(0)
        starts = starts[part.rows.start : part.rows.stop + 1] - part.entries.start
        columns = torch.from_numpy(matrix.indices[part.entries])
        factors = torch.from_numpy(rng.standard_normal((n_rows, size)).astype(np.float32))
        features = np.concatenate([np.ones((n_rows, 1)), features], 1)
        return cls(
            SparsePattern(starts.to(device), columns.to(device), n_columns),
            None if order is None else torch.from_numpy(order[part.entries]).to(device),
            torch.from_numpy(features).to(device),
            features.T @ features,
            (factors * START).to(device),
            torch.zeros(features.shape[1], size, device=device),
            torch.eye(size, device=device),
            part,
            torch.cat([torch.zeros(1, dtype=torch.int64), few_starts]).to(device),
        )


def draw_prior(side: Side, rng: np.random.Generator) -> None:
    """B, the precision and the ridge, given the factors: a regression of them on the features."""
    factors, n_features, size = side.factors.double(), len(side.features_gram), len(side.factors.T)
    ridge = np.full(n_features, side.ridge)
    ridge[0] = CONSTANT_RIDGE
    inverse = np.linalg.inv(side.features_gram + np.diag(ridge))
    cross = (side.features.T @ factors).cpu().numpy()
    squares = (factors.T @ factors).cpu().numpy()
    mean = inverse @ cross
    # The squares of the residuals and those of the mean, in units of the prior, are together
    # F'F - M'X'F: the mean solves the normal equations.
    scatter = np.eye(size) + squares - mean.T @ cross
    precision = wishart(np.linalg.inv(scatter), size + EXTRA_FREEDOM + len(factors), rng)
    draw = rng.standard_normal((n_features, size))
    root = np.linalg.inv(np.linalg.cholesky(precision))  # root' root is the covariance
    prior = mean + np.linalg.cholesky(inverse) @ draw @ root
    slopes = prior[1:]  # without the constant
    of_slopes = float(((slopes @ precision) * slopes).sum())
    rate = 1.0 / PRIOR_ROWS + of_slopes / 2
    side.ridge = float(rng.gamma(1.0 + slopes.size / 2, 1.0 / rate))
    side.prior = torch.from_numpy(prior).to(side.factors)
    side.precision = torch.from_numpy(precision).to(side.factors)


def draw_factors(
    side: Side,
    other: Tensor,
    values: Tensor,
    weights: Tensor,
    noise: Tensor,
    rng: np.random.Generator,
) -> None:
    """The factors, given the other side and the prior.

    Args:
        side: whose draw is replaced.
        other: factors of the other side.
        values: the latent value of each entry; for items, of those of all users.
        weights: of the other side's rows: the precision of their entries, in units of `noise`.
        noise: precision of the latent values of each row.
        rng: of the draws.
    """
    rows, size = side.part.rows, side.factors.shape[1]
    own_values = values if side.order is None else values[side.order]
    device = side.factors.device
    prior = side.features[rows].float() @ side.prior
    normal = normals(rng, tuple(side.factors.shape), device, np.float64)[rows]
    root = torch.linalg.cholesky(side.precision)
    own = prior + torch.linalg.solve_triangular(root, normal, upper=False, left=False)
    errors = normals(rng, (int(side.few_starts[-1]),), device)
    observed = partial(
        observations, side.pattern, other, own_values, column_precision=weights, row_precision=noise
    )
    few = few_entries(size)
    observe_few(own, side, observed(at_most=few), errors)
    for many in observed(more_than=few):
        at = many.padding.rows
        own[at] = draw(*sums(many, size), prior[at], side.precision, normal[at])
    side.factors = side.part.join_rows(own)


def observe_few(own: Tensor, side: Side, observed: Iterable[Observations], errors: Tensor) -> None:
    """Turn draws from the prior into draws given the entries, for rows with few of them.

    A draw x of the prior says z x of an entry that is y; what it lacks, y - z x less the error of
    an observation, moves it: x + C Z' (Z C Z' + D)^-1 (y - Z x - e), with C the covariance of the
    prior, D that of the errors e. The system has the size of the entries, not of the factors.

    Args:
        own: own rows x size; draws of the prior, which are replaced.
        side: whose rows.
        observed: of the rows with few entries.
        errors: standard normal, one for each entry of such rows, of all processes.

    Reference:
        Hoffman and Ribak, "Constrained realizations of Gaussian fields", ApJ Letters 380, 1991.
    """
    covariance = torch.cholesky_inverse(torch.linalg.cholesky(side.precision))
    starts, size = side.few_starts[side.part.rows], own.shape[1]
    for few in observed:
        at, width = few.padding.rows, few.table.shape[1]
        scaled = few.table * few.precision.sqrt()[:, :, None]  # 0: no entry
        z, y = scaled[:, :, :size], scaled[:, :, size]
        place = starts[at, None] + torch.arange(width, device=at.device)
        error = errors[place.clamp_(max=len(errors) - 1)]
        lacks = y - (z @ own[at, :, None])[:, :, 0] - error
        moves = z @ covariance
        system = moves @ z.transpose(1, 2) + torch.eye(width, device=z.device)
        solved = torch.cholesky_solve(lacks[:, :, None], torch.linalg.cholesky(system))
        own[at] += (solved.transpose(1, 2) @ moves)[:, 0]


def draw_user_precision(
    users: Side, squares: Tensor, nu: float, rng: np.random.Generator
) -> tuple[Tensor, float]:
    """The user noise precision w, a gamma given the squared errors; then nu, one of `NU_GRID`.

    Args:
        users: their ratings are counted.
        squares: per own user: the sum of squared errors of the latent values, times the noise
            precision.
        nu: degrees of freedom of the prior of w.
        rng: of the draws.

    Returns:
        w of all users, and nu.
    """
    join = users.part.join_rows
    n_ratings = join(users.pattern.row_starts.diff()).cpu().numpy()
    user_precision = rng.gamma((nu + n_ratings) / 2, 2.0 / (nu + join(squares).cpu().numpy()))
    half, rated = NU_GRID / 2, user_precision[n_ratings > 0]
    summed = (np.log(rated) - rated).sum()
    log_probabilities = len(rated) * (half * np.log(half) - gammaln(half)) + half * summed
    probabilities = np.exp(log_probabilities - log_probabilities.max())
    nu = float(rng.choice(NU_GRID, p=probabilities / probabilities.sum()))
    return torch.from_numpy(user_precision).to(users.factors), nu


def wishart(scale: np.ndarray, nu: int, rng: np.random.Generator) -> np.ndarray:
    """A draw of the Wishart distribution of mean `nu` x `scale` (Bartlett decomposition)."""
    size = len(scale)
    root = np.linalg.cholesky((scale + scale.T) / 2)
    lower = np.tril(rng.standard_normal((size, size)), -1)
    lower[np.diag_indices(size)] = np.sqrt(rng.chisquare(nu - np.arange(size)))
    return root @ lower @ lower.T @ root.T
