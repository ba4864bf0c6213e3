"""What is minimised: the likelihood of the hidden part of each history, given the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from conv4rec.model import History, Network
from conv4rec.model.likelihood import HiddenNLL
from conv4rec.model.network import Reading
from conv4rec.train.settings import TrainSettings


@dataclass(frozen=True)
class Losses:
    """Mean negative log-likelihoods over hidden interactions, in nats."""

    consume: Tensor
    rate: Tensor


def hide(history: History, settings: TrainSettings, rng: torch.Generator) -> History:
    """Hide a random part of each history: the share is drawn per user, then each entry.

    If the interactions to predict were also fed, the best network would copy its input.
    """
    n_users = history.pattern.shape[0]
    low, high = settings.hide_low, settings.hide_high
    share = low + (high - low) * torch.rand(n_users, generator=rng)
    draws = torch.rand(len(history.types), generator=rng)
    fed = draws.to(history.fed.device) >= share.to(history.fed.device)[history.pattern.rows]
    return replace(history, fed=fed.float())


def losses(
    network: Network,
    reading: Reading,
    history: History,
    settings: TrainSettings,
    tasks: tuple[bool, bool] = (True, True),
) -> Losses:
    """Both negative log-likelihoods of the hidden entries of `history`, read as `reading`.

    An entry without a rating adds to the consume loss alone: its likelihood is
    sum_k P(i, k) = P(i). A task that is switched off costs nothing and returns 0.
    """
    hidden = history.fed == 0
    zero = history.fed.new_zeros(())
    consume = rate = zero
    if tasks[0]:
        weights = user_weights(history, hidden, settings.user_weight)
        consume = hidden_consume_nll(network, reading.consume, history, weights)
    predicted = hidden if settings.hidden_only else torch.ones_like(hidden)
    rated = torch.nonzero(predicted & (history.types < network.config.n_levels)).squeeze(1)
    if tasks[1] and len(rated):
        pattern = history.pattern
        logits = network.rating_logits(reading, pattern.rows[rated], pattern.columns[rated])
        rate = functional.cross_entropy(logits, history.types[rated])
    return Losses(consume, rate)


def hidden_consume_nll(
    network: Network, vectors: Tensor, history: History, weights: Tensor
) -> Tensor:
    """Mean -log P(i | fed) over the hidden entries, weighted (weights sum to 1)."""
    pattern = history.pattern
    nll = HiddenNLL.apply(
        vectors,
        network.consume_out,
        network.consume_bias,
        pattern.row_starts,
        pattern.columns,
        weights,
    )
    assert isinstance(nll, Tensor)
    return nll


def user_weights(history: History, hidden: Tensor, power: float) -> Tensor:
    """Entry weights that sum to 1: each is (its user's hidden entries) ** -power, 0 if fed.

    Between 0 (every interaction counts the same: heavy users rule) and 1 (every user does).
    P(i | history) has the same optimum under all of them.
    """
    n_hidden = history.pattern.row_sums(hidden.float()).clamp(min=1.0)
    weights = n_hidden.pow(-power)[history.pattern.rows] * hidden
    return weights / weights.sum().clamp(min=1e-12)
