"""Titles of items, from a table with an item and a title column."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from conv4rec.data.files import guarded, read_opened
from conv4rec.data.ids import Ids, shown
from conv4rec.data.reading import Reading
from conv4rec.data.sources import opened
from conv4rec.errors import DataError

ROLES = ("item_id", "title")


def read_titles(
    source: str | os.PathLike[str], items: Ids, stated: Reading | None = None
) -> dict[Any, str]:
    """Titles by item id, from any file that `read_table` reads; a warning if none is of an item.

    A table of items is often written otherwise than the log, and what is stated may be of the log:
    it counts where the table cannot be read without. MovieLens' `movies.dat` and `u.item`, which
    have no names of columns, are read too.

    Args:
        source: A table with a column of item ids and a column `title` or `name`.
        items: The items of the log: says whether ids are integers or strings.
        stated: How the table is read.

    Raises:
        DataError: The table cannot be read, or has no such columns.
    """
    frame = _read(source, items, stated or Reading())
    item_id = pl.col("item_id").cast(items.to_series().dtype, strict=False)
    titles = dict(frame.select(item_id, pl.col("title").cast(pl.String)).drop_nulls().iter_rows())
    if not any(id in items for id in titles) and frame.height:
        warnings.warn(
            f"no title in {source} is of an item of the model, which are such as "
            f"{shown(items.to_series()[0])}; the table has {shown(frame['item_id'][0])}",
            stacklevel=3,
        )
    return titles


def with_titles(frame: pl.DataFrame, titles: Mapping[Any, str]) -> pl.DataFrame:
    """The same rows with a title column after item_id; an item without a title has null."""
    if not titles:
        return frame
    column = pl.Series("title", [titles.get(id) for id in frame["item_id"]], dtype=pl.String)
    return frame.insert_column(frame.columns.index("item_id") + 1, column)


def _read(source: str | os.PathLike[str], items: Ids, stated: Reading) -> pl.DataFrame:
    """The two columns: with nothing stated, else as stated, else as a table without names."""
    as_text = ROLES[:1] if items.kind == "str" else ()
    without_names = replace(stated, header=False, columns=None)
    faults: list[DataError] = []
    with guarded(source), opened(source, stated.encoding) as files:
        for reading in (Reading(), stated, without_names):
            try:
                frame = read_opened(files, reading, ROLES, ROLES, as_text)
            except DataError as error:
                if reading is not without_names or "encoding=" in str(error):
                    faults.append(error)
                continue
            if reading is not without_names or _is_an_id(frame.item(0, 0), items):
                return frame
    raise faults[-1]


def _is_an_id(value: int | str, items: Ids) -> bool:
    """Whether the first value of a file is an id, rather than the name of the column."""
    return value in items if items.kind == "str" else isinstance(value, int)
