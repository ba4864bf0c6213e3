"""The posterior of each row's factors, given normal observations of its entries.

A row's factors and offset are normal with mean `prior` and one `precision` P for all rows, C its
inverse. An entry is an observation y = z . (factors, offset) + error, of precision w. Rows with
many entries are solved by a system of the size of the factors; rows with few by one of the size
of their entries, the same posterior: with Z and y scaled by the root of w, the two are

    (P + Z'Z)^-1 (P prior + Z'y)    and    prior + C Z' (Z C Z' + 1)^-1 (y - Z prior).

Reference:
    Rasmussen and Williams, "Gaussian processes for machine learning", 2006, section 2.1: weights
    and functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from conv4rec.model.normal_equations import (
    Observations,
    few_entries,
    normal_equations,
    observations,
    sums,
)
from conv4rec.model.sparse import SparsePattern


@dataclass(frozen=True)
class RowPosterior:
    """What is known of rows and of their entries."""

    mean: Tensor  # rows x size: of the factors and the offset
    spread: Tensor  # rows: the mean square of a draw's distance from `mean`, weighed by `weighing`
    variance: Tensor  # entries: of z . (factors, offset)


def row_posterior(
    pattern: SparsePattern,
    factors: Tensor,
    values: Tensor,
    weights: Tensor,
    prior: Tensor,
    precision: Tensor,
    weighing: Tensor,
) -> RowPosterior:
    """The posterior of all rows, those of similar length together.

    Memory: about 16 x `normal_equations.CELLS` x size bytes, beside the result.

    Args:
        pattern: whose rows.
        factors: columns x size: (q, c), of which z is (q, 1), and y is the entry's value - c.
        values: of the entries.
        weights: of the entries: the precision of their errors; 0 where nothing was observed.
        prior: rows x size.
        precision: size x size.
        weighing: size x size: `spread` is the trace of the covariance times this.
    """
    size, few = factors.shape[1], few_entries(factors.shape[1])
    root = torch.linalg.cholesky(precision)
    eye = torch.eye(size, dtype=root.dtype, device=root.device)
    whitened = torch.linalg.solve_triangular(root, eye, upper=False)  # whitened' whitened = C
    spread = ((whitened @ weighing) * whitened).sum().expand(len(prior)).clone()
    found = RowPosterior(prior.clone(), spread, factors.new_empty(len(pattern.columns)))
    for observed in observations(pattern, factors, values, entry_precision=weights, at_most=few):
        _add(found, observed, *_of_few(observed, prior, whitened, weighing))
    for observed in observations(pattern, factors, values, entry_precision=weights, more_than=few):
        _add(found, observed, *_of_many(observed, prior, precision, weighing))
    return found


def covariances(
    pattern: SparsePattern, factors: Tensor, weights: Tensor, precision: Tensor
) -> Tensor:
    """The covariance of each row's factors and offset: rows x size x size."""
    gram, _ = normal_equations(pattern, factors, torch.zeros_like(weights), weights)
    return torch.cholesky_inverse(torch.linalg.cholesky(gram + precision))


def _add(
    found: RowPosterior, observed: Observations, moved: Tensor, spread: Tensor, variance: Tensor
) -> None:
    """Write the results of some rows: rows x size, rows, rows x width."""
    at = observed.padding
    found.mean[at.rows], found.spread[at.rows] = moved, spread
    entries = at.entries.view(-1).index_select(0, at.places)
    found.variance.index_copy_(0, entries, variance.view(-1).index_select(0, at.places))


def _of_many(
    observed: Observations, prior: Tensor, precision: Tensor, weighing: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    size = len(precision)
    gram, right = sums(observed, size)
    root = torch.linalg.cholesky(gram + precision)
    eye = torch.eye(size, dtype=root.dtype, device=root.device)
    inverse = torch.linalg.solve_triangular(root, eye.expand_as(root), upper=False)
    right = inverse @ (right + prior[observed.padding.rows] @ precision)[:, :, None]
    mean = (right.transpose(1, 2) @ inverse)[:, 0]
    spread = ((inverse @ weighing) * inverse).sum((1, 2))
    extra = observed.table.shape[2] - size
    scaled = observed.table @ pad(inverse, (0, extra, 0, extra)).transpose(1, 2)
    return mean, spread, scaled.square_().sum(2)


def _of_few(
    observed: Observations, prior: Tensor, whitened: Tensor, weighing: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    size, table, own = len(whitened), observed.table, prior[observed.padding.rows]
    extra, root_weight = table.shape[2] - size, observed.precision.sqrt()
    z = table @ pad(whitened, (0, extra, 0, extra)).T  # of factors whose prior covariance is 1
    lacks = table[:, :, size] - (table[:, :, :size] @ own[:, :, None])[:, :, 0]
    scaled = z * root_weight[:, :, None]
    system = scaled @ scaled.transpose(1, 2)
    system.diagonal(dim1=1, dim2=2).add_(1.0)
    scaled[:, :, size] = lacks * root_weight
    solved = torch.linalg.solve_triangular(torch.linalg.cholesky(system), scaled, upper=False)
    lacks, solved = solved[:, None, :, size].contiguous(), solved[:, :, :size]
    mean = own + (lacks @ solved)[:, 0] @ whitened
    weighed = solved @ (whitened @ weighing @ whitened.T)
    explained = z[:, :, :size] @ solved.transpose(1, 2)
    spread = ((whitened @ weighing) * whitened).sum() - (weighed * solved).sum((1, 2))
    return mean, spread, z.square().sum(2) - explained.square_().sum(2)
