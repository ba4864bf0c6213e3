"""A rehearsal on a part of the data says when each task should stop, and how firmly to hold it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from conv4rec.data import Interactions
from conv4rec.model import History, Network
from conv4rec.train.item_side import full_item_side
from conv4rec.train.loop import CONSUME, Schedule, Trainer
from conv4rec.train.objective import losses

N_CHECKS = 12  # validation figures a run
FEWEST_HELD_OUT = 20  # interactions: with fewer, a validation figure is noise


@dataclass(frozen=True)
class Check:
    """One look at the validation part."""

    reg_factor: float
    step: int
    consume_nll: float
    rate_nll: float


def held_out(interactions: Interactions, share: float, seed: int) -> np.ndarray:
    """Which interactions the rehearsal may not see: a boolean each, drawn with the seed.

    None where that would be fewer than `FEWEST_HELD_OUT`: then there is no rehearsal.
    """
    n_interactions = len(interactions)
    out = np.zeros(n_interactions, dtype=bool)
    n_out = round(n_interactions * share)
    if n_out >= FEWEST_HELD_OUT:
        rng = np.random.default_rng([seed, n_interactions])
        out[rng.permutation(n_interactions)[:n_out]] = True
    return out


def check_steps(n_steps: int) -> list[int]:
    """The steps after which the validation part is looked at; the last is the end."""
    return sorted({round(n_steps * (i + 1) / N_CHECKS) for i in range(N_CHECKS)} - {0})


@torch.no_grad()
def check(network: Network, trainer: Trainer, validation: History) -> Check:
    """Both losses of the validation part, given everything else."""
    item_side = full_item_side(network, trainer.batches, trainer.sums.type_counts)
    settings = replace(trainer.settings, hidden_only=True)
    loss = losses(network, validation, item_side, settings)
    factor = trainer.schedule.reg_factors[CONSUME]
    return Check(factor, trainer.step, float(loss.consume), float(loss.rate))


def best_schedule(checks: list[Check]) -> Schedule:
    """For each task, the stopping step and the penalty with the lowest validation loss."""
    consume = min(checks, key=lambda c: c.consume_nll)
    rate = min(checks, key=lambda c: c.rate_nll)
    return Schedule((consume.step, rate.step), (consume.reg_factor, rate.reg_factor))
