"""What a chart is made of: curves on panels that share their axes, or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COLOURS = (
    *("#0b5fa5", "#c2571a", "#3d7a3d", "#8a4fa3", "#666666"),
    *("#a11d4a", "#0f7f86", "#7a5a10", "#4a4ad0", "#222222"),
)  # dark enough on white
MARGIN = 44
GAP, TOP, BOTTOM = 26, 46, 62


@dataclass(frozen=True)
class Curve:
    """Points joined by a line, or dots alone; with a band around them, or names beside them."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int = 0
    dots: bool = False
    dashed: bool = False
    band: Sequence[tuple[float, float, float]] = ()
    """(x, low, high), shaded."""
    labels: Sequence[str] = ()
    """Of dots: a text beside each."""


@dataclass(frozen=True)
class Panel:
    """One chart of a picture."""

    title: str
    curves: Sequence[Curve]
    note: str = ""
    mark: float | None = None
    """A height to mark with a dotted line."""
    mark_name: str = ""
    y: str | None = None
    """Name of its own y axis, where axes are not shared."""

    def reach(self) -> tuple[list[float], list[float]]:
        """Every x, and every y, that must be seen."""
        points = [point for curve in self.curves for point in curve.points]
        bands = [edge for curve in self.curves for edge in curve.band]
        heights = [y for _, y in points] + [y for _, low, high in bands for y in (low, high)]
        marks = [] if self.mark is None else [self.mark]
        return [x for x, _ in points] + [x for x, _, _ in bands], heights + marks


@dataclass(frozen=True)
class Axes:
    """What the panels of a picture have in common."""

    x: str
    y: str
    log_x: bool = True
    log_y: bool = True
    shared: bool = True
    """All panels have one scale, so that they can be compared; else each has its own."""
    from_zero: bool = True
    """Plain axes start at zero."""
    width: int = 250
    height: int = 190
    """Of a panel's axes, in pixels."""
