"""Chooses the share of BayesianMF in the mixture, on the masked ratings of the validation part."""

from __future__ import annotations

import torch
from torch import Tensor

from conv4rec.model import History
from conv4rec.model.bayesian_mf import BayesianMF

DEFAULT_SHARE = 0.7
"""Five logs choose 0.6 to 0.8."""
FEWEST = 20  # masked ratings: with fewer, the choice would be noise
ENTRIES = 200_000  # encoded at a time: about 200 MB
HALVINGS = 12  # of the interval that holds the share: to within 0.0003


@torch.no_grad()
def choose_share(bayesian_mf: BayesianMF, logits: Tensor, validation: History) -> float:
    """The share with the best validation likelihood, or the default one.

    -log of a mixture is convex in its share, so the sign of its slope says on which side the best
    share lies. On a small log, that choice is noise: it replaces the default only if its gain is
    more than the standard error of the gain.

    Args:
        bayesian_mf: sampled from the observed interactions; its share is overwritten.
        logits: of the neural component, for the masked ratings in their order: ratings x levels.
        validation: all interactions; those of the validation part are masked.
    """
    if len(logits) < FEWEST:
        return DEFAULT_SHARE
    found, first = [], 0
    for _, _, block in validation.blocks(ENTRIES):
        masked = (block.observed == 0) & (block.types < len(bayesian_mf.ratings))
        at = torch.nonzero(masked).squeeze(1)
        own, first = logits[first : first + len(at)], first + len(at)
        rows, columns = block.pattern.rows[at], block.pattern.columns[at]
        encoded = bayesian_mf.encode(block)
        of_block = []
        for share in (0.0, 1.0):
            bayesian_mf.share.fill_(share)
            log_p = bayesian_mf.mixed(own, encoded, rows, columns)
            of_block.append(log_p.gather(1, block.types[at, None])[:, 0].double().exp())
        found.append(torch.stack(of_block))
    components = list(torch.cat(found, 1))
    best = best_share(*components)
    gain = _log(components, best) - _log(components, DEFAULT_SHARE)
    standard_error = gain.std(correction=0) / len(gain) ** 0.5
    return best if gain.mean() > standard_error else DEFAULT_SHARE


def best_share(neural: Tensor, bayesian_mf: Tensor) -> float:
    """The share of `bayesian_mf` with the highest mean log of the mixture: from 0 to 1.

    Args:
        neural: probabilities of the observed outcomes under one component.
        bayesian_mf: the same under the other.
    """
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        mixed = ((1 - middle) * neural + middle * bayesian_mf).clamp(min=1e-300)
        low, high = (middle, high) if ((bayesian_mf - neural) / mixed).mean() > 0 else (low, middle)
    return (low + high) / 2


def _log(components: list[Tensor], share: float) -> Tensor:
    return ((1 - share) * components[0] + share * components[1]).clamp(min=1e-300).log()
