"""From interactions to a trained network: rehearse on a part, then train on all."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from conv4rec.data import Interactions
from conv4rec.errors import TrainingInterrupted
from conv4rec.model import History, ItemSide, Network, NetworkConfig
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.slim import SLIM
from conv4rec.train.assembly import ConsumeParts, assemble, snapshots_of
from conv4rec.train.batches import Batches
from conv4rec.train.checkpoint import Checkpoint, fingerprint, load_checkpoint, save_checkpoint
from conv4rec.train.ensemble import EnsembleWeights, NeuralScores, choose_ensemble_weights
from conv4rec.train.gibbs import sample_bayesian_mf
from conv4rec.train.initialise import new_network
from conv4rec.train.loop import RATE, Progress, Schedule, Trainer
from conv4rec.train.mixture_weight import DEFAULT_SHARE, choose_share
from conv4rec.train.settings import TrainSettings
from conv4rec.train.slim import fit_slim
from conv4rec.train.validation import (
    ValidationResult,
    best_joint_schedule,
    best_schedule,
    evaluate_validation,
    held_out,
    keep_snapshot,
    n_validation_fits,
    should_stop_early,
    validation_steps,
)

OnProgress = Callable[[str, int, int, Progress], Any]


@dataclass(frozen=True)
class Fitted:
    """A trained network and what it is served with."""

    network: Network
    """As served: its tables are wider than those trained (see `conv4rec.train.assembly`)."""
    item_side: ItemSide
    schedule: Schedule
    validation_results: list[ValidationResult]
    n_parameters: int
    """Weights trained, those of the raters included, which serving does not need."""
    trained: NetworkConfig
    """The shape that was trained."""
    ensemble_weights: EnsembleWeights = field(default_factory=EnsembleWeights)
    """How much the parts of the consume side say."""


class Fit:
    """A fit in stages: one rehearsal for each penalty factor, then the training proper.

    Args:
        interactions: what to learn from.
        shape: fields of `NetworkConfig` beyond the sizes of the data.
        settings: how to train.
        seed: of every random draw.
        device: "cpu", "cuda", ...
        on_progress: called after each step with (stage name, stage, stages, progress).
        checkpoint: folder to save to at every validation figure, and when stopped.
        resume: go on from what `checkpoint` holds.
    """

    def __init__(
        self,
        interactions: Interactions,
        shape: dict[str, Any],
        settings: TrainSettings,
        seed: int,
        device: str = "cpu",
        on_progress: OnProgress | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
    ) -> None:
        self.interactions, self.shape, self.settings = interactions, shape, settings
        self.seed, self.device, self.on_progress = seed, device, on_progress
        self.folder = checkpoint
        self.key = fingerprint(interactions, {**shape, **settings.model_dump(), "seed": seed})
        self.masked = held_out(interactions, settings.validation_fraction, seed)
        n_factors = (
            n_validation_fits(interactions, settings.consume_reg_factors)
            if self.masked.any()
            else 0
        )
        self.factors = settings.consume_reg_factors[:n_factors]
        self.at = Checkpoint(0, [], None)
        if resume and checkpoint is not None:
            self.at = load_checkpoint(checkpoint, self.key)
        self._stop = threading.Event()

    def run(self) -> Fitted:
        """Run all stages that are left.

        Raises:
            TrainingInterrupted: Ctrl-C or SIGTERM came, and the state was saved to `checkpoint`.
                (Without a checkpoint folder both signals do what they always do.)
        """
        with self._signals():
            while self.at.stage < len(self.factors):
                self._validation_fit()
                best = {n: t for n, t in self.at.kept.items() if n.startswith("best")}
                validation_results = self.at.validation_results
                self.at = Checkpoint(
                    self.at.stage + 1, validation_results, None, len(validation_results), best
                )
            ends = (self.settings.n_steps, self.settings.rate_steps)
            return self._train(self._schedule() if self.at.validation_results else Schedule(ends))

    def _schedule(self) -> Schedule:
        """What the rehearsals say of when to stop and how firmly to penalise."""
        if self.shape.get("shared_encoder"):
            return best_joint_schedule(self.at.validation_results, self.settings.rate_weight)
        return best_schedule(self.at.validation_results)

    def _validation_fit(self) -> None:
        """Train on the part that is not hidden, noting both losses on the hidden part."""
        stage, settings = self.at.stage, self.settings
        rate_factor = (
            settings.rate_reg_factors[stage] if stage < len(settings.rate_reg_factors) else 1.0
        )
        ends = (settings.n_steps, settings.rate_steps)
        schedule = Schedule(ends, (self.factors[stage], rate_factor))
        trainer = self._trainer(self._observed(), schedule)
        steps = validation_steps(max(ends))
        for step in steps[len(self.at.validation_results) - self.at.n_before :]:
            self._advance(trainer, step, f"rehearsal {stage + 1}")
            found = evaluate_validation(
                trainer, self._validation(), self.at.validation_results, self.at.kept
            )
            self.at.validation_results.append(found)
            self._save(trainer)
            if should_stop_early(self.at.validation_results, settings.n_steps):
                return

    def _observed(self) -> Interactions:
        return self.interactions.select(~self.masked)

    def _validation(self) -> History:
        """All interactions, those of the rehearsals fed and the others hidden."""
        shown = torch.from_numpy(~self.masked).float().to(self.device)
        return replace(
            Batches.from_interactions(self.interactions, self.device).whole, observed=shown
        )

    def _train(self, schedule: Schedule) -> Fitted:
        parts, bayesian_mf = self._consume_parts(), self._exact_half()
        trainer = self._trainer(self.interactions, schedule)
        kept = self.at.kept
        steps = validation_steps(max(self.settings.n_steps, self.settings.rate_steps))
        looks = [step for step in steps if step < max(schedule.stops)] + [max(schedule.stops)]
        for step in looks[bisect_left(looks, trainer.step) :]:  # those before a resume are kept
            self._advance(trainer, step, "training")
            if step <= schedule.stops[RATE]:
                keep_snapshot(kept, trainer)
            self._save(trainer)
        n_parameters = sum(p.numel() for p in trainer.parameters.values() if p.requires_grad)
        network, item_side = assemble(trainer, snapshots_of(kept), parts, bayesian_mf)
        trained, validation_results = trainer.network.config, self.at.validation_results
        return Fitted(
            network,
            item_side,
            schedule,
            validation_results,
            n_parameters,
            trained,
            parts.ensemble_weights,
        )

    def _consume_parts(self) -> ConsumeParts:
        """The closed form and the neighbours, as far as the rehearsals found that they help."""
        best = {n.removeprefix("best/"): t for n, t in self.at.kept.items() if n[:5] == "best/"}
        if not best or self.shape.get("shared_encoder"):
            return ConsumeParts()  # a shared encoder has no half to itself
        slim = self._slim(self._observed())
        weights = choose_ensemble_weights(NeuralScores(**best), slim, self._validation())
        slim = self._slim(self.interactions) if weights.slim else None
        if slim is not None:
            slim.scale.copy_(torch.tensor([weights.slim, weights.floor]))
        return ConsumeParts(weights, slim)

    def _slim(self, interactions: Interactions) -> SLIM | None:
        size = self.settings.slim_neighbours
        return fit_slim(interactions, size) if size else None

    def _exact_half(self) -> BayesianMF | None:
        """The exact half of the rating side, and how much the rehearsals found it should count.

        Where it should not count for P(like), it still says how sure P(like) is.
        """
        if not self.settings.mf_draws or self.shape.get("shared_encoder"):
            return None
        share, logits = DEFAULT_SHARE, self.at.kept.get("best_rated/logits")
        if logits is not None:
            shorter = self.settings.with_changes(
                mf_sweeps=-(-self.settings.mf_sweeps // 2)
            )  # enough for it
            rehearsed = sample_bayesian_mf(self._observed(), shorter, self.seed, self._on_sweep)
            if rehearsed is not None:
                rehearsed = rehearsed.to(self.device)
                share = choose_share(rehearsed, logits, self._validation())
        half = sample_bayesian_mf(self.interactions, self.settings, self.seed, self._on_sweep)
        if half is not None:
            half.share.fill_(share)
        return half

    def _on_sweep(self, _sweep: int) -> None:
        """Save and raise if a signal came: a resumed fit begins the chain again."""
        if self._stop.is_set():
            assert self.folder is not None  # without one, signals are not caught
            save_checkpoint(self.folder, self.at, self.key)
            raise TrainingInterrupted(
                f"training stopped before its last stage and saved to {self.folder}: go on from "
                "there with resume"
            )

    def _trainer(self, interactions: Interactions, schedule: Schedule) -> Trainer:
        network = new_network(interactions, self.shape, self.settings, self.seed, self.device)
        batches = Batches.from_interactions(interactions, self.device)
        return Trainer(network, batches, self.settings, schedule, self.seed, self.at.state)

    def _advance(self, trainer: Trainer, until: int, stage: str) -> None:
        """Train up to a step, or save and raise if a signal came."""

        def on_step(progress: Progress) -> bool:
            if self.on_progress is not None:
                self.on_progress(stage, self.at.stage, len(self.factors) + 1, progress)
            return self._stop.is_set()

        trainer.run(on_step, until)
        if self._stop.is_set():
            self._save(trainer)
            raise TrainingInterrupted(
                f"training stopped in {stage} after step {trainer.step} and saved to "
                f"{self.folder}: go on from there with resume"
            )

    def _save(self, trainer: Trainer) -> None:
        if self.folder is not None:
            self.at.state = trainer.state()
            save_checkpoint(self.folder, self.at, self.key)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """While training with a checkpoint, Ctrl-C and SIGTERM ask for a stop after the step."""
        in_main = threading.current_thread() is threading.main_thread()
        if self.folder is None or not in_main:
            yield
            return
        wanted = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, lambda *_: self._stop.set()) for number in wanted]
        try:
            yield
        finally:
            for number, handler in zip(wanted, before, strict=True):
                signal.signal(number, handler)
