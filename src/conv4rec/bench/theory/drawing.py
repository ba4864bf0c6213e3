"""Line charts as SVG, written by hand: a few panels, log or plain axes, no library."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, MARGIN = 250, 190, 44
GAP, TOP, BOTTOM = 26, 46, 62
COLOURS = ("#0b5fa5", "#c2571a", "#3d7a3d", "#8a4fa3", "#666666")  # dark enough on white


@dataclass(frozen=True)
class Curve:
    """Points joined by a line, or dots alone."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int = 0
    dots: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """One chart of a picture."""

    title: str
    curves: Sequence[Curve]
    note: str = ""
    mark: float | None = None
    """A height to mark with a dotted line."""
    mark_name: str = ""


@dataclass(frozen=True)
class Axes:
    """What all panels of a picture share: labels, and which axes are logarithmic."""

    x: str
    y: str
    log_x: bool = True
    log_y: bool = True


def svg(panels: Sequence[Panel], axes: Axes, caption: str, columns: int = 3) -> str:
    """A picture of several panels with one legend and one caption, as SVG text.

    All panels have the same scales, so that they can be compared.
    """
    shown = [point for panel in panels for curve in panel.curves for point in curve.points]
    heights = [y for _, y in shown] + [p.mark for p in panels if p.mark is not None]
    x_of = _scale([x for x, _ in shown], axes.log_x, MARGIN, MARGIN + WIDTH)
    y_of = _scale(heights, axes.log_y, TOP + HEIGHT, TOP)
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    cell = (MARGIN + WIDTH + GAP, TOP + HEIGHT + 40)
    names = {curve.name for panel in panels for curve in panel.curves if curve.name}
    legend = sum(45 + 6.2 * len(name) for name in names)
    wide = max(columns * cell[0] + 10, MARGIN + round(max(5.6 * len(caption), legend)))
    size = (wide, rows * cell[1] + BOTTOM)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" '
        f'width="{size[0]}" height="{size[1]}" font-family="sans-serif" font-size="11" role="img">',
        f"<title>{escape(caption)}</title>",
        f'<rect width="{size[0]}" height="{size[1]}" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        place = (number % columns * cell[0], number // columns * cell[1])
        parts.append(f'<g transform="translate({place[0]},{place[1]})">')
        parts += [*_frame(panel, axes, x_of, y_of), *_lines(panel, x_of.at, y_of.at), "</g>"]
    parts += _legend(panels, caption, rows * cell[1])
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True)
class _Scale:
    at: Callable[[float], float]
    ticks: tuple[float, ...]


def _scale(values: Sequence[float], log: bool, start: float, end: float) -> _Scale:
    """From values to pixels, with round ticks inside the range."""
    low, high = min(values), max(values)
    if log:
        low, high = low / 1.08, high * 1.08
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        leading = (1, 2, 5) if high / low < 100 else (1,)
        ticks = tuple(m * 10.0**p for p in powers for m in leading if low <= m * 10.0**p <= high)
        span = math.log(high / low)
        ticks = ticks[:: 1 + len(ticks) // 8]  # as many as there is room for
        return _Scale(lambda v: start + (end - start) * math.log(v / low) / span, ticks)
    low, high = min(0.0, low), high * 1.04 + 1e-12
    step = 10 ** math.floor(math.log10(high - low))
    step = next(s for s in (step / 5, step / 2, step) if (high - low) / s <= 8)
    ticks = tuple(step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1))
    return _Scale(lambda v: start + (end - start) * (v - low) / (high - low), ticks)


def _frame(panel: Panel, axes: Axes, x_of: _Scale, y_of: _Scale) -> list[str]:
    left, right, bottom = MARGIN, MARGIN + WIDTH, TOP + HEIGHT
    parts = [
        f'<text x="{left}" y="{TOP - 24}" font-size="13" font-weight="bold">'
        f"{escape(panel.title)}</text>",
        f'<text x="{left}" y="{TOP - 9}" fill="#444">{escape(panel.note)}</text>',
        f'<path d="M{left} {TOP}V{bottom}H{right}" fill="none" stroke="#888"/>',
        f'<text x="{(left + right) / 2}" y="{bottom + 30}" text-anchor="middle">'
        f"{escape(axes.x)}</text>",
        f'<text transform="translate(11,{TOP + HEIGHT / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(axes.y)}</text>",
    ]
    for tick in x_of.ticks:
        x = x_of.at(tick)
        parts.append(f'<path d="M{x:.1f} {bottom}v4" stroke="#888"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{_short(tick)}</text>'
        )
    for tick in y_of.ticks:
        y = y_of.at(tick)
        parts.append(f'<path d="M{left} {y:.1f}H{right}" stroke="#eee"/>')
        parts.append(
            f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>'
        )
    return parts


def _lines(
    panel: Panel, x_at: Callable[[float], float], y_at: Callable[[float], float]
) -> list[str]:
    parts = []
    if panel.mark is not None:
        y = y_at(panel.mark)
        parts.append(
            f'<path d="M{MARGIN} {y:.1f}h{WIDTH}" stroke="#000" stroke-dasharray="2 3"/>'
            f'<text x="{MARGIN + 0.68 * WIDTH}" y="{y - 4:.1f}" text-anchor="end">'
            f"{escape(panel.mark_name)}</text>"
        )
    for curve in panel.curves:
        colour = COLOURS[curve.colour % len(COLOURS)]
        places = [(x_at(x), y_at(y)) for x, y in curve.points]
        if curve.dots:
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{colour}" fill-opacity=".55"/>'
                for x, y in places
            ]
            continue
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        dash = ' stroke-dasharray="5 4"' if curve.dashed else ""
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>')
    return parts


def _legend(panels: Sequence[Panel], caption: str, top: float) -> list[str]:
    """Each name once, in its colour; then the caption."""
    names: dict[str, Curve] = {}
    for panel in panels:
        for curve in panel.curves:
            names.setdefault(curve.name, curve)
    parts, x = [], float(MARGIN)
    for name, curve in names.items():
        if not name:
            continue
        colour = COLOURS[curve.colour % len(COLOURS)]
        dash = ' stroke-dasharray="5 4"' if curve.dashed else ""
        parts.append(f'<path d="M{x} {top + 12}h22" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{x + 27}" y="{top + 16}">{escape(name)}</text>')
        x += 45 + 6.2 * len(name)
    parts.append(f'<text x="{MARGIN}" y="{top + 40}" fill="#444">{escape(caption)}</text>')
    return parts


def _short(tick: float) -> str:
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if tick >= unit:
            return f"{tick / unit:g}{letter}"
    return f"{tick:g}"
