"""The picture of a log's types: what was done with an item against what comes next with it."""

from __future__ import annotations

from math import log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conv4rec.benchmark.charts import DPI, style, svg_text
from conv4rec.cli.event_output import times_text

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

CELL, MARGIN = 92, 110  # pixels
DEEPEST = 3.0  # powers of ten: the colour of 1,000 times and more


def write_associations(associations: pl.DataFrame, out: str) -> None:
    """Draw the table of `Conv4Rec.kernels` of a log with types, as SVG or PNG by the ending.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with style():
        drawn = association_figure(associations.to_dicts())
        if out.lower().endswith(".svg"):
            Path(out).write_text(svg_text(drawn), encoding="utf-8")
        else:
            drawn.savefig(out, format="png", dpi=2 * DPI, metadata={"Software": None})


def association_figure(rows: list[dict[str, Any]]) -> Figure:
    """A square for each pair: blue if the next type is likelier, orange if it is less likely."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    done = list(dict.fromkeys(row["done"] for row in rows))
    following = list(dict.fromkeys(row["next"] for row in rows))
    wide, high = CELL * len(following) + 2 * MARGIN, CELL * len(done) + MARGIN
    drawn = Figure(figsize=(wide / DPI, high / DPI), layout="constrained")
    axes = drawn.add_subplot(aspect="equal")
    for row in rows:
        x, y = following.index(row["next"]), done.index(row["done"])
        power = -DEEPEST if row["times"] <= 0 else log10(row["times"])
        depth = min(1.0, abs(power) / DEEPEST)
        colour = ("#0b5fa5" if power > 0 else "#c2571a", 0.08 + 0.8 * depth)
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white"))
        shown = "not again"
        if row["times"] > 0:
            shown = f"× {times_text(row['times'])}\n{row['share']:.1%} / {row['chance']:.1%}"
        axes.text(x, y, shown, ha="center", va="center", color="white" if depth > 0.5 else "black")
    axes.set_xlim(-0.5, len(following) - 0.5)
    axes.set_ylim(len(done) - 0.5, -0.5)
    axes.set_xticks(range(len(following)), following)
    axes.set_yticks(range(len(done)), done)
    axes.set_xlabel("next, with the same item")
    axes.set_ylabel("done with an item")
    axes.set_title("how many times likelier\nshare of such events / by chance", fontsize=9)
    axes.tick_params(length=0)
    return drawn
