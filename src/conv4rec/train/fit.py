"""From interactions to a trained network: rehearse on a part, then train on all."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from conv4rec.data import Interactions
from conv4rec.errors import TrainingInterrupted
from conv4rec.model import ItemSide, Network
from conv4rec.train.batches import Batches
from conv4rec.train.checkpoint import Checkpoint, fingerprint, load_checkpoint, save_checkpoint
from conv4rec.train.item_side import full_item_side
from conv4rec.train.loop import Progress, Schedule, Trainer
from conv4rec.train.rehearsal import (
    Check,
    best_schedule,
    check,
    check_steps,
    held_out,
    n_rehearsals,
)
from conv4rec.train.settings import TrainSettings
from conv4rec.train.start import new_network

OnProgress = Callable[[str, int, int, Progress], Any]


@dataclass(frozen=True)
class Fitted:
    """A trained network and what it is served with."""

    network: Network
    item_side: ItemSide
    schedule: Schedule
    checks: list[Check]
    n_parameters: int
    """Weights trained, those of the raters included, which serving does not need."""


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
        self.key = fingerprint(interactions, {**shape, **asdict(settings), "seed": seed})
        self.hidden = held_out(interactions, settings.validation_share, seed)
        n_factors = n_rehearsals(interactions, settings.regs) if self.hidden.any() else 0
        self.factors = settings.regs[:n_factors]
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
                self._rehearse(self.factors[self.at.stage])
                self.at = Checkpoint(self.at.stage + 1, self.at.checks, None)
            n_steps = self.settings.n_steps
            checks = self.at.checks
            schedule = best_schedule(checks) if checks else Schedule((n_steps, n_steps))
            return self._train(schedule)

    def _rehearse(self, factor: float) -> None:
        """Train on the part that is not hidden, noting both losses on the hidden part."""
        whole = Batches.from_interactions(self.interactions, self.device).whole
        shown = torch.from_numpy(~self.hidden).float().to(self.device)
        validation = replace(whole, fed=shown)
        n_steps = self.settings.n_steps
        schedule = Schedule((n_steps, n_steps), (factor, factor))
        trainer = self._trainer(self.interactions.select(~self.hidden), schedule)
        steps = check_steps(n_steps)
        for step in steps[len(self.at.checks) - self.at.stage * len(steps) :]:
            self._advance(trainer, step, f"rehearsal {self.at.stage + 1}")
            with trainer.averaged() as network:
                self.at.checks.append(check(network, trainer, validation))
            self._save(trainer)

    def _train(self, schedule: Schedule) -> Fitted:
        trainer = self._trainer(self.interactions, schedule)
        for step in check_steps(self.settings.n_steps):
            self._advance(trainer, step, "training")
            self._save(trainer)
        with trainer.averaged() as network:
            item_side = full_item_side(network, trainer.batches, trainer.sums.type_counts)
            weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        network = trainer.network
        network.load_state_dict(weights)
        n_parameters = sum(p.numel() for p in network.parameters())
        network.rater_in = None  # the columns are summed: only training needs the raters
        return Fitted(network, item_side, schedule, self.at.checks, n_parameters)

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
