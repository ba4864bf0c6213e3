"""The exact half's share in what is served: chosen once, on the rehearsal's hidden ratings."""

from __future__ import annotations

import torch
from torch import Tensor

from conv4rec.model import History
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.network import PRIOR_COUNT

DEFAULT_SHARE = 0.7
"""Between what five logs choose, 0.6 to 0.8."""
FEWEST = 20  # hidden ratings: what fewer say is chance
HALVINGS = 12  # of the interval that the share lies in: to within 0.0003


@torch.no_grad()
def choose_share(bayesian_mf: BayesianMF, logits: Tensor, validation: History) -> float:
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
    at = torch.nonzero((validation.observed == 0) & (types < len(bayesian_mf.ratings))).squeeze(1)
    if len(at) < FEWEST:
        return DEFAULT_SHARE
    length = (pattern.row_sums(validation.observed) + PRIOR_COUNT).sqrt()[:, None]
    encode = bayesian_mf.encode(pattern, types, validation.observed, length)
    halves = []
    for share in (0.0, 1.0):
        bayesian_mf.share.fill_(share)
        pooled = bayesian_mf.pooled(logits, encode, pattern.rows[at], pattern.columns[at])
        halves.append(pooled.gather(1, types[at, None])[:, 0].double().exp())
    best = best_share(*halves)
    gain = _log(halves, best) - _log(halves, DEFAULT_SHARE)
    standard_error = gain.std(correction=0) / len(gain) ** 0.5
    return best if gain.mean() > standard_error else DEFAULT_SHARE


def best_share(neural: Tensor, bayesian_mf: Tensor) -> float:
    """The share of `bayesian_mf` under which the mixture's mean log is highest: from 0 to 1.

    Args:
        trained: chances that one half gave to what came.
        exact: the other's.
    """
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        mixed = ((1 - middle) * neural + middle * bayesian_mf).clamp(min=1e-300)
        low, high = (middle, high) if ((bayesian_mf - neural) / mixed).mean() > 0 else (low, middle)
    return (low + high) / 2


def _log(halves: list[Tensor], share: float) -> Tensor:
    return ((1 - share) * halves[0] + share * halves[1]).clamp(min=1e-300).log()
