"""How far the exact half pulls the trained one: chosen once, on the rehearsal's hidden ratings."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from conv4rec.model import History
from conv4rec.model.exact import ExactHalf
from conv4rec.model.network import PRIOR_COUNT

FEWEST = 100  # hidden ratings: with fewer, the trained half stands alone
SHARES = tuple(0.1 * tenths for tenths in range(1, 21))
FLOORS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Added to the variances, in units of the variance of all ratings."""


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
    expected = exact.score(read, pattern.rows[at], pattern.columns[at])
    best, pull = float(functional.cross_entropy(logits, types[at])), None
    for share, floor in product(SHARES, FLOORS):
        exact.pull.copy_(torch.tensor([share, floor]))
        nll = float(functional.cross_entropy(exact.tilt(logits, expected), types[at]))
        if nll < best:
            best, pull = nll, (share, floor)
    return pull
