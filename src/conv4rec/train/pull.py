"""What the trained and the exact half weigh together: chosen once, on the hidden ratings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from conv4rec.model import History
from conv4rec.model.exact import ExactHalf
from conv4rec.model.network import PRIOR_COUNT

FEWEST = 100  # hidden ratings: with fewer, the trained half stands alone
STEPS = 20  # of Newton's


@torch.no_grad()
def choose_pull(
    exact: ExactHalf, logits: Tensor, validation: History
) -> tuple[float, float] | None:
    """The `pull` with the best likelihood of the hidden ratings; None if none is better than none.

    Args:
        exact: of the interactions that were fed; its `pull` is overwritten.
        logits: the trained half's, for the hidden ratings in their order: ratings x levels.
        validation: fed 1 where the rehearsal saw an interaction, 0 where it was hidden.
    """
    pattern, types = validation.pattern, validation.types
    at = torch.nonzero((validation.fed == 0) & (types < len(exact.ratings))).squeeze(1)
    if len(at) < FEWEST:
        return None
    length = (pattern.row_sums(validation.fed) + PRIOR_COUNT).sqrt()[:, None]
    read = exact.read(pattern, types, validation.fed, length)
    halves = []
    for weights in ((1.0, 0.0), (0.0, 1.0)):  # a pool is linear in its weights
        exact.pull.copy_(torch.tensor(weights))
        halves.append(exact.pooled(logits, read, pattern.rows[at], pattern.columns[at]))
    found = pool_weights(torch.stack(halves).double(), types[at])
    pooled = torch.tensordot(found, torch.stack(halves).double(), 1)
    alone, together = (functional.cross_entropy(x, types[at]) for x in (logits, pooled))
    if found[1] <= 0 or not together < alone:
        return None
    return float(found[0]), float(found[1])


def pool_weights(halves: Tensor, levels: Tensor) -> Tensor:
    """The weights of a log-linear pool under which `levels` are likeliest, none below 0: parts.

    -log P is convex in them, so Newton's steps find it.

    Args:
        halves: parts x ratings x levels: logits.
        levels: what was given.
    """
    n_parts, n_ratings, _ = halves.shape
    given = halves.gather(2, levels.expand(n_parts, -1)[:, :, None])[:, :, 0]
    weights = halves.new_full((n_parts,), 1.0 / n_parts)
    for _ in range(STEPS):
        chances = torch.softmax(torch.tensordot(weights, halves, 1), 1)
        mean = (chances * halves).sum(2)
        slope = (mean - given).mean(1)
        apart = halves - mean[:, :, None]
        bend = torch.einsum("prk,qrk,rk->pq", apart, apart, chances) / n_ratings
        bend = bend + 1e-9 * torch.eye(n_parts).to(bend)
        weights = (weights - torch.linalg.solve(bend, slope)).clamp(min=0.0)
    return weights
