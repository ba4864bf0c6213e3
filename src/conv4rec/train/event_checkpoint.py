"""Saves the state of a fit to types, so that a resumed one ends in the same weights, bit for bit.

The tables and the hidden events are counted and drawn again: the seed says how.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from conv4rec.data import Events
from conv4rec.errors import SavedModelError
from conv4rec.storage.folders import load_folder, save_folder
from conv4rec.train.checkpoint import KIND

STAGE = "types"  # of the checkpoint; those of ratings are numbers
PARTS = ("weights", "exp_avg", "exp_avg_sq")  # of Adam


@dataclass
class ItemState:
    """Where the training of P(i | k, x) is: nothing but a number of steps before the first."""

    step: int = 0
    tensors: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    @classmethod
    def of(cls, step: int, network: nn.Module, optimiser: torch.optim.Adam) -> ItemState:
        """After some steps."""
        named = dict(network.named_parameters())
        tensors = {part: {n: optimiser.state[p][part] for n, p in named.items()}
                   for part in PARTS[1:]}  # fmt: skip
        return cls(step, {"weights": {n: p.detach() for n, p in named.items()}, **tensors})

    @torch.no_grad()
    def restore(self, network: nn.Module, optimiser: torch.optim.Adam) -> None:
        """Go back to this state."""
        for name, parameter in network.named_parameters() if self.step else ():
            parameter.copy_(self.tensors["weights"][name])
            moments = {part: self.tensors[part][name].clone() for part in PARTS[1:]}
            optimiser.state[parameter] = {"step": torch.tensor(float(self.step)), **moments}


def save_item_state(
    folder: str | os.PathLike[str], state: ItemState, log: Events, seed: int
) -> None:
    """Save atomically."""
    arrays = {
        part: {name: tensor.numpy() for name, tensor in named.items()}
        for part, named in state.tensors.items()
    }
    facts = {"fingerprint": _fingerprint(log, seed), "stage": STAGE, "step": state.step}
    save_folder(folder, KIND, arrays, facts)


def load_item_state(folder: str | os.PathLike[str], log: Events, seed: int) -> ItemState | None:
    """Load the state of the same fit; None if its training on types was over.

    Raises:
        SavedModelError: It is missing or damaged, or of other data or another seed.
    """
    arrays, facts = load_folder(folder, KIND)
    if facts["stage"] != STAGE and log.types.levels is not None:
        return None  # the training on ratings looks whether it is of the same log
    if facts["fingerprint"] != _fingerprint(log, seed):
        raise SavedModelError(
            f"the training saved in {folder} was of other data or another seed: resume with the "
            "same ones, or start anew without resume"
        )
    tensors = {
        part: {name: torch.from_numpy(array.copy()) for name, array in named.items()}
        for part, named in arrays.items()
    }
    return ItemState(facts["step"], tensors)


def _fingerprint(log: Events, seed: int) -> str:
    """A digest of everything that the weights depend on."""
    digest = hashlib.sha256(f"{seed} {log.types}".encode())
    for array in (log.starts, log.item_numbers, log.kind_numbers, log.counts, log.first, log.last):
        digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
