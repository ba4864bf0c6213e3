"""The picture of one user: every item is a dot at P(consume) and P(like); drawn by matplotlib."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from conv4rec.benchmark.charts import COLOURS, DPI, label_points, style, svg_text
from conv4rec.cli.user_plot import UserPlot
from conv4rec.errors import DataError, SettingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, HIGH = 960, 600  # pixels
LIKELY, DISCOVERY, OTHERS = COLOURS[0], COLOURS[1], "#8a8a8a"
LONGEST = 30  # characters of a name in the picture
LEAST = 1e-12  # a lower P(consume) is drawn there
MOST_VECTORS = 2_000  # more dots than these are one image inside the SVG: a smaller file
SUFFIXES = (".svg", ".png")
SHARPNESS = 2  # pixels of a PNG, and of that image, for each of the picture's


def write_user_plot(user_plot: UserPlot, out: str) -> None:
    """Write the picture as SVG or PNG, by the ending of the file's name.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    target = Path(out)
    if target.suffix.lower() == ".svg":
        target.write_text(user_plot_svg(user_plot)[0], encoding="utf-8")
    else:
        write_png(user_plot, target)


def check_picture(out: str) -> None:
    """Raise unless a picture can be written there: asked before the work, not after.

    Raises:
        SettingError: The name ends in neither .svg nor .png.
        DataError: It is a folder, or the folder it belongs in is missing.
        MissingExtraError: matplotlib is not installed.
    """
    target = Path(out)
    if target.suffix.lower() not in SUFFIXES:
        raise SettingError(
            f"--out draws {', '.join(SUFFIXES)} (explore writes a page); got {target.name!r}"
        )
    if target.is_dir():
        raise DataError(f"{out} is a folder: give the path of a file to write")
    if not target.absolute().parent.is_dir():
        raise DataError(f"there is no folder {target.parent} to write {target.name} in")
    with style():
        pass


def user_plot_svg(user_plot: UserPlot) -> tuple[str, np.ndarray]:
    """The picture as an `<svg>` element, and where the dots are: items x 2, pixels from top left.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with _drawn(user_plot) as (figure, axes):
        dots = axes.transData.transform(_points(user_plot))
        return svg_text(figure), np.stack([dots[:, 0], HIGH - dots[:, 1]], axis=1)


def write_png(user_plot: UserPlot, path: Path) -> None:
    """Write the picture as PNG, at twice the pixels.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with _drawn(user_plot) as (figure, _):
        figure.savefig(path, format="png", dpi=SHARPNESS * DPI)


def short(text: str, most: int = LONGEST) -> str:
    """A text cut to a length, with an ellipsis.

    >>> short("Nausicaä of the Valley of the Wind", 12)
    'Nausicaä of…'
    """
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def percent(probability: float) -> str:
    """A probability with two significant digits.

    >>> percent(0.5), percent(0.00012)
    ('50%', '0.012%')
    """
    return f"{float(f'{100 * probability:.2g}'):.10f}".rstrip("0").rstrip(".") + "%"


def _points(user_plot: UserPlot) -> np.ndarray:
    """P(consume) and P(like): items x 2."""
    points = user_plot.items.select("p_consume", "p_like").to_numpy().astype(np.float64)
    points[:, 0] = np.maximum(points[:, 0], LEAST)
    return points


@contextmanager
def _drawn(user_plot: UserPlot) -> Iterator[tuple[Figure, Axes]]:
    with style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a letter that the font lacks
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDE / DPI, HIGH / DPI), dpi=DPI)
        axes = figure.add_axes((0.065, 0.1, 0.91, 0.77))
        points = _points(user_plot)
        _draw_frame(axes, user_plot, points)
        marked = [*user_plot.discoveries, *user_plot.likely]
        others = np.delete(points, marked, axis=0)
        size, alpha = (4, 0.55) if len(points) < 3000 else (2.6, 0.45)
        axes.plot(*others.T, "o", color=OTHERS, ms=size, alpha=alpha, mew=0, gid="others",
                  rasterized=len(others) > MOST_VECTORS, label="other items")  # fmt: skip
        _draw_marked(axes, user_plot, user_plot.likely, LIKELY, "likeliest to be consumed")
        _draw_marked(axes, user_plot, user_plot.discoveries, DISCOVERY, "discoveries")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0)
        figure.draw_without_rendering()
        ids = user_plot.items["item_id"]
        label_points(axes, [
            (short(user_plot.name(ids[row])), (points[row, 0], points[row, 1]),
             DISCOVERY if number < len(user_plot.discoveries) else LIKELY)
            for number, row in enumerate(marked)
        ])  # fmt: skip
        yield figure, axes


def _draw_frame(axes: Axes, user_plot: UserPlot, points: np.ndarray) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_title(
        f"User {short(str(user_plot.user))}: what they consume next, and what they like",
        fontweight="bold", fontsize=13, pad=28,
    )  # fmt: skip
    axes.set_xlabel("P(consume): probability of being the next item consumed (log scale)")
    axes.set_ylabel(f"P(like): probability of {user_plot.like} or more, if consumed")
    axes.set_xscale("log")
    low, high = np.log10(points[:, 0].min()), np.log10(points[:, 0].max())
    room = 0.04 * (high - low) + 0.05
    axes.set_xlim(10 ** (low - room), 10 ** (high + room))
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high - low < 2 else (1,)))
    axes.xaxis.set_minor_locator(NullLocator())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: percent(value))
    axes.grid(color="#eeeeee")
    axes.set_axisbelow(True)
    edge, dashes = max(user_plot.boundary, LEAST), {"color": "#555555", "lw": 1, "ls": ":"}
    axes.axvline(edge, **dashes)
    axes.annotate("← novel", (edge, 0), (-4, 4), ha="right", textcoords="offset points")
    if user_plot.asked.min_p_like is not None:
        axes.plot([points[:, 0].min() / 10, edge], [user_plot.asked.min_p_like] * 2, **dashes)


def _draw_marked(
    axes: Axes, user_plot: UserPlot, rows: Sequence[int], colour: str, name: str
) -> None:
    """Dots with their 90% intervals of P(like), which a model without draws does not have."""
    if not rows:
        return
    items = user_plot.items[list(rows)]
    x = items["p_consume"].clip(LEAST).to_numpy()
    known = items["p_like_low"].is_not_null().to_numpy()
    low, high = items["p_like_low"].to_numpy()[known], items["p_like_high"].to_numpy()[known]
    axes.vlines(x[known], low, high, color=colour, alpha=0.4, lw=1)
    axes.plot(x, items["p_like"], "o", color=colour, ms=9, mec="white",
              label=f"{name} (line: 90% interval)")  # fmt: skip
