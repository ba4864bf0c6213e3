"""The exact half's share in what is served: chosen once, on the rehearsal's hidden ratings."""

from __future__ import annotations

import torch
from torch import Tensor

from conv4rec.model import History
from conv4rec.model.bayesian_mf import ExactHalf
from conv4rec.model.network import PRIOR_COUNT

USUAL = 0.7
"""Between what five logs choose, 0.6 to 0.8."""
FEWEST = 20  # hidden ratings: what fewer say is chance
HALVINGS = 12  # of the interval that the share lies in: to within 0.0003


@torch.no_grad()
def choose_share(exact: ExactHalf, logits: Tensor, validation: History) -> float:
    """The usual share, or one under which the hidden ratings are likelier beyond doubt.

    -log of a mixture is convex in its share, so its slope says on which side the best one lies. On
    a small log that is the luckiest: it is taken if its gain over the usual one is more than the
    standard error of the gain.

    Args:
        exact: of the interactions that were fed; its share is overwritten.
        logits: the trained half's, for the hidden ratings in their order: ratings x levels.
        validation: fed 1 where the rehearsal saw an interaction, 0 where it was hidden.
    """
    pattern, types = validation.pattern, validation.types
    at = torch.nonzero((validation.fed == 0) & (types < len(exact.ratings))).squeeze(1)
    if len(at) < FEWEST:
        return USUAL
    length = (pattern.row_sums(validation.fed) + PRIOR_COUNT).sqrt()[:, None]
    read = exact.read(pattern, types, validation.fed, length)
    halves = []
    for share in (0.0, 1.0):
        exact.share.fill_(share)
        pooled = exact.pooled(logits, read, pattern.rows[at], pattern.columns[at])
        halves.append(pooled.gather(1, types[at, None])[:, 0].double().exp())
    best = best_share(*halves)
    gain = _log(halves, best) - _log(halves, USUAL)
    doubt = gain.std(correction=0) / len(gain) ** 0.5
    return best if gain.mean() > doubt else USUAL


def best_share(trained: Tensor, exact: Tensor) -> float:
    """The share of `exact` under which the mixture's mean log is highest: from 0 to 1.

    Args:
        trained: chances that one half gave to what came.
        exact: the other's.
    """
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        mixed = ((1 - middle) * trained + middle * exact).clamp(min=1e-300)
        low, high = (middle, high) if ((exact - trained) / mixed).mean() > 0 else (low, middle)
    return (low + high) / 2


def _log(halves: list[Tensor], share: float) -> Tensor:
    return ((1 - share) * halves[0] + share * halves[1]).clamp(min=1e-300).log()
