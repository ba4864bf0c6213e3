"""The stages of a fit: validation fits on a part of the data, then the final fit on all of it."""

from __future__ import annotations

from bisect import bisect_left

from conv4rec.model import ItemSide, NetworkConfig, ServedModel
from conv4rec.train.assembly import Components, assemble
from conv4rec.train.schedule import CONSUME, RATE, Schedule
from conv4rec.train.selection import (
    best_joint_schedule,
    best_schedule,
    evaluation_steps,
    should_stop_early,
)
from conv4rec.train.session import Session, logger
from conv4rec.train.validation import evaluate_validation, keep_snapshot


def validation_fit(session: Session) -> None:
    """Train on the observed part, and evaluate on the masked part at some steps.

    The results, and the best predictions, are added to the state of the session.
    """
    state, settings = session.state, session.settings
    schedule = session.planned[state.stage]
    data = session.validation[CONSUME if schedule.stops[CONSUME] else RATE]
    trainer, end = session.trainer(data.observed(), schedule), max(schedule.stops)
    history, stage = data.history(), f"validation fit {state.stage + 1}"
    steps = evaluation_steps((settings.n_steps, settings.rate_steps), end)
    n_done = len(state.results) - state.n_before
    if n_done and should_stop_early(state.results, schedule):
        return  # resumed from what was saved at the last evaluation
    for step in steps[n_done:]:
        session.advance(trainer, step, stage)
        result = evaluate_validation(trainer, history, state)
        session.save(trainer)
        losses = {"consume": result.consume_nll, "rating": result.rate_nll}
        logger.info(
            "%s of %d: step %d of %d, %s", stage, len(session.planned), step, end,
            ", ".join(f"{task} NLL {nll:.3f}" for task, nll in losses.items() if nll is not None),
        )  # fmt: skip
        if should_stop_early(state.results, schedule):
            return


def choose_schedule(session: Session) -> Schedule:
    """The schedule of the final fit: the best of the validation fits, or that of the settings."""
    results, settings = session.state.results, session.settings
    consume, rate = (*settings.consume_reg_factors, 1.0), (*settings.rate_reg_factors, 1.0)
    rate_steps = settings.rate_steps if session.interactions.n_rated else 1
    unknown = Schedule((settings.n_steps, rate_steps), (consume[0], rate[0]))
    if results and session.shared_encoder:
        return best_joint_schedule(results, settings.rate_weight)
    return best_schedule(results, unknown)


def final_fit(
    session: Session, schedule: Schedule, components: Components
) -> tuple[ServedModel, ItemSide, NetworkConfig, int]:
    """Train on all interactions, and assemble the model that is served.

    Returns:
        The model, its item side, the shape that was trained, and how many weights were.
    """
    state, settings = session.state, session.settings
    trainer, end = session.trainer(session.interactions, schedule), max(schedule.stops)
    steps = evaluation_steps((settings.n_steps, settings.rate_steps), end)
    for step in steps[bisect_left(steps, trainer.step) :]:  # a resumed fit has the earlier ones
        progress = session.advance(trainer, step, "final fit")
        if step <= schedule.stops[RATE] or not state.last.snapshots:
            keep_snapshot(trainer, state)
        session.save(trainer)
        if progress is not None:
            losses = (progress.consume_nll, progress.rate_nll)
            shown = [
                "ended" if step > stop else f"{loss:.3f}"
                for loss, stop in zip(losses, schedule.stops, strict=True)
            ]
            logger.info(
                "final fit: step %d of %d, training NLL: consume %s, rating %s", step, end, *shown
            )
    model, item_side = assemble(trainer, state.last.snapshots, components)
    n_parameters = sum(p.numel() for p in trainer.parameters.values() if p.requires_grad)
    return model, item_side, trainer.network.config, n_parameters
