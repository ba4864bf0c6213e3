"""A picture of several panels with one legend and one caption, as SVG text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from conv4rec.benchmark.drawing.labels import placed
from conv4rec.benchmark.drawing.scales import Scale, log_scale, plain_scale, short
from conv4rec.benchmark.drawing.shapes import (
    BOTTOM,
    COLOURS,
    GAP,
    MARGIN,
    TOP,
    Axes,
    Curve,
    Panel,
)

_At = Callable[[float], float]


def svg(panels: Sequence[Panel], axes: Axes, caption: str, columns: int = 3) -> str:
    """Draw the panels, left to right and then down, `columns` in a row."""
    columns = min(2 if len(panels) == 4 else columns, len(panels))
    cell = (MARGIN + axes.width + GAP, TOP + axes.height + 40)
    wide = max(columns * cell[0] + 10, MARGIN + round(5.6 * len(caption)))
    top = math.ceil(len(panels) / columns) * cell[1]
    legend, height = _legend(panels, caption, top, wide)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {height}" '
        f'width="{wide}" height="{height}" font-family="sans-serif" font-size="11" role="img">',
        f"<title>{escape(caption)}</title>",
        f'<rect width="{wide}" height="{height}" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        x_of, y_of = _scales(panels if axes.shared else [panel], axes)
        place = (number % columns * cell[0], number // columns * cell[1])
        parts.append(f'<g transform="translate({place[0]},{place[1]})">')
        parts += [*_frame(panel, axes, x_of, y_of), *_lines(panel, axes, x_of.at, y_of.at), "</g>"]
    return "\n".join([*parts, *legend, "</svg>"]) + "\n"


def _scales(panels: Sequence[Panel], axes: Axes) -> tuple[Scale, Scale]:
    reaches = [panel.reach() for panel in panels]
    ends = ((MARGIN, MARGIN + axes.width), (TOP + axes.height, TOP))
    scales = []
    for side, (log, (start, end)) in enumerate(zip((axes.log_x, axes.log_y), ends, strict=True)):
        values = [value for reach in reaches for value in reach[side]]
        if log:
            scales.append(log_scale(values, start, end))
        else:
            scales.append(plain_scale(values, start, end, axes.from_zero))
    return scales[0], scales[1]


def _frame(panel: Panel, axes: Axes, x_of: Scale, y_of: Scale) -> list[str]:
    left, right, bottom = MARGIN, MARGIN + axes.width, TOP + axes.height
    parts = [
        f'<text x="{left}" y="{TOP - 24}" font-size="13" font-weight="bold">'
        f"{escape(panel.title)}</text>",
        f'<text x="{left}" y="{TOP - 9}" fill="#444">{escape(panel.note)}</text>',
        f'<path d="M{left} {TOP}V{bottom}H{right}" fill="none" stroke="#888"/>',
        f'<text x="{(left + right) / 2}" y="{bottom + 30}" text-anchor="middle">'
        f"{escape(axes.x)}</text>",
        f'<text transform="translate(11,{TOP + axes.height / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(axes.y if panel.y is None else panel.y)}</text>",
    ]
    for tick in x_of.ticks:
        x = x_of.at(tick)
        parts.append(f'<path d="M{x:.1f} {bottom}v4" stroke="#888"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{short(tick)}</text>'
        )
    for tick in y_of.ticks:
        y = y_of.at(tick)
        parts.append(f'<path d="M{left} {y:.1f}H{right}" stroke="#eee"/>')
        parts.append(f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{short(tick)}</text>')
    return parts


def _lines(panel: Panel, axes: Axes, x_at: _At, y_at: _At) -> list[str]:
    parts = []
    if panel.mark is not None:
        y = y_at(panel.mark)
        parts.append(
            f'<path d="M{MARGIN} {y:.1f}h{axes.width}" stroke="#000" stroke-dasharray="2 3"/>'
            f'<text x="{MARGIN + 0.68 * axes.width}" y="{y - 4:.1f}" text-anchor="end">'
            f"{escape(panel.mark_name)}</text>"
        )
    named: list[tuple[str, str, tuple[float, float]]] = []
    for curve in panel.curves:
        colour = COLOURS[curve.colour % len(COLOURS)]
        places = [(x_at(x), y_at(y)) for x, y in curve.points]
        parts += _band(curve, colour, x_at, y_at)
        if curve.dots:
            size, clear = (3.2, 1) if curve.labels else (2.2, 0.55)
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{colour}" '
                f'fill-opacity="{clear}"/>'
                for x, y in places
            ]
            named += zip(curve.labels, [colour] * len(places), places, strict=False)
            continue
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        dash = ' stroke-dasharray="5 4"' if curve.dashed else ""
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>')
    return parts + _names(named, axes)


def _names(named: list[tuple[str, str, tuple[float, float]]], axes: Axes) -> list[str]:
    """The names of dots, with a thin line to those that found no room nearby."""
    edges = (MARGIN + 2, TOP, MARGIN + axes.width + GAP, TOP + axes.height - 2)
    spots = placed([text for text, _, _ in named], [dot for _, _, dot in named], edges)
    parts = []
    for (text, colour, (x, y)), spot in zip(named, spots, strict=True):
        if spot.is_far:
            parts.append(
                f'<path d="M{x:.1f} {y:.1f}L{spot.to[0]:.1f} {spot.to[1]:.1f}" '
                f'stroke="{colour}" stroke-width=".6"/>'
            )
        parts.append(
            f'<text x="{spot.x:.1f}" y="{spot.y:.1f}" fill="{colour}" '
            f'text-anchor="{spot.anchor}">{escape(text)}</text>'
        )
    return parts


def _band(curve: Curve, colour: str, x_at: _At, y_at: _At) -> list[str]:
    if not curve.band:
        return []
    there = [f"{x_at(x):.1f} {y_at(high):.1f}" for x, _, high in curve.band]
    back = [f"{x_at(x):.1f} {y_at(low):.1f}" for x, low, _ in reversed(curve.band)]
    return [f'<path d="M{"L".join([*there, *back])}Z" fill="{colour}" fill-opacity=".18"/>']


def _legend(
    panels: Sequence[Panel], caption: str, top: float, wide: float
) -> tuple[list[str], float]:
    """Each name once, in its colour, in as many lines as it takes; then the caption."""
    names: dict[str, Curve] = {}
    for panel in panels:
        for curve in panel.curves:
            names.setdefault(curve.name, curve)
    parts, x = [], float(MARGIN)
    for name, curve in names.items():
        if not name:
            continue
        if x > MARGIN and x + 27 + 6.2 * len(name) > wide:
            x, top = float(MARGIN), top + 17
        colour = COLOURS[curve.colour % len(COLOURS)]
        dash = ' stroke-dasharray="5 4"' if curve.dashed else ""
        parts.append(f'<path d="M{x} {top + 12}h22" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{x + 27}" y="{top + 16}">{escape(name)}</text>')
        x += 45 + 6.2 * len(name)
    top -= 0 if parts else 24  # no line of names
    parts.append(f'<text x="{MARGIN}" y="{top + 40}" fill="#444">{escape(caption)}</text>')
    return parts, top + BOTTOM
