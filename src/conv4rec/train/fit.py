"""A fit from interactions to a served model, in stages."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conv4rec.data import Interactions
from conv4rec.model import ItemSide, Network, NetworkConfig, ServedModel
from conv4rec.train.batches import n_batches
from conv4rec.train.checkpoint import fingerprint, load_checkpoint
from conv4rec.train.components import fit_components
from conv4rec.train.ensemble_scores import EnsembleWeights
from conv4rec.train.initialise import latent_widths
from conv4rec.train.processes import check_alike
from conv4rec.train.schedule import Schedule
from conv4rec.train.selection import ValidationResult, planned_fits, trained_together
from conv4rec.train.session import OnProgress, Session, logger
from conv4rec.train.settings import TrainSettings
from conv4rec.train.stages import choose_schedule, final_fit, validation_fit
from conv4rec.train.state import FitState
from conv4rec.train.validation import (
    RATING_SHARE,
    ValidationData,
    validation_data,
    validation_size,
)

EPOCHS = 2  # of the consume side, at least: no interaction goes unseen


@dataclass(frozen=True)
class Fitted:
    """A served model, and how it was trained."""

    model: ServedModel
    item_side: ItemSide
    schedule: Schedule
    validation_results: list[ValidationResult]
    n_parameters: int
    """Weights of the network that was trained, with the raters' table, which is not served."""
    trained: NetworkConfig
    """The shape of the network that was trained."""
    ensemble_weights: EnsembleWeights = field(default_factory=EnsembleWeights)

    @property
    def network(self) -> Network:
        """The neural component, with its tables as served."""
        return self.model.network


class Fit:
    """One validation fit per penalty factor, then the components, then the final fit.

    Args:
        interactions: the training data.
        shape: fields of `NetworkConfig` beyond the sizes of the data.
        settings: how to train.
        seed: of every random draw.
        device: "cpu", "cuda", ...
        on_progress: called after each step with (stage name, stage, stages, progress).
        checkpoint: folder to save the state to at every evaluation, and when stopped.
        resume: go on from the state in `checkpoint`.
        should_stop: asked after each step and each sweep of the Gibbs sampler; once it returns
            True, the state is saved to `checkpoint` and TrainingInterrupted is raised.
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
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self.interactions, self.settings = interactions, settings
        # Those of the whole log: a validation fit has fewer interactions and the same widths.
        self.shape = shape | latent_widths(shape, interactions.n_items, len(interactions))
        self.seed, self.device, self.on_progress = seed, device, on_progress
        self.checkpoint, self.resume, self.should_stop = checkpoint, resume, should_stop

    def run(self) -> Fitted:
        """Run all stages that are left.

        Raises:
            TrainingInterrupted: `should_stop` returned True.
            SavedModelError: The checkpoint to resume from is damaged, or of another fit.
            SettingError: Training diverged to infinite losses.
            ProcessesError: Another process of the fit ended, or was given another log.
        """
        session = self._session()
        while session.state.stage < len(session.planned):
            validation_fit(session)
            session.state = session.state.next_stage()
        schedule = choose_schedule(session)
        logger.info("fitting the components beside the network")
        components = fit_components(session)
        model, item_side, trained, n_parameters = final_fit(session, schedule, components)
        return Fitted(
            model,
            item_side,
            schedule,
            session.state.results,
            n_parameters,
            trained,
            components.ensemble_weights,
        )

    def _session(self) -> Session:
        """The data of the fit, and its state: that of the checkpoint, if it is resumed."""
        log, settings = self.interactions, self.settings
        shortest = EPOCHS * n_batches(len(log), log.n_users, settings.batch_rows)
        settings = settings.with_changes(n_steps=max(settings.n_steps, shortest))
        together = trained_together(settings, bool(self.shape.get("shared_encoder")))
        validation = self._validation(settings, together)
        planned = planned_fits(log, settings, together) if validation[0].masked.any() else ()
        key, state = "", FitState()
        facts = {**self.shape, **settings.model_dump(), "seed": self.seed}
        check_alike(lambda: fingerprint(log, facts), min(log.n_users, log.n_items))
        if self.checkpoint is not None:
            key = fingerprint(log, facts)
            if self.resume:
                state = load_checkpoint(self.checkpoint, key)
        return Session(
            log, self.shape, settings, self.seed, self.device, validation, planned,
            state, self.on_progress, self.should_stop, self.checkpoint, key,
        )  # fmt: skip

    def _validation(
        self, settings: TrainSettings, together: bool
    ) -> tuple[ValidationData, ValidationData]:
        size = validation_size(len(self.interactions), settings)
        share = settings.validation_fraction
        of_consume = validation_data(self.interactions, size, share, self.seed, self.device)
        if together:
            return of_consume, of_consume
        size = max(1, round(RATING_SHARE * size))
        return of_consume, validation_data(
            self.interactions, size, share, self.seed, self.device, rated=True
        )
