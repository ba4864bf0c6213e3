"""Figures as people read them: tables that fit 80 columns, and chances as small bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.table import Table as RichTable
from rich.text import Text

from conv4rec.cli.console import out

if TYPE_CHECKING:
    import polars as pl

BARS = "▁▂▃▄▅▆▇█"
RATING = "p_rating_"
GAP = 2  # blanks between columns
NARROWEST, WIDEST = 12, 60  # characters of a column
MOST_ROWS = 50  # of a frame shown on the screen: files have no such limit


def spark(probabilities: Sequence[float]) -> str:
    """One bar a rating level, lowest level first; the likeliest is a full block.

    >>> spark([0.05, 0.1, 0.2, 0.4, 0.25])
    '▂▃▅█▅'
    """
    top = max(max(probabilities, default=0.0), 1e-12)
    return "".join(
        BARS[min(7, max(0, round(7 * probability / top)))] for probability in probabilities
    )


def percent(probability: float) -> str:
    """A probability with two digits that count: 34%, 3.4%, 0.34%, <0.01%."""
    share = 100 * probability
    if share >= 9.95:
        return f"{share:.0f}%"
    if share >= 0.995:
        return f"{share:.1f}%"
    return f"{share:.2f}%" if share >= 0.005 or share == 0 else "<0.01%"


def figure(value: float | None, digits: int = 3) -> str:
    """A figure of a table; a dash where there is none."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"


class Table:
    """A table that fits the screen: one column gives way, the others keep their width.

    Args:
        headers: names of the columns.
        left: those that hold text; the others hold numbers, and are set right.
        elastic: the column that is cut short, with an ellipsis, where the screen is narrow.
    """

    def __init__(
        self, headers: Sequence[str], left: Sequence[str] = (), elastic: str | None = None
    ) -> None:
        self.headers, self.left, self.elastic = list(headers), left, elastic
        self.rows: list[list[str]] = []

    def add(self, *cells: str) -> None:
        """Add a row, a text for each column."""
        self.rows.append(list(cells))

    def show(self) -> None:
        """Print it."""
        console = out()
        columns = zip(self.headers, *self.rows, strict=True)
        widths = [min(WIDEST, max(cell_len(cell) for cell in column)) for column in columns]
        if self.elastic in self.headers:
            place = self.headers.index(self.elastic)
            others = sum(widths) - widths[place] + GAP * (len(widths) - 1)
            widths[place] = min(widths[place], max(NARROWEST, console.width - others))
        made = RichTable(
            box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0)
        )
        for header, width in zip(self.headers, widths, strict=True):
            side = "left" if header in self.left else "right"
            made.add_column(
                Text(header), justify=side, width=width, no_wrap=True, overflow="ellipsis"
            )
        for row in self.rows:
            made.add_row(*[Text(cell) for cell in row])
        console.print(made)


def show_answers(
    frame: pl.DataFrame, held_out: dict[Any, str] | None = None, with_ids: bool = True
) -> None:
    """Print recommendations or predictions: one line an item, chances of ratings as bars.

    Args:
        frame: as `Conv4Rec.recommend` and `predict` return it, with or without a title column.
        held_out: item id -> what a person really did with it, for a last column.
        with_ids: whether item ids are shown where there are titles.
    """
    levels = [name for name in frame.columns if name.startswith(RATING)]
    headers = [name for name in ("user_id", "rank", "item_id", "title") if name in frame.columns]
    if "rank" in frame.columns and frame["user_id"].n_unique() == 1:
        headers.remove("user_id")
    if "title" in frame.columns and not with_ids:
        headers.remove("item_id")
    criteria = "consume_rank" in frame.columns
    confidence = "p_like_low" in frame.columns and frame["p_like_low"].null_count() == 0
    headers += ["P(pick)", "place"] if criteria else ["P(pick)"]
    if len(levels) > 1:
        headers += ["ratings"] if criteria else ["ratings", "expected"]
        headers += ["P(like), 90%"] if confidence else ["P(like)"]
    headers += ["held out"] if held_out else []
    elastic = "title" if "title" in frame.columns else "item_id"
    sheet = Table(headers, ("user_id", "item_id", "title", "ratings", "held out"), elastic)
    for row in frame.head(MOST_ROWS).iter_rows(named=True):
        cells = {
            "user_id": str(row["user_id"]),
            "rank": str(row.get("rank", "")),
            "item_id": str(row["item_id"]),
            "title": row.get("title") or f"(item {row['item_id']})",
            "P(pick)": percent(row["p_consume"]),
            "ratings": spark([row[level] for level in levels]),
            "expected": f"{row['expected_rating']:.2f}",
            "P(like)": percent(row["p_like"]),
            "place": f"{row.get('consume_rank') or 0:,}",
            "P(like), 90%": _with_interval(row) if confidence else "",
            "held out": (held_out or {}).get(row["item_id"], ""),
        }
        sheet.add(*[cells[header] for header in headers])
    sheet.show()
    if frame.height > MOST_ROWS:
        out().print(Text(f"... and {frame.height - MOST_ROWS:,} more rows: --out keeps them all"))


def _with_interval(row: dict[str, Any]) -> str:
    """P(like) and its interval, in whole percents."""
    low, high = (f"{100 * row[name]:.0f}" for name in ("p_like_low", "p_like_high"))
    return f"{row['p_like']:.0%} ({low}-{high})"


def show_frame(frame: pl.DataFrame, digits: int = 3, elastic: str | None = None) -> None:
    """Print any small frame."""
    text = [name for name in frame.columns if not frame[name].dtype.is_numeric()]
    sheet = Table(frame.columns, text, elastic)
    for row in frame.iter_rows():
        cells = [figure(cell, digits) if isinstance(cell, float) else cell for cell in row]
        sheet.add(*["" if cell is None else str(cell) for cell in cells])
    sheet.show()
