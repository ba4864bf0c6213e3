"""How each person uses the scale: which levels they give more often than others would.

Some give whole stars only, some never a 3. For a person u, the chances of the levels are

    P(k | u, i)  proportional to  P_0(k | u, i) exp(b_uk),    b_u ~ N(0, inverse of `precision`),

P_0 being what is said without it. Given what P_0 says of each of their ratings, that rating left
out, b_u is where its posterior is highest: a few Newton steps, each a small system a person, and
each shortened where the whole of it would lead downhill. It asks nothing of a new person but a
history.
"""

from __future__ import annotations

import torch
from torch import Tensor

from conv4rec.model.sparse import SparsePattern

STEPS = 8  # of Newton's, from no biases at all
SHARES = (1.0, 0.5, 0.2, 0.05)  # of a step: the best of them is taken, or none


def level_biases(
    pattern: SparsePattern,
    log_probabilities: Tensor,
    given: Tensor,
    precision: Tensor,
    start: Tensor | None = None,
    steps: int = STEPS,
) -> tuple[Tensor, Tensor]:
    """b_u of each row, and its covariance: rows x levels, rows x levels x levels.

    Args:
        pattern: whose entries.
        log_chances: entries x levels: log P_0.
        given: entries x levels: 1 at the level given, 0 elsewhere and where there is no rating.
        precision: levels x levels.
        start: where to start from, instead of no biases.
        steps: how many.
    """
    rated = given.sum(1, keepdim=True)
    counts = pattern.row_sums(given)
    biases = torch.zeros_like(counts) if start is None else start
    covariance = precision
    for _ in range(steps):
        probabilities = torch.softmax(log_probabilities + biases[pattern.rows], 1) * rated
        expected = pattern.row_sums(probabilities)
        told = torch.diag_embed(expected) - products(pattern, probabilities)
        covariance = torch.linalg.inv(told + precision)
        right = counts - expected + (told @ biases[:, :, None])[:, :, 0]
        step = (covariance @ right[:, :, None])[:, :, 0] - biases
        reached = _log_posterior(pattern, log_probabilities, given, precision, biases)
        start = biases
        for share in SHARES:
            tried = start + share * step
            found = _log_posterior(pattern, log_probabilities, given, precision, tried)
            higher = found > reached
            biases = torch.where(higher[:, None], tried, biases)
            reached = torch.where(higher, found, reached)
    return biases, covariance


def _log_posterior(
    pattern: SparsePattern,
    log_probabilities: Tensor,
    given: Tensor,
    precision: Tensor,
    biases: Tensor,
) -> Tensor:
    """Of the biases of each row, up to a constant."""
    contribution = (torch.log_softmax(log_probabilities + biases[pattern.rows], 1) * given).sum(1)
    return pattern.row_sums(contribution) - ((biases @ precision) * biases).sum(1) / 2


def products(pattern: SparsePattern, values: Tensor) -> Tensor:
    """Sums over each row's entries of v v': rows x size x size."""
    columns = [pattern.row_sums(values * one[:, None]) for one in values.unbind(1)]
    return torch.stack(columns, 1)
