"""Summaries of the posterior draws that serving needs, computed once after sampling.

The uncertainty of each item relative to a sample of reference items; and the prior precision of
the users' level biases, by expectation-maximisation: each rating is predicted from all other
ratings of its user, and the precision maximises the likelihood of the ratings.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.model import History
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.posterior_draws import N_REFERENCE_ITEMS
from conv4rec.model.response_style import level_biases
from conv4rec.train.batches import Batches

ROUNDS = 30  # of expectation-maximisation
FIRST_SPREAD = 0.05  # variance of level biases before the first round
JITTER = 1e-4  # added to their covariance, which is singular: equal biases change nothing
SAMPLE = 64  # users, evenly spaced, whose uncertainty of each item is averaged
LEARNED_FROM = 20_000  # ratings, about, of users evenly spaced, for the level biases


@torch.no_grad()
def summarise_posterior(model: BayesianMF, interactions: Interactions) -> None:
    """Fill in `reference_items`, `uncertainty_ratio` and `response_style_precision`.

    Args:
        model: with its draws.
        interactions: that they were sampled from.
    """
    rated = np.sort(interactions.item_numbers[interactions.level_numbers >= 0])
    places = np.linspace(0, len(rated) - 1, N_REFERENCE_ITEMS).round().astype(np.int64)
    device = model.items.device
    reference_items = torch.from_numpy(rated[places].astype(np.int64)).to(device)
    model.reference_items.copy_(model.items[:, reference_items])
    variance = _item_variance(model, _histories(interactions, SAMPLE, device))
    model.uncertainty_ratio.copy_(variance / variance[reference_items].mean())
    n_users = max(1, int(interactions.n_users * min(1.0, LEARNED_FROM / len(rated))))
    precision = _response_style_precision(model, _histories(interactions, n_users, device))
    model.response_style_precision.copy_(precision)


def _histories(interactions: Interactions, n_users: int, device: torch.device) -> History:
    """The histories of `n_users` users, evenly spaced."""
    rows = np.linspace(0, interactions.n_users - 1, min(n_users, interactions.n_users))
    part = interactions.take_users(np.unique(rows.round().astype(np.int64)))
    return Batches.from_interactions(part, str(device)).whole


def _item_variance(model: BayesianMF, histories: History) -> Tensor:
    """Posterior variance of the mean of x for each item, averaged over the users: items."""
    totals = squares = within = torch.zeros(())
    for draw, user in enumerate(model.users(histories)):
        z, c = model.items[draw].clone(), model.items[draw, :, -1]
        z[:, -1] = 1.0
        x = user.mean @ z.T + c
        totals, squares = totals + x, squares + x.square()
        covariance = model.covariance(draw, histories, user).mean(0)
        within = within + ((z @ covariance) * z).sum(1)
    n_draws = len(model.items)
    between = (squares / n_draws - (totals / n_draws) ** 2).clamp(min=0.0).mean(0)
    return within / n_draws + between


def _response_style_precision(model: BayesianMF, histories: History) -> Tensor:
    """The prior precision of the users' level biases: levels x levels."""
    pattern = histories.pattern
    log_probabilities, given = model.leave_one_out(histories)
    eye = torch.eye(len(given), dtype=given.dtype, device=given.device)
    precision, biases = eye / FIRST_SPREAD, None
    rates = pattern.row_sums(given.sum(0)) > 0
    for _ in range(ROUNDS):
        biases, variance = level_biases(pattern, log_probabilities, given, precision, biases, 1)
        modes = biases[rates]
        covariance = (modes.T @ modes + variance[rates].sum(0)) / len(modes)
        precision = torch.linalg.inv(covariance + JITTER * eye)
    return precision
