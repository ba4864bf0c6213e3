"""From values to pixels, with round ticks inside the range."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A function from values to pixels, and the values at its ticks."""

    at: Callable[[float], float]
    ticks: tuple[float, ...]


def log_scale(values: Sequence[float], start: float, end: float) -> Scale:
    """Powers of ten at equal distances; all values must be above 0."""
    low, high = min(values) / 1.08, max(values) * 1.08
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    leading = (1, 2, 5) if high / low < 100 else (1,)
    ticks = tuple(m * 10.0**p for p in powers for m in leading if low <= m * 10.0**p <= high)
    ticks = ticks[:: 1 + len(ticks) // 8]  # as many as there is room for
    span = math.log(high / low)
    return Scale(lambda v: start + (end - start) * math.log(v / low) / span, ticks)


def plain_scale(values: Sequence[float], start: float, end: float, from_zero: bool) -> Scale:
    """Equal steps; from zero, or from a little below the lowest value to a little above."""
    low, high = min(values), max(values)
    if from_zero:
        low, high = min(0.0, low), high * 1.04 + 1e-12
    else:
        room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
        low, high = low - room, high + room
    step = 10 ** math.floor(math.log10(high - low))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if (high - low) / s <= 8)
    ticks = tuple(step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1))
    return Scale(lambda v: start + (end - start) * (v - low) / (high - low), ticks)


def short(tick: float) -> str:
    """A tick as text.

    >>> short(28800.0), short(2e9), short(0.30000000000000004)
    ('28.8k', '2B', '0.3')
    """
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if tick >= unit:
            return f"{tick / unit:g}{letter}"
    return f"{tick:g}"
