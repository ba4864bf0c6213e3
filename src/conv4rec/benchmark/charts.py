"""Charts of several panels with one legend and one caption, drawn by matplotlib (extra `plots`).

The SVG of one input is the same on every run: it has no date, and its ids have a fixed salt.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conv4rec.benchmark.point_labels import label_points
from conv4rec.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes as MatplotlibAxes
    from matplotlib.figure import Figure

COLOURS = (
    *("#0b5fa5", "#c2571a", "#3d7a3d", "#8a4fa3", "#666666"),
    *("#a11d4a", "#0f7f86", "#7a5a10", "#4a4ad0", "#222222"),
)  # dark enough on white
DPI = 72  # one point is one pixel of an SVG
NOT_WRITTEN = dict.fromkeys(("Date", "Creator", "Format", "Type"))  # metadata of an SVG


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
    """Linear axes start at zero."""
    width: int = 250
    height: int = 190
    """Of a panel's axes, in pixels."""


@contextmanager
def style() -> Iterator[None]:
    """The settings that every picture is drawn and written with.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtraError(
            "a picture needs the package matplotlib: pip install 'conv4rec[plots]'"
        ) from error
    settings: dict[Any, Any] = {
        "font.size": 9,
        "svg.fonttype": "none",  # text stays text
        "svg.hashsalt": "conv4rec",
        "text.parse_math": False,  # a dollar sign in a title is a dollar sign
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#888888",
        "axes.titlelocation": "left",
        "legend.frameon": False,
    }
    with matplotlib.rc_context(settings):
        yield


def svg(panels: Sequence[Panel], axes: Axes, caption: str, columns: int = 3) -> str:
    """Draw the panels, left to right and then down, `columns` in a row; returns SVG text.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with style():
        return svg_text(figure(panels, axes, caption, columns))


def svg_text(drawn: Figure) -> str:
    """A figure as an `<svg>` element; call it inside `style`."""
    file = io.StringIO()
    drawn.savefig(file, format="svg", dpi=DPI, metadata=NOT_WRITTEN)
    text = file.getvalue()
    lines = text[text.index("<svg") :].splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def figure(panels: Sequence[Panel], axes: Axes, caption: str, columns: int = 3) -> Figure:
    """The picture as a matplotlib figure; call it inside `style`."""
    from matplotlib.figure import Figure

    columns = min(2 if len(panels) == 4 else columns, len(panels))
    rows = -(-len(panels) // columns)
    size = (columns * (axes.width + 70) / DPI, (rows * (axes.height + 76) + 60) / DPI)
    drawn = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = drawn.subplots(
        rows, columns, squeeze=False, sharex=axes.shared, sharey=axes.shared
    ).ravel()  # fmt: skip
    for place, panel in zip(grid, panels, strict=False):
        _draw_panel(place, panel)
    for place in grid[: len(panels)]:  # only now is it known how far shared axes reach
        _draw_axes(place, axes)
    for empty in grid[len(panels) :]:
        empty.remove()
    _legend(drawn, panels, caption, columns)
    drawn.draw_without_rendering()  # sizes are known from here on
    for place, panel in zip(grid, panels, strict=False):
        named = [
            (text, point, COLOURS[curve.colour % len(COLOURS)])
            for curve in panel.curves
            for text, point in zip(curve.labels, curve.points, strict=False)
        ]
        label_points(place, named)
    return drawn


def _draw_panel(place: MatplotlibAxes, panel: Panel) -> None:
    for curve in panel.curves:
        colour = COLOURS[curve.colour % len(COLOURS)]
        x, y = zip(*curve.points, strict=True)
        if curve.band:
            at, low, high = zip(*curve.band, strict=True)
            place.fill_between(at, low, high, color=colour, alpha=0.18, lw=0)
        if curve.dots:
            size, alpha = (6, 1.0) if curve.labels else (4, 0.55)
            place.plot(x, y, "o", color=colour, ms=size, alpha=alpha, mew=0)
        else:
            place.plot(x, y, color=colour, lw=1.8, ls="--" if curve.dashed else "-")
    if panel.mark is not None:
        place.axhline(panel.mark, color="black", lw=1, ls=":")
        place.annotate(panel.mark_name, (0.68, panel.mark), (0, 3), ha="right",
                       xycoords=("axes fraction", "data"), textcoords="offset points")  # fmt: skip
    place.set_title(panel.title, fontweight="bold", pad=20)
    place.annotate(panel.note, (0, 1), (0, 7), xycoords="axes fraction",
                   textcoords="offset points", color="#444444")  # fmt: skip


def _draw_axes(place: MatplotlibAxes, axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    if axes.log_x:
        place.set_xscale("log")
    elif axes.from_zero:
        place.set_xlim(left=0)
    if axes.log_y:
        place.set_yscale("log")
    elif axes.from_zero:
        place.set_ylim(bottom=0)
    for axis, is_log in ((place.xaxis, axes.log_x), (place.yaxis, axes.log_y)):
        if is_log:
            low, high = axis.get_view_interval()
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
            axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(lambda value, _: short(value))
    place.grid(axis="y", color="#eeeeee")
    place.set_axisbelow(True)
    place.tick_params(labelbottom=True, labelleft=True, color="#888888")
    place.set_xlabel(axes.x)
    place.set_ylabel(axes.y)


def _legend(drawn: Figure, panels: Sequence[Panel], caption: str, columns: int) -> None:
    """The caption, and each name once, in its colour."""
    from matplotlib.lines import Line2D

    named: dict[str, Curve] = {}
    for panel in panels:
        for curve in panel.curves:
            named.setdefault(curve.name, curve)
    lines = [
        Line2D([], [], color=COLOURS[curve.colour % len(COLOURS)], lw=2, label=name,
               ls="--" if curve.dashed else "-")
        for name, curve in named.items() if name
    ]  # fmt: skip
    drawn.legend(handles=lines, loc="outside lower left", ncols=2 * columns, alignment="left",
                 title=caption)  # fmt: skip


def short(tick: float) -> str:
    """A tick as text.

    >>> short(28800.0), short(2e9), short(0.30000000000000004)
    ('28.8k', '2B', '0.3')
    """
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if tick >= unit:
            return f"{tick / unit:g}{letter}"
    return f"{tick:.6g}"
