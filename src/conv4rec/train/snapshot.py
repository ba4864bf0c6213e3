"""Copies of the rating side at some steps, of which the last are averaged."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from conv4rec.train.loop import Trainer


@dataclass(frozen=True)
class Snapshot:
    """The rating side after a step; with a shared encoder, the whole network."""

    step: int
    weights: dict[str, Tensor]  # by parameter name, without the raters' table
    column: Tensor  # items x rate_size: the item side's column at these weights


@torch.no_grad()
def take_snapshot(trainer: Trainer) -> Snapshot:
    """Copy what `conv4rec.train.assembly` averages."""
    left_out = ("rater",) if trainer.network.config.shared_encoder else ("rater", "consume")
    weights = {
        name: weight.detach().clone()
        for name, weight in trainer.parameters.items()
        if not name.startswith(left_out)
    }
    return Snapshot(trainer.step, weights, trainer.item_side().column)
