"""How much the exact half's expectation counts: chosen once, on the rehearsal's hidden ratings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from conv4rec.model import History
from conv4rec.model.exact import ExactHalf
from conv4rec.model.network import PRIOR_COUNT

FEWEST = 100  # hidden ratings: with fewer, the trained half stands alone
START, FACTOR = 4.0, 2**0.5
LARGEST = 2.0**14
"""A precision beyond which nothing is left of the trained half's own mean."""


@torch.no_grad()
def choose_mean_precision(exact: ExactHalf, logits: Tensor, validation: History) -> float:
    """The precision with the best likelihood of the hidden ratings; 0 where none is better.

    It goes up or down in steps of sqrt(2) from `START` for as long as the likelihood rises (which
    has one peak, as theta moves one way), so that the answer is never the edge of a grid.

    Args:
        exact: of the interactions that were fed; its precision is overwritten.
        logits: the trained half's, for the hidden ratings in their order: ratings x levels.
        validation: fed 1 where the rehearsal saw an interaction, 0 where it was hidden.
    """
    pattern, types = validation.pattern, validation.types
    at = torch.nonzero((validation.fed == 0) & (types < len(exact.ratings))).squeeze(1)
    if len(at) < FEWEST:
        return 0.0
    length = (pattern.row_sums(validation.fed) + PRIOR_COUNT).sqrt()[:, None]
    read, _ = exact.read(pattern, types, validation.fed, length)
    expected = exact.score(read, pattern.rows[at], pattern.columns[at])

    def loss(precision: float) -> float:
        exact.mean_precision.fill_(precision)
        return float(functional.cross_entropy(exact.shift(logits, expected), types[at]))

    best, lowest = START, loss(START)
    for factor in (FACTOR, 1 / FACTOR):
        while 1 / LARGEST < best * factor < LARGEST and (tried := loss(best * factor)) < lowest:
            best, lowest = best * factor, tried
    return best if lowest < loss(0.0) else 0.0
