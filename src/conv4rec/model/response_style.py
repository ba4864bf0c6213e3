"""Response style: which levels of the scale a user gives more often than others would.

For a user u, the probabilities of the levels are

    P(k | u, i)  proportional to  P_0(k | u, i) exp(b_uk),    b_u ~ N(0, inverse of `precision`),

with P_0 the probabilities without response style. Given P_0 of each rating, predicted from the
user's other ratings, b_u is the mode of its posterior. Newton's method finds it: each step solves
one small system per user, and is shortened where the full step would lower the posterior.
"""

from __future__ import annotations

import torch
from torch import Tensor

from conv4rec.model.sparse import SparsePattern, gather

STEPS = 8  # of Newton's method, from zero biases
SHARES = (1.0, 0.5, 0.2, 0.05)  # of a Newton step that are tried; the best is taken, or none


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
        log_probabilities: levels x entries: log P_0.
        given: levels x entries: 1 at the level given, 0 elsewhere and where there is no rating.
        precision: levels x levels.
        start: the first biases; by default 0.
        steps: Newton steps.
    """
    p, rated, counts = log_probabilities.exp(), given.sum(0), pattern.row_sums(given).T
    biases = torch.zeros_like(counts) if start is None else start
    covariance = precision

    def odds_of(biases: Tensor) -> tuple[Tensor, Tensor]:
        """P_0 exp(b), levels x entries, and its sums over the levels."""
        odds = p * gather(biases.exp().T, pattern.rows)
        return odds, odds.sum(0)

    def log_posterior(biases: Tensor) -> Tensor:
        """Up to a constant: rows."""
        log_total = odds_of(biases)[1].log_()
        log_likelihood = (counts * biases).sum(1) - pattern.row_sums(log_total.mul_(rated))
        return log_likelihood - ((biases @ precision) * biases).sum(1) / 2

    best = log_posterior(biases)
    for _ in range(steps):
        odds, total = odds_of(biases)
        probabilities = odds.mul_(rated / total)
        expected = pattern.row_sums(probabilities).T
        information = torch.diag_embed(expected) - products(pattern, probabilities)
        covariance = torch.linalg.inv(information + precision)
        right = counts - expected + (information @ biases[:, :, None])[:, :, 0]
        step, start = (covariance @ right[:, :, None])[:, :, 0] - biases, biases
        for share in SHARES:
            tried = start + share * step
            reached = log_posterior(tried)
            higher = reached > best
            biases = torch.where(higher[:, None], tried, biases)
            best = torch.where(higher, reached, best)
    return biases, covariance


def products(pattern: SparsePattern, values: Tensor) -> Tensor:
    """Sums over each row's entries of v v', of `values` size x entries: rows x size x size."""
    return torch.stack([pattern.row_sums(values * one).T for one in values], 1)
