"""A rehearsal on a part of the data says when each task should stop, and how firmly to hold it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.model import History, Network
from conv4rec.model.likelihood import BLOCK_BYTES
from conv4rec.model.network import Encoding
from conv4rec.train.assembly import ConsumeParts, assemble, snapshots_of, take_snapshot
from conv4rec.train.ensemble import NeuralScores
from conv4rec.train.loop import CONSUME, RATE, Schedule, Trainer
from conv4rec.train.objective import losses, rarity_weights, weighted_nll

Kept = dict[str, Tensor]
"""What later looks need of earlier ones, by name."""

N_CHECKS = 20  # looks at the validation part in a run
CUTOFF = 20  # of NDCG
LOST = 0.01  # relative: a loss this far above the best seen will not be the best again
FEWEST_HELD_OUT = 20  # interactions: with fewer, a validation figure is noise


@dataclass(frozen=True)
class ValidationResult:
    """One look at the validation part."""

    reg_factor: float
    """On the consume side's penalties."""
    step: int
    consume_nll: float | None
    """None where the consume side has ended already."""
    rate_nll: float
    """Of the averaged predictions of the last looks."""
    ndcg: float | None
    """NDCG@20 of the hidden interactions, over users."""
    rate_factor: float = 1.0
    """On the rating side's penalties."""


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


def validation_steps(n_steps: int) -> list[int]:
    """The steps after which the validation part is looked at; the last is the end."""
    return sorted({round(n_steps * (i + 1) / N_CHECKS) for i in range(N_CHECKS)} - {0})


def n_validation_fits(interactions: Interactions, consume_reg_factors: tuple[float, ...]) -> int:
    """How many penalty factors to try: fewer for larger logs, so that a fit stays in minutes."""
    n_cells = interactions.n_users * interactions.n_items
    affordable = 3 if n_cells <= 4_000_000 else 2 if n_cells <= 40_000_000 else 1
    return min(affordable, len(consume_reg_factors))


@torch.no_grad()
def evaluate_validation(
    trainer: Trainer, validation: History, before: list[ValidationResult], kept: Kept
) -> ValidationResult:
    """The losses of the validation part, given everything else.

    Args:
        trainer: the rehearsal.
        validation: fed 1 where the rehearsal saw an interaction, 0 where it was hidden.
        before: what was seen at earlier looks, of this rehearsal and of those before it.
        kept: takes the logits of this look, and the trained half of the consume side if it is
            the best so far.
    """
    factors, network = trainer.schedule.reg_factors, _network_to_judge(trainer, kept)
    consume = trainer.step <= trainer.settings.n_steps
    with_consume = consume or trainer.settings.propensity_validation > 0
    encoding = network.encode(validation, trainer.item_side(), with_consume)
    rate_nll = _averaged_rate_nll(trainer, network, encoding, validation, before, kept)
    if not consume:
        return ValidationResult(factors[CONSUME], trainer.step, None, rate_nll, None, factors[RATE])
    settings = trainer.settings.with_changes(masked_only=True)
    nll = float(losses(network, encoding, validation, settings, (True, False)).consume)
    ndcg = masked_ndcg(encoding.consume, network.consume_out, network.consume_bias, validation)
    if nll <= min((c.consume_nll for c in before if c.consume_nll is not None), default=nll):
        best = NeuralScores(
            encoding.consume,
            network.consume_out,
            network.consume_bias,
        )
        kept |= {f"best/{name}": tensor.clone() for name, tensor in vars(best).items()}
    return ValidationResult(factors[CONSUME], trainer.step, nll, rate_nll, ndcg, factors[RATE])


def _network_to_judge(trainer: Trainer, kept: Kept) -> Network:
    """The network of this look; where both tasks share an encoder, the mean of the last looks'.

    There it is what would be served. Two encoders are judged apart, by `_averaged_rate_nll`.
    """
    if not trainer.network.config.shared_encoder:
        return trainer.network
    keep_snapshot(kept, trainer)
    return assemble(trainer, snapshots_of(kept), ConsumeParts())[0]


def keep_snapshot(kept: Kept, trainer: Trainer) -> None:
    """Keep what `take_snapshot` takes, of this look and the last ones."""
    for name, tensor in take_snapshot(trainer).items():
        keep_last(kept, f"{name}/{trainer.step:06d}", tensor, trainer.settings.averaged_snapshots)


