"""What serving needs beyond the draws of the exact half, learned from them and the log.

How unsure each item's latent values are, beside those of a crowd of items rated as often as most;
and how much people differ in their use of the scale, the prior under which the log's ratings, each
foretold by all the others, are likeliest (found by expectation-maximisation).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.model.bayesian_mf import N_REFERENCE_ITEMS, BayesianMF
from conv4rec.model.network import PRIOR_COUNT
from conv4rec.model.response_style import level_biases
from conv4rec.model.sparse import SparsePattern

ROUNDS = 30  # of expectation-maximisation
FIRST_SPREAD = 0.05  # variance of level biases, to start from
JITTER = 1e-4  # added to their covariance: adding the same to all levels changes nothing
SAMPLE = 64  # people on whom the items' doubt is measured, evenly spaced
LEARNED_FROM = 200_000  # ratings, about, of whole people evenly spaced


@torch.no_grad()
def summarise_posterior(half: BayesianMF, interactions: Interactions) -> None:
    """Fill in `reference_items`, `uncertainty_ratio` and `response_style_precision`, from the draws.

    Args:
        half: with its draws.
        interactions: what they were made from.
    """
    rated = interactions.item_numbers[interactions.level_numbers >= 0]
    by_item = np.sort(rated)
    reference_items = by_item[
        np.linspace(0, len(by_item) - 1, N_REFERENCE_ITEMS).round().astype(np.int64)
    ]
    reference_items = torch.from_numpy(reference_items.astype(np.int64))
    half.reference_items.copy_(half.items[:, reference_items])
    unsure = _unsure(half, _history(interactions, SAMPLE))
    half.uncertainty_ratio.copy_(unsure / unsure[reference_items].mean())
    n_users = max(1, int(interactions.n_users * min(1.0, LEARNED_FROM / len(rated))))
    half.response_style_precision.copy_(_uses(half, _history(interactions, n_users)))


History = tuple[SparsePattern, Tensor, Tensor, Tensor]
"""What `BayesianMF.encode` asks for."""


def _history(interactions: Interactions, n_users: int) -> History:
    """The histories of so many people, evenly spaced."""
    chosen = np.linspace(0, interactions.n_users - 1, min(n_users, interactions.n_users))
    part = interactions.take_users(np.unique(chosen.round().astype(np.int64)))
    starts = torch.from_numpy(part.starts)
    columns = torch.from_numpy(part.item_numbers.astype(np.int64))
    pattern = SparsePattern.from_rows(starts, columns, part.n_items)
    levels = torch.from_numpy(part.level_numbers.astype(np.int64))
    types = torch.where(levels < 0, part.n_levels, levels)
    length = (starts.diff().float() + PRIOR_COUNT).sqrt()[:, None]
    return pattern, types, torch.ones(len(types)), length


def _unsure(half: BayesianMF, history: History) -> Tensor:
    """How unsure the mean of x is for each item, for the people of some histories: items."""
    pattern, types, observed, length = history
    f = half.features_of(pattern, observed, length)
    totals = squares = within = torch.zeros(())
    for draw, solved in enumerate(half.people(pattern, types, observed, f, half.items)):
        z, c = half.items[draw].clone(), half.items[draw, :, -1]
        z[:, -1] = 1.0
        x = solved.mean @ z.T + c
        totals, squares = totals + x, squares + x.square()
        unsure = torch.cholesky_inverse(solved.root).mean(0)
        within = within + ((z @ unsure) * z).sum(1)
    n_draws = len(half.items)
    between = (squares / n_draws - (totals / n_draws) ** 2).clamp(min=0.0).mean(0)
    return within / n_draws + between


def _uses(half: BayesianMF, history: History) -> Tensor:
    """The precision of people's level biases: levels x levels."""
    pattern, types, observed, length = history
    log_probabilities, given = half.left_out(pattern, types, observed, length)
    eye = torch.eye(given.shape[1], dtype=given.dtype)
    precision, biases = eye / FIRST_SPREAD, None
    rates = pattern.row_sums(given).sum(1) > 0
    for _ in range(ROUNDS):
        biases, unsure = level_biases(pattern, log_probabilities, given, precision, biases, 1)
        found = biases[rates]
        covariance = (found.T @ found + unsure[rates].sum(0)) / len(found)
        precision = torch.linalg.inv(covariance + JITTER * eye)
    return precision
