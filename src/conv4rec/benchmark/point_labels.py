"""Names beside the points of a chart, each where it covers nothing if there is such a place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def label_points(place: Axes, named: Sequence[tuple[str, tuple[float, float], str]]) -> None:
    """Write names beside points so that they cover neither each other nor the points.

    Tried in turn: right of the point, left, above, below, then further away with a thin line.
    Where nothing is free, the name stands right of its point.

    Args:
        place: axes whose final size is known (after `draw_without_rendering`).
        named: text, point in data coordinates, colour.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.transforms import Bbox

    if not named:
        return
    renderer = FigureCanvasAgg(place.get_figure(root=True)).get_renderer()  # pyright: ignore[reportArgumentType]
    edges = place.bbox.padded(12)
    centres = [place.transData.transform(point) for _, point, _ in named]
    taken = [Bbox.from_extents(x - 3, y - 3, x + 3, y + 3) for x, y in centres]
    for text, point, colour in sorted(named, key=lambda each: each[1]):
        note = place.annotate(text, point, (0, 0), textcoords="offset points", color=colour,
                              va="center")  # fmt: skip
        note.set_in_layout(False)
        for spot in (*_spots(), next(_spots())):
            note.set_position((spot.right, spot.up))
            note.set_horizontalalignment(spot.side)
            box = note.get_window_extent(renderer)
            if edges.count_contains(box.corners()) == 4 and not box.count_overlaps(taken):
                break
        else:
            spot = next(_spots())  # where the name stands now
        taken.append(note.get_window_extent(renderer))
        if spot.is_far:
            end = spot.up - math.copysign(5, spot.up)
            place.annotate("", point, (spot.right, end), textcoords="offset points",
                           annotation_clip=False,
                           arrowprops={"arrowstyle": "-", "lw": 0.6, "color": colour})  # fmt: skip


class _Spot(NamedTuple):
    """Where a name may stand, in points from its dot."""

    right: float
    up: float
    side: Literal["left", "center", "right"]
    """The side of the name that is there."""
    is_far: bool = False


def _spots() -> Iterator[_Spot]:
    """Nearest first."""
    yield _Spot(6, 0, "left")
    yield _Spot(-6, 0, "right")
    yield _Spot(0, 11, "center")
    yield _Spot(0, -11, "center")
    for far in range(14, 130, 6):
        for up in (far, -far):
            yield _Spot(8, up, "left", is_far=True)
            yield _Spot(-8, up, "right", is_far=True)
            yield _Spot(0, up, "center", is_far=True)
