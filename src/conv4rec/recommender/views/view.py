"""A view: single facts and named tables, with JSON and CSV made from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from conv4rec.errors import SettingError

DIGITS = 4  # significant ones of a float in JSON and CSV: more than a screen shows

MOST_EXACT = 2**53


@dataclass(frozen=True)
class View:
    r"""One answer of the explorer.

    >>> view = View({"user_id": "ann"}, {"lists": pl.DataFrame({"item_id": [3], "p": [0.123456]})})
    >>> view.json()
    '{"user_id":"ann","lists":{"item_id":[3],"p":[0.1235]}}'
    >>> view.csv("lists")
    'item_id,p\n3,0.1235\n'
    """

    facts: dict[str, Any]
    tables: dict[str, pl.DataFrame]

    def json(self) -> str:
        """The facts, then each table by its columns."""
        parts = [f"{json.dumps(name)}:{_json(value)}" for name, value in self.facts.items()]
        parts += [f"{json.dumps(name)}:{_columns(table)}" for name, table in self.tables.items()]
        return "{" + ",".join(parts) + "}"

    def csv(self, table: str | None = None) -> str:
        """One table; the first where none is named.

        Raises:
            SettingError: There is no table of this name.
        """
        name = next(iter(self.tables)) if table is None else table
        if name not in self.tables:
            raise SettingError(f"table is one of {', '.join(self.tables)}; got {name!r}")
        return _rounded(self.tables[name]).write_csv()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _columns(table: pl.DataFrame) -> str:
    """{"column": [values]}; polars writes it: a catalogue of floats takes Python 0.1 s."""
    if not table.width:
        return "{}"
    if not table.height:
        return _json({name: [] for name in table.columns})
    texts = [n for n, t in table.schema.items() if t.is_integer() and _too_long(table[n])]
    lists = _rounded(table).cast(dict.fromkeys(texts, pl.String)).select(pl.all().implode())
    return lists.write_ndjson().strip()


def _too_long(numbers: pl.Series) -> bool:
    """Whether a reader of JSON with 64-bit floats, as a browser is, would change an id."""
    return max(abs(int(end or 0)) for end in (numbers.min(), numbers.max())) > MOST_EXACT  # type: ignore[arg-type]


def _rounded(table: pl.DataFrame) -> pl.DataFrame:
    floats = pl.col(pl.Float32, pl.Float64)
    return table.with_columns(floats.cast(pl.Float64).round_sig_figs(DIGITS).fill_nan(None))
