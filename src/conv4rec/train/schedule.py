"""The schedule of a fit: one stopping step and one penalty for each of the two tasks."""

from __future__ import annotations

from dataclasses import dataclass

CONSUME, RATE = 0, 1  # the two tasks, wherever they come in pairs


@dataclass(frozen=True)
class Schedule:
    """How long each task trains, and how strongly each is penalised."""

    stops: tuple[int, int]
    """Steps after which the consume side and the rating side are frozen."""
    reg_factors: tuple[float, float] = (1.0, 1.0)
    """Multipliers of the penalties in `TrainSettings`: consume side, rating side."""
