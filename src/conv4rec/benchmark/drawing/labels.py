"""Names beside dots, each put where it hides nothing if there is such a place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LETTER, LINE = 6.6, 11.0  # pixels of an 11 px sans-serif, on average
_Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Spot:
    """Where a name stands: its start, middle or end, on its baseline."""

    x: float
    y: float
    is_far: bool
    """Too far from its dot to be seen as its name: a line should join them."""
    to: tuple[float, float]
    """Where such a line ends."""
    anchor: str = "start"


def placed(names: Sequence[str], points: Sequence[tuple[float, float]], edges: _Box) -> list[Spot]:
    """Find a place for the name of each dot, given in pixels.

    Tried in turn: right of the dot, left of it, above, below, then further away all around;
    never beyond the edges, and never on another name or dot. Where nothing is free, the name
    stands right of its dot.

    >>> placed(["one"], [(10.0, 50.0)], (0, 0, 100, 100))[0].x
    16.0
    """
    taken: list[_Box] = [(x - 3, y - 3, x + 3, y + 3) for x, y in points]
    spots: dict[int, Spot] = {}
    for place in sorted(range(len(points)), key=lambda i: points[i]):
        wide = LETTER * len(names[place])
        tries = list(_around(points[place]))
        spot = next((s for s in tries if _is_free(_box(s, wide), taken, edges)), tries[0])
        spots[place] = spot
        taken.append(_box(spot, wide))
    return [spots[place] for place in range(len(points))]


def _around(dot: tuple[float, float]) -> Iterator[Spot]:
    x, y = dot
    yield Spot(x + 6, y + 4, False, dot)
    yield Spot(x - 6, y + 4, False, dot, "end")
    yield Spot(x, y - 7, False, dot, "middle")
    yield Spot(x, y + 15, False, dot, "middle")
    for far in range(14, 130, 6):
        for up in (-far, far):
            end = y + (6 if up < 0 else -6) + up
            yield Spot(x + 8, y + 4 + up, True, (x + 8, end), "start")
            yield Spot(x - 8, y + 4 + up, True, (x - 8, end), "end")
            yield Spot(x, y + 4 + up, True, (x, end), "middle")


def _box(spot: Spot, wide: float) -> _Box:
    left = spot.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[spot.anchor] * wide
    return left, spot.y - LINE + 2, left + wide, spot.y + 2


def _is_free(box: _Box, taken: Sequence[_Box], edges: _Box) -> bool:
    inside = edges[0] <= box[0] and edges[1] <= box[1] and box[2] <= edges[2] and box[3] <= edges[3]
    return inside and not any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
        for other in taken
    )
