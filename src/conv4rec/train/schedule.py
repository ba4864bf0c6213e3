"""The schedule of a fit: when each of the two tasks stops, and how the consume side is penalised."""

from __future__ import annotations

from dataclasses import dataclass

CONSUME, RATE = 0, 1  # the two tasks, wherever they come in pairs


@dataclass(frozen=True)
class Schedule:
    """How long each task trains."""

    stops: tuple[int, int]
    """Steps after which the consume side and the rating side are frozen."""
    reg_factor: float = 1.0
    """Multiplier of the consume side's penalties in `TrainSettings`."""
