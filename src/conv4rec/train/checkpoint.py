"""Saves the state of a fit, so that a resumed fit ends in the same weights, bit for bit."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.errors import SavedModelError
from conv4rec.storage.folders import load_folder, save_folder
from conv4rec.train.ensemble_scores import NeuralScores
from conv4rec.train.loop import TrainerState
from conv4rec.train.optimiser import AdamState
from conv4rec.train.selection import ValidationResult
from conv4rec.train.snapshot import Snapshot
from conv4rec.train.state import BestPredictions, FitState, LastEvaluations

KIND = "training checkpoint"
ADAM_PARTS = ("first_moments", "second_moments", "steps")
COLUMN, LOGITS = "column", "rating_logits"  # beside the parameters of snapshots

Tensors = dict[str, Tensor]


def fingerprint(interactions: Interactions, settings: dict[str, Any]) -> str:
    """A digest of everything that the weights depend on: data, settings, seed."""
    digest = hashlib.sha256(repr(sorted(settings.items())).encode())
    for array in (interactions.starts, interactions.item_numbers, interactions.level_numbers):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(repr(interactions.levels).encode())
    return digest.hexdigest()


def save_checkpoint(folder: str | os.PathLike[str], state: FitState, key: str) -> None:
    """Save atomically: a kill while saving leaves the checkpoint before.

    Args:
        folder: made if it does not exist.
        state: of the fit.
        key: its `fingerprint`.
    """
    parts: dict[str, Tensors] = {"best": _best_tensors(state.best)}
    parts["last"] = _last_tensors(state.last)
    if state.trainer is not None:
        parts |= {"weights": state.trainer.weights, "epoch_weights": state.trainer.epoch_weights}
        parts |= {name: getattr(state.trainer.adam, name) for name in ADAM_PARTS}
    facts = {
        "fingerprint": key,
        "stage": state.stage,
        "step": 0 if state.trainer is None else state.trainer.step,
        "n_before": state.n_before,
        "results": [asdict(result) for result in state.results],
        "snapshot_steps": [snapshot.step for snapshot in state.last.snapshots],
    }
    arrays = {part: {n: t.cpu().numpy() for n, t in named.items()} for part, named in parts.items()}
    save_folder(folder, KIND, arrays, facts)


def load_checkpoint(folder: str | os.PathLike[str], key: str) -> FitState:
    """Load the state of the same fit.

    Raises:
        SavedModelError: It is missing or damaged, or of other data or other settings.
    """
    arrays, facts = load_folder(folder, KIND)
    if facts["fingerprint"] != key:
        raise SavedModelError(
            f"the training saved in {folder} was of other data, settings or another seed: "
            "resume with the same ones, or start anew without resume"
        )
    parts = {
        part: {n: torch.from_numpy(a) for n, a in named.items()} for part, named in arrays.items()
    }
    trainer = None
    if "weights" in parts:
        steps = {name: step.reshape(()) for name, step in parts["steps"].items()}
        adam = AdamState(parts["first_moments"], parts["second_moments"], steps)
        trainer = TrainerState(facts["step"], parts["weights"], adam, parts["epoch_weights"])
    return FitState(
        facts["stage"],
        [ValidationResult.from_saved(result) for result in facts["results"]],
        facts["n_before"],
        _best_predictions(parts["best"]),
        _last_evaluations(parts["last"], facts["snapshot_steps"]),
        trainer,
    )


def _best_tensors(best: BestPredictions) -> Tensors:
    consume = {} if best.consume is None else vars(best.consume)
    rating = {} if best.rating_logits is None else {"rating_logits": best.rating_logits}
    return {**consume, **rating}


def _best_predictions(tensors: Tensors) -> BestPredictions:
    rating_logits = tensors.pop("rating_logits", None)
    return BestPredictions(NeuralScores(**tensors) if tensors else None, rating_logits)


def _last_tensors(last: LastEvaluations) -> Tensors:
    """Snapshots and logits, each stacked: all have the same shapes."""
    tensors = {LOGITS: torch.stack(last.rating_logits)} if last.rating_logits else {}
    for name in last.snapshots[0].weights if last.snapshots else ():
        tensors[name] = torch.stack([snapshot.weights[name] for snapshot in last.snapshots])
    if last.snapshots:
        tensors[COLUMN] = torch.stack([snapshot.column for snapshot in last.snapshots])
    return tensors


def _last_evaluations(tensors: Tensors, steps: list[int]) -> LastEvaluations:
    logits = list(tensors.pop(LOGITS).unbind()) if LOGITS in tensors else []
    columns = tensors.pop(COLUMN) if steps else ()
    snapshots = [
        Snapshot(step, {name: stacked[at] for name, stacked in tensors.items()}, column)
        for at, (step, column) in enumerate(zip(steps, columns, strict=True))
    ]
    return LastEvaluations(snapshots, logits)
