"""What all stages of a fit share: data, settings, callbacks, and the state that is saved."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conv4rec.data import Interactions
from conv4rec.errors import TrainingInterrupted
from conv4rec.train.batches import Batches
from conv4rec.train.checkpoint import save_checkpoint
from conv4rec.train.initialise import new_network
from conv4rec.train.loop import Progress, Trainer
from conv4rec.train.processes import any_of, own_number
from conv4rec.train.schedule import Schedule
from conv4rec.train.settings import TrainSettings
from conv4rec.train.state import FitState
from conv4rec.train.validation import ValidationData

OnProgress = Callable[[str, int, int, Progress], Any]
"""Called after each step with (stage name, stage, stages, progress)."""

logger = logging.getLogger("conv4rec")


@dataclass
class Session:
    """A fit that is running."""

    interactions: Interactions
    shape: dict[str, Any]
    """Fields of `NetworkConfig` beyond the sizes of the data."""
    settings: TrainSettings
    seed: int
    device: str
    validation: tuple[ValidationData, ValidationData]
    """Where penalties and stopping are chosen: of the consume side and of the rating side."""
    planned: tuple[Schedule, ...]
    """The schedules of the validation fits."""
    state: FitState
    on_progress: OnProgress | None = None
    should_stop: Callable[[], bool] | None = None
    folder: str | os.PathLike[str] | None = None
    """Where checkpoints are saved; None for no checkpoints."""
    key: str = ""
    """Fingerprint of the fit."""

    @property
    def shared_encoder(self) -> bool:
        """Whether both tasks are decoded from one latent vector."""
        return bool(self.shape.get("shared_encoder"))

    def trainer(self, interactions: Interactions, schedule: Schedule) -> Trainer:
        """A trainer at its first step, or where the saved state of this stage left it."""
        network = new_network(interactions, self.shape, self.settings, self.seed, self.device)
        batches = Batches.from_interactions(interactions, self.device)
        state = self.state.trainer
        return Trainer(network, batches, self.settings, schedule, self.seed, state)

    def advance(self, trainer: Trainer, until: int, stage: str) -> Progress | None:
        """Train up to a step; returns the progress of the last step.

        Raises:
            TrainingInterrupted: `should_stop` returned True.
        """
        last, stop = None, False

        def on_step(progress: Progress) -> bool:
            nonlocal last, stop
            last = progress
            if self.on_progress is not None:
                self.on_progress(stage, self.state.stage, len(self.planned) + 1, progress)
            stop = self._asked_to_stop()
            return stop

        trainer.run(on_step, until)
        if stop:
            self.save(trainer)
            raise self._interrupted(f"in {stage} after step {trainer.step}")
        return last

    def save(self, trainer: Trainer) -> None:
        """Save a checkpoint, if there is a folder for it."""
        if self.folder is not None:
            self.state.trainer = trainer.state()
            self._save()

    def on_sweep(self, sweep: int) -> None:
        """Stop between two sweeps of the Gibbs sampler; a resumed fit starts its chains again.

        Raises:
            TrainingInterrupted: `should_stop` returned True.
        """
        if sweep % 50 == 0:
            logger.info("Gibbs sampler: sweep %d of a chain", sweep)
        if self._asked_to_stop():
            self._save()
            raise self._interrupted("before the final fit")

    def _save(self) -> None:
        if self.folder is not None and own_number() == 0:
            save_checkpoint(self.folder, self.state, self.key)

    def _asked_to_stop(self) -> bool:
        return any_of(self.should_stop is not None and self.should_stop())

    def _interrupted(self, where: str) -> TrainingInterrupted:
        if self.folder is None:
            return TrainingInterrupted(f"training stopped {where}: nothing was saved")
        return TrainingInterrupted(
            f"training stopped {where} and saved to {self.folder}: go on from there with resume"
        )
