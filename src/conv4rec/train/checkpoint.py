"""An interrupted training, saved so that it ends in the weights it would have ended in."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from conv4rec.data import Interactions
from conv4rec.errors import SavedModelError
from conv4rec.storage.folders import load_folder, save_folder
from conv4rec.train.loop import State
from conv4rec.train.validation import Kept, ValidationResult

KIND = "training checkpoint"
PARTS = ("weights", "first_moments", "second_moments", "frozen")


@dataclass
class Checkpoint:
    """Where a fit is: which stage, what it has seen, and the state of the loop in it."""

    stage: int
    validation_results: list[ValidationResult]
    state: State | None
    n_before: int = 0
    """How many of the checks are of earlier stages."""
    kept: Kept = field(default_factory=dict)
    """Tensors that later looks need: see `conv4rec.train.validation.evaluate_validation`."""


def fingerprint(interactions: Interactions, settings: dict[str, Any]) -> str:
    """A digest of everything the weights depend on: data, settings, seed."""
    digest = hashlib.sha256(repr(sorted(settings.items())).encode())
    for array in (interactions.starts, interactions.item_numbers, interactions.level_numbers):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(repr(interactions.levels).encode())
    return digest.hexdigest()


def save_checkpoint(folder: str | os.PathLike[str], checkpoint: Checkpoint, key: str) -> None:
    """Save atomically: a kill while saving leaves the checkpoint before."""
    parts = {"kept": {name: tensor.cpu().numpy() for name, tensor in checkpoint.kept.items()}}
    step = 0
    if checkpoint.state is not None:
        step = checkpoint.state.step
        for part in PARTS:
            tensors = getattr(checkpoint.state, part)
            parts[part] = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    facts = {
        "fingerprint": key,
        "stage": checkpoint.stage,
        "step": step,
        "n_before": checkpoint.n_before,
        "validation_results": [asdict(check) for check in checkpoint.validation_results],
    }
    save_folder(folder, KIND, parts, facts)


def load_checkpoint(folder: str | os.PathLike[str], key: str) -> Checkpoint:
    """Load a checkpoint of the same fit.

    Raises:
        SavedModelError: It is missing or damaged, or of other data or other settings.
    """
    parts, facts = load_folder(folder, KIND)
    if facts["fingerprint"] != key:
        raise SavedModelError(
            f"the training saved in {folder} was of other data, settings or another seed: "
            "resume with the same ones, or start anew without resume"
        )
    validation_results = [ValidationResult(**check) for check in facts["validation_results"]]
    state = None
    kept = {name: torch.from_numpy(array) for name, array in parts.pop("kept").items()}
    if parts:
        tensors = {p: {n: torch.from_numpy(a) for n, a in parts[p].items()} for p in PARTS}
        state = State(facts["step"], **tensors)
    return Checkpoint(facts["stage"], validation_results, state, facts["n_before"], kept)