def _averaged_rate_nll(
    trainer: Trainer,
    network: Network,
    encoding: Encoding,
    validation: History,
    before: list[ValidationResult],
    kept: Kept,
) -> float:
    """Mean -log P(level) of the hidden ratings under the mean logits of the last looks.

    A shared encoder's looks have been averaged already.
    """
    pattern = validation.pattern
    rated = (validation.observed == 0) & (validation.types < network.config.n_levels)
    at = torch.nonzero(rated).squeeze(1)
    if len(at) == 0:
        return 0.0
    mean = network.rating_logits(encoding, pattern.rows[at], pattern.columns[at])
    if not network.config.shared_encoder:
        keep_last(kept, f"logits/{trainer.step:06d}", mean, trainer.settings.averaged_snapshots)
        last = [kept[name] for name in sorted(kept) if name.startswith("logits/")]
        mean = torch.stack(last).mean(0)
    power = trainer.settings.propensity_validation
    weights = rarity_weights(network, encoding, validation, at, power)
    nll = float(weighted_nll(mean, validation.types[at], weights))
    if nll <= min((check.rate_nll for check in before), default=nll):
        kept["best_rated/logits"] = mean
    return nll


def should_stop_early(validation_results: list[ValidationResult], n_steps: int) -> bool:
    """Whether a rehearsal may end early: neither task will be at its best in what is left of it.

    The rating side then overfits. The consume side is done or, half-way or later, well behind an
    earlier rehearsal at the same step: all have the same learning rates, and so like curves.
    """
    last, best = validation_results[-1], min(check.rate_nll for check in validation_results)
    if last.rate_nll <= (1 + LOST) * best:
        return False
    if last.consume_nll is None or last.step >= n_steps:
        return True
    is_rising = len(validation_results) > 1 and validation_results[-2].rate_nll < last.rate_nll
    if not is_rising or 2 * last.step < n_steps:
        return False
    earlier = [
        c.consume_nll for c in validation_results[:-1] if c.step == last.step and c.consume_nll
    ]
    return bool(earlier) and last.consume_nll > (1 + LOST) * min(earlier)


def keep_last(kept: Kept, name: str, tensor: Tensor, n_last: int) -> None:
    """Keep a tensor under "kind/step"; of its kind, forget all but the last steps' ones."""
    kept[name] = tensor
    kind = name.split("/")[0] + "/"
    for old in sorted(key for key in kept if key.startswith(kind))[:-n_last]:
        del kept[old]


def masked_ndcg(
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
        observed = history.observed[entries] > 0
        scores = torch.addmm(bias, user_vectors[first:last], item_vectors.T)
        scores[rows[observed], items[observed]] = -torch.inf
        rows, items = rows[~observed], items[~observed]
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


def best_schedule(validation_results: list[ValidationResult]) -> Schedule:
    """For each task, the stopping step and the penalty with the best validation likelihood.

    Raises:
        SettingError: Every loss of a task is NaN or infinite: training ran away.
    """
    consume = [
        (c.consume_nll, c) for c in validation_results if c.consume_nll and isfinite(c.consume_nll)
    ]
    rates = [(c.rate_nll, c) for c in validation_results if isfinite(c.rate_nll)]
    if not consume or not rates:
        raise SettingError("training ran away to infinite losses: lower learning_rate")
    consume, rate = (min(found, key=lambda entry: entry[0])[1] for found in (consume, rates))
    return Schedule((consume.step, rate.step), (consume.reg_factor, rate.rate_factor))


def best_joint_schedule(validation_results: list[ValidationResult], rate_weight: float) -> Schedule:
    """One stop, and the penalties of one rehearsal, for both tasks: an encoder that they share.

    They are those with the best value of what is minimised, on the validation part.

    Args:
        checks: of all rehearsals.
        rate_weight: what the rating loss counts beside the consume loss.

    Raises:
        SettingError: Every loss is NaN or infinite: training ran away.
    """
    both = [
        (c.consume_nll + rate_weight * c.rate_nll, c)
        for c in validation_results
        if c.consume_nll is not None
    ]
    found = [entry for entry in both if isfinite(entry[0])]
    if not found:
        raise SettingError("training ran away to infinite losses: lower learning_rate")
    best = min(found, key=lambda entry: entry[0])[1]
    return Schedule((best.step, best.step), (best.reg_factor, best.rate_factor))
