"""A rehearsal on a part of the data says when each task should stop, and how firmly to hold it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
import torch
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.model import History, Network
from conv4rec.model.likelihood import BLOCK_BYTES
from conv4rec.train.item_side import full_item_side
from conv4rec.train.loop import CONSUME, Schedule, Trainer
from conv4rec.train.objective import losses

N_CHECKS = 12  # validation figures a run
CUTOFF = 20  # of NDCG
NEAR = 0.003  # relative: consume losses this close to the best count as equal
FEWEST_HELD_OUT = 20  # interactions: with fewer, a validation figure is noise


@dataclass(frozen=True)
class Check:
    """One look at the validation part."""

    reg_factor: float
    step: int
    consume_nll: float
    rate_nll: float
    ndcg: float
    """NDCG@20 of the hidden interactions, over users."""


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


def n_rehearsals(interactions: Interactions, regs: tuple[float, ...]) -> int:
    """How many penalty factors to try: fewer for larger logs, so that a fit stays in minutes."""
    n_cells = interactions.n_users * interactions.n_items
    affordable = 3 if n_cells <= 12_000_000 else 2 if n_cells <= 40_000_000 else 1
    return min(affordable, len(regs))


@torch.no_grad()
def check(network: Network, trainer: Trainer, validation: History) -> Check:
    """The losses of the validation part, given everything else."""
    item_side = full_item_side(network, trainer.batches, trainer.sums.type_counts)
    settings = replace(trainer.settings, hidden_only=True)
    reading = network.read(validation, item_side)
    loss = losses(network, reading, validation, settings)
    ndcg = hidden_ndcg(reading.consume, network.consume_out, network.consume_bias, validation)
    factor = trainer.schedule.reg_factors[CONSUME]
    return Check(factor, trainer.step, float(loss.consume), float(loss.rate), ndcg)


def hidden_ndcg(
    user_vectors: Tensor, item_vectors: Tensor, bias: Tensor, history: History
) -> float:
    """Mean NDCG@20 of the hidden entries among all items that were not fed, over users.

    The evaluator's definition (`conv4rec.evaluate.ranking.ndcg`), on the device and without
    the evaluator, which stands beside `train` in the house; a test holds them equal.
    """
    pattern, bounds = history.pattern, history.pattern.row_starts.tolist()
    size = max(1, BLOCK_BYTES // (4 * len(item_vectors)))
    gain = 1.0 / torch.arange(2.0, CUTOFF + 2.0, device=bias.device).log2()
    total, n_users = 0.0, 0
    for first in range(0, len(user_vectors), size):
        last = min(first + size, len(user_vectors))
        entries = slice(bounds[first], bounds[last])
        rows, items = pattern.rows[entries] - first, pattern.columns[entries]
        fed = history.fed[entries] > 0
        scores = torch.addmm(bias, user_vectors[first:last], item_vectors.T)
        scores[rows[fed], items[fed]] = -torch.inf
        rows, items = rows[~fed], items[~fed]
        best = scores.topk(min(CUTOFF, len(bias)), dim=1).indices
        place = (best[rows] == items[:, None]).float()  # a 1 where the hidden item is listed
        n_hidden = torch.bincount(rows, minlength=last - first)
        found = place @ gain[: place.shape[1]]
        dcg = torch.zeros(last - first, device=bias.device).index_add(0, rows, found)
        has = n_hidden > 0
        ideal = gain.cumsum(0)[n_hidden[has].clamp(max=CUTOFF) - 1]
        total += float((dcg[has] / ideal).sum())
        n_users += int(has.sum())
    return total / max(1, n_users)


def best_schedule(checks: list[Check]) -> Schedule:
    """For each task, the stopping step and the penalty that did best on the validation part.

    The likelihood decides. On the consume side many settings tie on it (within `NEAR` of the
    best) and rank differently: NDCG@20 chooses among those.

    Raises:
        SettingError: Every loss is NaN or infinite: training ran away.
    """
    checks = [c for c in checks if isfinite(c.consume_nll + c.rate_nll)]
    if not checks:
        raise SettingError("training ran away to infinite losses: lower learning_rate")
    near = (1 + NEAR) * min(c.consume_nll for c in checks)
    consume = max((c for c in checks if c.consume_nll <= near), key=lambda c: c.ndcg)
    rate = min(checks, key=lambda c: c.rate_nll)
    return Schedule((consume.step, rate.step), (consume.reg_factor, rate.reg_factor))
