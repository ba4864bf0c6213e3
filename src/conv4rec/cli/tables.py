"""Tables on the screen: nothing is cut, whatever the width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from conv4rec.cli.console import out, raw, screen_width
from conv4rec.cli.encoding import as_plain, out_encoding

if TYPE_CHECKING:
    import polars as pl

GAP = "  "  # between columns
NARROWEST = 12  # characters of the column that gives way


def percent(probability: float) -> str:
    """A probability with two significant digits: 34%, 3.4%, 0.34%, <0.01%."""
    share = 100 * probability
    if share >= 9.95:
        return f"{share:.0f}%"
    if share >= 0.995:
        return f"{share:.1f}%"
    return f"{share:.2f}%" if share >= 0.005 or share == 0 else "<0.01%"


def figure(value: float | None, digits: int = 3) -> str:
    """A figure of a table; a dash where there is none."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"


def interval(mean: float, low: float, high: float) -> str:
    """A difference with its interval, in three digits.

    >>> interval(0.0071, -0.0020, 0.0162)
    '+.007 [−.002,+.016]'
    """
    return f"{_signed(mean)} [{_signed(low)},{_signed(high)}]"


def _signed(value: float) -> str:
    text = f"{abs(value):.3f}".removeprefix("0")
    return ("−" if value < 0 and text != ".000" else "+") + text


class Table:
    """A table of texts. No cell is ever cut.

    Off a terminal each column has its natural width. On a screen that is too narrow, the elastic
    column gives way first: its text goes on in the next line of the row. If that is not enough,
    the table is printed in parts, one below the other, each with the first columns again.

    Args:
        headers: Names of the columns.
        left: The columns of text, set left; the others hold numbers and are set right.
        elastic: The column of text that gives way.
        n_keys: How many first columns stand in every part.
    """

    def __init__(
        self,
        headers: Sequence[str],
        left: Sequence[str] = (),
        elastic: str | None = None,
        n_keys: int = 1,
    ) -> None:
        self.headers, self.left, self.elastic = list(headers), left, elastic
        self.n_keys = min(n_keys, len(self.headers))
        self.encoding = out_encoding()
        self.rows: list[list[str]] = []

    def add(self, *cells: str) -> None:
        """Add a row, a text for each column."""
        self.rows.append([as_plain(cell, self.encoding) for cell in cells])

    def show(self) -> None:
        """Print it."""
        raw("\n\n".join("\n".join(lines) for lines in self.parts(screen_width())))

    def parts(self, screen: int | None) -> list[list[str]]:
        """The lines of each part, for a screen of so many characters; None for no limit."""
        widths = self._widths(screen)
        return [self._lines(part, widths) for part in self._columns_of_parts(widths, screen)]

    def _widths(self, screen: int | None) -> list[int]:
        columns = zip(self.headers, *self.rows, strict=True)
        widths = [max(cell_len(cell) for cell in column) for column in columns]
        if screen is None:
            return widths
        if self.elastic in self.headers and _total(widths) > screen:
            at = self.headers.index(self.elastic)
            left = screen - (_total(widths) - widths[at])
            widths[at] = min(widths[at], max(NARROWEST, left))
        keys = _total(widths[: self.n_keys]) + len(GAP)
        widest = [screen] * self.n_keys + [max(1, screen - keys)] * (len(widths) - self.n_keys)
        return [min(pair) for pair in zip(widths, widest, strict=True)]

    def _columns_of_parts(self, widths: list[int], screen: int | None) -> list[list[int]]:
        """Column numbers of each part: as many columns as fit, the key columns first."""
        keys = list(range(self.n_keys))
        parts = [list(keys)]
        for column in range(self.n_keys, len(widths)):
            wanted = _total([widths[at] for at in [*parts[-1], column]])
            if screen is not None and wanted > screen and len(parts[-1]) > len(keys):
                parts.append(list(keys))
            parts[-1].append(column)
        return parts

    def _lines(self, part: list[int], widths: list[int]) -> list[str]:
        def lines_of(cells: list[str]) -> list[str]:
            folded = [_fold(cells[at], widths[at]) for at in part]
            height = max(len(each) for each in folded)
            return [
                GAP.join(
                    self._set(each[line] if line < len(each) else "", at, widths[at])
                    for each, at in zip(folded, part, strict=True)
                ).rstrip()
                for line in range(height)
            ]

        values = part[self.n_keys :]
        rows = [row for row in self.rows if not values or any(row[at] for at in values)]
        rule = as_plain("─", self.encoding) * _total([widths[at] for at in part])
        return [*lines_of(self.headers), rule, *(line for row in rows for line in lines_of(row))]

    def _set(self, text: str, column: int, width: int) -> str:
        blanks = " " * (width - cell_len(text))
        return text + blanks if self.headers[column] in self.left else blanks + text


def _total(widths: list[int]) -> int:
    return sum(widths) + len(GAP) * max(0, len(widths) - 1)


def _fold(text: str, width: int) -> list[str]:
    """A text in lines of at most `width` characters, broken between words where possible."""
    if cell_len(text) <= width:
        return [text]
    return [line.plain.rstrip() for line in Text(text).wrap(out(), width, overflow="fold")]


def show_frame(frame: pl.DataFrame, digits: int = 3, elastic: str | None = None) -> None:
    """Print any small frame."""
    text = [name for name in frame.columns if not frame[name].dtype.is_numeric()]
    table = Table(frame.columns, text, elastic)
    for row in frame.iter_rows():
        cells = [figure(cell, digits) if isinstance(cell, float) else cell for cell in row]
        table.add(*["" if cell is None else str(cell) for cell in cells])
    table.show()
