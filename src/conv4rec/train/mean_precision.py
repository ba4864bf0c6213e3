"""How much the exact half's expectation counts: chosen once, on the rehearsal's hidden ratings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from conv4rec.model import History
from conv4rec.model.exact import ExactHalf
from conv4rec.model.network import PRIOR_COUNT

FEWEST = 100  # hidden ratings: with fewer, the trained half stands alone
USUAL, FACTOR = 5.0, 2**0.5
"""Between what four logs of 6,000 to 110,000 ratings choose, 2 to 10."""
LARGEST = 2.0**14
"""A precision beyond which nothing is left of the trained half's own mean."""


@torch.no_grad()
def choose_mean_precision(exact: ExactHalf, logits: Tensor, validation: History) -> float:
    """The usual precision, or one under which the hidden ratings are likelier beyond doubt.

    It goes up and down in steps of sqrt(2) from `USUAL` for as long as the likelihood rises, so that
    the answer is never the edge of a grid; 0 is tried too. On a small log the best of them is the
    luckiest: it is taken if its gain over the usual one is more than its standard error.

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

    def losses(precision: float) -> Tensor:
        exact.mean_precision.fill_(precision)
        shifted = exact.shift(logits, expected)
        return functional.cross_entropy(shifted, types[at], reduction="none").double()

    usual = losses(USUAL)
    best, found = USUAL, usual
    for factor in (FACTOR, 1 / FACTOR):
        while 1 / LARGEST < best * factor < LARGEST:
            tried = losses(best * factor)
            if tried.mean() >= found.mean():
                break
            best, found = best * factor, tried
    if (without := losses(0.0)).mean() < found.mean():
        best, found = 0.0, without
    gain = usual - found
    return best if gain.mean() > gain.std() / len(gain) ** 0.5 else USUAL
