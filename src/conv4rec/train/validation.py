"""A validation fit: trained on a part of the interactions, evaluated on the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from conv4rec.data import Interactions
from conv4rec.model import History, Network
from conv4rec.model.history import Encoding
from conv4rec.train.assembly import average_snapshots
from conv4rec.train.batches import Batches
from conv4rec.train.ensemble_scores import NeuralScores
from conv4rec.train.loop import Trainer
from conv4rec.train.objective import losses, rarity_weights, weighted_nll
from conv4rec.train.processes import Part, joined, summed
from conv4rec.train.schedule import CONSUME, RATE
from conv4rec.train.selection import ValidationResult
from conv4rec.train.settings import TrainSettings
from conv4rec.train.snapshot import take_snapshot
from conv4rec.train.state import FitState

EVALUATED_CELLS = 20_000_000  # users x items scored at an evaluation, where a step scores a sample
PART = 0.25  # of a log, at least: what is chosen on much less overfits sooner, and trusts SLIM less
RATING_SHARE = 0.4  # of the size of the validation data is enough for what concerns ratings
FEWEST_HELD_OUT = 20  # interactions: with fewer, a validation loss is noise


@dataclass(frozen=True)
class ValidationData:
    """What validation fits are trained on and evaluated on: interactions, some of them masked."""

    interactions: Interactions
    masked: np.ndarray
    """Which of them the fits may not see."""
    device: str = "cpu"

    def observed(self) -> Interactions:
        """The interactions that the validation fits are trained on."""
        return self.interactions.select(~self.masked)

    def history(self) -> History:
        """All of the interactions; those that the validation fits may not see are masked."""
        observed = torch.from_numpy(~self.masked).float().to(self.device)
        whole = Batches.from_interactions(self.interactions, self.device).whole
        return replace(whole, observed=observed)


def validation_size(n_interactions: int, settings: TrainSettings) -> int:
    """About how many interactions penalties and stopping are chosen on, if there are so many.

    >>> [validation_size(n, TrainSettings()) for n in (80_000, 900_000, 20_000_000)]
    [250000, 250000, 5000000]
    """
    return max(settings.validation_size, round(PART * n_interactions))


def validation_data(
    interactions: Interactions,
    size: int,
    share: float,
    seed: int,
    device: str = "cpu",
    rated: bool = False,
) -> ValidationData:
    """A share of the interactions is masked: of all users, or of some of a larger log.

    Args:
        interactions: the training data.
        size: of more interactions than that, users are drawn with the seed who have about so many.
        share: to mask.
        seed: of all draws.
        device: of the histories.
        rated: whether the rated interactions are counted alone.
    """
    counted = interactions.level_numbers >= 0 if rated else np.ones(len(interactions), dtype=bool)
    sample = interactions
    if counted.sum() > size:
        users = np.random.default_rng([seed, len(counted)]).permutation(interactions.n_users)
        before = np.concatenate([[0], np.cumsum(counted)])[interactions.starts]
        n_until = np.cumsum(np.diff(before)[users])
        sample = interactions.take_users(np.sort(users[: 1 + np.searchsorted(n_until, size)]))
    return ValidationData(sample, held_out(sample, share, seed), device)


def held_out(interactions: Interactions, share: float, seed: int) -> np.ndarray:
    """Which interactions the validation fits may not see, drawn with the seed: booleans.

    None of them, and so no validation fit, where the share is fewer than `FEWEST_HELD_OUT`.
    """
    n_interactions = len(interactions)
    out = np.zeros(n_interactions, dtype=bool)
    n_out = round(n_interactions * share)
    if n_out >= FEWEST_HELD_OUT:
        rng = np.random.default_rng([seed, n_interactions])
        out[rng.permutation(n_interactions)[:n_out]] = True
    return out


@torch.no_grad()
def evaluate_validation(trainer: Trainer, validation: History, state: FitState) -> ValidationResult:
    """The losses on the validation part, given everything else.

    Args:
        trainer: of the validation fit.
        validation: all interactions; those of the validation part are masked.
        state: takes the result, the predictions to be averaged, and the predictions of a task
            whose loss is the lowest so far in all validation fits.
    """
    factors, network = trainer.schedule.reg_factors, _evaluated_network(trainer, state)
    consume = trainer.step <= trainer.schedule.stops[CONSUME]
    rates = trainer.schedule.stops[RATE] > 0
    with_consume = consume or trainer.settings.propensity_validation > 0
    part = Part.own(validation.pattern.row_starts)
    encoding = network.encode(part.of(validation), trainer.item_side(), with_consume, rates)
    rate_nll = None
    if rates:
        rate_nll = _averaged_rate_nll(trainer, network, encoding, validation, part, state)
    nll = None
    if consume:
        nll = _consume_nll(trainer, network, encoding, validation, part, state)
    result = ValidationResult(factors[CONSUME], trainer.step, nll, rate_nll, factors[RATE])
    state.results.append(result)
    return result


def _evaluated_network(trainer: Trainer, state: FitState) -> Network:
    """The network to evaluate; with a shared encoder, the mean of the last snapshots.

    Two encoders are averaged in their predictions instead, by `_averaged_rate_nll`.
    """
    if not trainer.network.config.shared_encoder:
        return trainer.network
    keep_snapshot(trainer, state)
    return average_snapshots(trainer, state.last.snapshots)[0]


def keep_snapshot(trainer: Trainer, state: FitState) -> None:
    """Add a snapshot to those of the last evaluations, unless a resumed fit has it already."""
    if state.last.snapshots and state.last.snapshots[-1].step == trainer.step:
        return
    state.last.snapshots.append(take_snapshot(trainer))
    state.last.forget(trainer.settings.averaged_snapshots)


def _consume_nll(
    trainer: Trainer,
    network: Network,
    encoding: Encoding,
    validation: History,
    part: Part,
    state: FitState,
) -> float:
    settings, own = trainer.settings.with_changes(masked_only=True), encoding.consume
    history = part.of(validation)
    if trainer.sampler is not None:
        rows = validation.rows_to_score(EVALUATED_CELLS)
        rows = rows[(rows >= part.rows.start) & (rows < part.rows.stop)] - part.rows.start
        history, encoding = history.of_rows(rows), replace(encoding, consume=own[rows])
    nll = float(summed(losses(network, encoding, history, settings, (True, False)).consume))
    kernel = network.consume_kernel[:, 0]
    if nll <= min((r.consume_nll for r in state.results if r.consume_nll is not None), default=nll):
        scores = NeuralScores(
            part.join_rows(own), network.consume_out, network.consume_bias, kernel
        )
        copies = {name: tensor.detach().clone() for name, tensor in vars(scores).items()}
        state.best.consume = NeuralScores(**copies)
    return nll


def _averaged_rate_nll(
    trainer: Trainer,
    network: Network,
    encoding: Encoding,
    validation: History,
    part: Part,
    state: FitState,
) -> float:
    """Mean -log P(level) of the masked ratings under the mean logits of the last evaluations."""
    rated = (validation.observed == 0) & (validation.types < network.config.n_levels)
    if not bool(rated.any()):
        return 0.0
    before, n_own = int(rated[: part.entries.start].sum()), int(rated[part.entries].sum())
    own, history = slice(before, before + n_own), part.of(validation)
    at, pattern = torch.nonzero(rated[part.entries]).squeeze(1), history.pattern
    logits = joined(network.rating_logits(encoding, pattern.rows[at], pattern.columns[at]))
    if not network.config.shared_encoder:  # its snapshots have been averaged already
        state.last.rating_logits.append(logits)
        state.last.forget(trainer.settings.averaged_snapshots)
        logits = torch.stack(state.last.rating_logits).mean(0)
    power = trainer.settings.propensity_validation
    weights = rarity_weights(network, encoding, history, at, power)
    nll = float(summed(weighted_nll(logits[own], history.types[at], weights)))
    if nll <= min((r.rate_nll for r in state.results if r.rate_nll is not None), default=nll):
        state.best.rating_logits = logits
    return nll
