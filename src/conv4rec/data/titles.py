"""Titles of items, from a table with an item and a title column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from conv4rec.data.columns import column_names
from conv4rec.data.ids import Ids
from conv4rec.errors import DataError


def read_titles(path: str | Path, items: Ids) -> dict[Any, str]:
    """Titles by item id, from a CSV, TSV or Parquet file.

    Args:
        path: A table with a column of item ids and a column `title` or `name`.
        items: The items of the log: says whether ids are integers or strings.

    Raises:
        DataError: The file cannot be read, or has no such columns.
    """
    frame = _read_table(Path(path))
    by_name = {re.sub(r"[\s_\-]", "", name).lower(): name for name in frame.columns}
    title = by_name.get("title") or by_name.get("name")
    if title is None:
        raise DataError(f"{path} has no column title or name; it has {', '.join(frame.columns)}")
    item = column_names(dict.fromkeys([*frame.columns, "user_id"]))["item_id"]
    kind = pl.Int64 if items.kind == "int" else pl.String
    rows = frame.select(pl.col(item).cast(kind, strict=False), pl.col(title).cast(pl.String))
    return dict(rows.drop_nulls().iter_rows())


def with_titles(frame: pl.DataFrame, titles: Mapping[Any, str]) -> pl.DataFrame:
    """The same rows with a title column after item_id; an item without a title has null."""
    if not titles:
        return frame
    column = pl.Series("title", [titles.get(id) for id in frame["item_id"]], dtype=pl.String)
    return frame.insert_column(frame.columns.index("item_id") + 1, column)


def _read_table(path: Path) -> pl.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        separator = "\t" if path.suffix == ".tsv" else ","
        return pl.read_csv(path, separator=separator, infer_schema=False)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = (str(error).strip().splitlines() or ["it is damaged"])[0]
        raise DataError(f"{path} cannot be read as a table with columns: {reason}") from error
