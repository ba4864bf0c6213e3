"""Reading of logs: a frame or a file in, a table of the four columns out."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
import polars as pl

from conv4rec.checks import as_path
from conv4rec.data.columns import column_names
from conv4rec.data.ids import exact_ids, rows_where, shown
from conv4rec.data.text_files import read_text
from conv4rec.errors import DataError

UNREADABLE = (OSError, EOFError, ValueError, csv.Error, pl.exceptions.PolarsError)
Table: TypeAlias = Any  # a path, or a polars, pandas or Arrow frame: what narwhals can read


def read_table(source: Table, columns: Mapping[str, str] | None = None) -> pl.DataFrame:
    """Read a ratings log into the columns user_id, item_id[, rating][, timestamp].

    Rows keep their order. Ids keep their value: in a frame also their type; in a text file a
    column is integers if every value is written as one ("7", "-7"), and strings otherwise
    ("007", "+7", "a7"). A rating that is null, or blank in a file, is an item consumed but not
    rated. pandas has NaN for null in float columns, so NaN in a pandas frame is null; in any
    other table it is an error. Timestamps become whole seconds: dates and times since
    1970 (UTC), numbers rounded down as they are. Columns beyond the four are ignored.

    Args:
        source: A polars, pandas or Arrow frame; or the path of a file: Parquet; CSV, TSV or
            semicolon-separated text with a header line, plain or gzipped; RecBole `.inter`;
            MovieLens `ratings.dat` ("::") or `u.data` (tabs), which have no header.
        columns: Names of the four columns in the table, where they are not usual ones, as in
            `{"user_id": "client", "item_id": "sku"}`.

    Raises:
        DataError: The table cannot be read, has no rows, lacks a column, or holds a value that
            is not what its column needs. Row numbers count from 1, after the header.
        SettingError: `columns` has a key that is not one of the four.

    >>> read_table(pl.DataFrame({"userId": [7], "movieId": ["a"], "stars": [4]})).row(0)
    (7, 'a', 4.0)
    """
    is_file = isinstance(source, (str, os.PathLike))
    raw = (
        _read_file(as_path("a table", source), columns) if is_file else _read_frame(source, columns)
    )
    if raw.height == 0:
        raise DataError("the table has no rows: at least one interaction is needed")
    tidy = [exact_ids(raw["user_id"], "user_id"), exact_ids(raw["item_id"], "item_id")]
    if "rating" in raw.columns:
        tidy.append(_ratings(raw["rating"]))
    if "timestamp" in raw.columns:
        tidy.append(_timestamps(raw["timestamp"]))
    return pl.DataFrame(tidy)


def _read_frame(source: Table, columns: Mapping[str, str] | None) -> pl.DataFrame:
    """The four columns of a frame of any library, types untouched."""
    if isinstance(source, pl.LazyFrame):
        try:
            source = source.collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            reason = (str(error).strip().splitlines() or ["it is damaged"])[0]
            raise DataError(f"the lazy frame cannot be collected: {reason}") from error
    try:
        frame = nw.from_native(source, eager_only=True)
    except TypeError as error:
        if not hasattr(source, "__arrow_c_stream__"):
            raise DataError(
                "a ratings table is a polars, pandas or Arrow frame, or the path of a CSV, TSV, "
                f"Parquet, .inter or ratings.dat file; got a {type(source).__name__}"
            ) from error
        frame = nw.from_native(pl.DataFrame(source), eager_only=True)
    except Exception as error:  # each library has its own error for a repeated column name
        raise DataError(f"the {type(source).__name__} cannot be read: {error}") from error
    names = column_names(frame.columns, columns)
    return pl.DataFrame([_polars(frame[name], role) for role, name in names.items()])


def _polars(series: nw.Series[Any], role: str) -> pl.Series:
    """A column of any library as a polars one; for pandas, NaN becomes null."""
    try:
        try:
            return series.to_polars().alias(role)
        except ImportError:  # strings of pandas need pyarrow, which may be missing
            values = [None if value != value else value for value in series.to_list()]
            return pl.Series(role, values)
    except Exception as error:  # pyarrow and polars raise many types for mixed columns
        raise DataError(
            f"{role} (column {shown(series.name)}) holds values of more than one type, or of a "
            f"type with no column form: make them all integers or all strings ({error})"
        ) from error


def _read_file(path: Path, columns: Mapping[str, str] | None) -> pl.DataFrame:
    """The four columns of a file, with the types of the file where it has types."""
    if path.is_dir():
        raise DataError(f"{path} is a folder: give the path of one ratings file in it")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == b"PAR1":
            names = column_names(pl.read_parquet_schema(path), columns)
            frame = pl.read_parquet(path, columns=list(names.values()), glob=False)
            return frame.select(pl.col(name).alias(role) for role, name in names.items())
        return read_text(path, columns)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (*UNREADABLE, pl.exceptions.PanicException) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "it is damaged"
        raise DataError(
            f"{path} cannot be read as Parquet or as UTF-8 text with columns: {reason}"
        ) from error


def _ratings(values: pl.Series) -> pl.Series:
    """Ratings as Float64, null where an item was consumed but not rated."""
    if not (values.dtype.is_numeric() or values.dtype == pl.Null):
        given = values.drop_nulls()
        raise DataError(
            f"rating holds {values.dtype} values such as {shown(given[0] if len(given) else None)} "
            f"in {rows_where(values.is_not_null())}: ratings are numbers, cast the column"
        )
    ratings = values.cast(pl.Float64)
    _refuse_not_finite(ratings, "rating", "make it null if the item was consumed but not rated")
    return ratings.rename("rating")


def _timestamps(values: pl.Series) -> pl.Series:
    """Timestamps as Int64 seconds, null where there is none."""
    if values.dtype in (pl.Datetime, pl.Date):
        seconds = values.dt.epoch("s")
    elif values.dtype.is_numeric() or values.dtype == pl.Null:
        if values.dtype.is_float():
            _refuse_not_finite(values, "timestamp", "make it null if there is none")
            values = values.floor()
        seconds = values.cast(pl.Int64, strict=False)
        lost = seconds.is_null() & values.is_not_null()
        if lost.any():
            raise DataError(f"timestamp is beyond 64-bit seconds in {rows_where(lost)}")
    else:
        raise DataError(
            f"timestamp holds {values.dtype} values: seconds as a number, or dates and times, "
            "are read; cast the column"
        )
    # The lowest int64 marks a missing timestamp in `Interactions`.
    return seconds.clip(lower_bound=np.iinfo(np.int64).min + 1).cast(pl.Int64).rename("timestamp")


def _refuse_not_finite(values: pl.Series, column: str, remedy: str) -> None:
    """Raise on NaN and on infinities."""
    if values.dtype == pl.Null:
        return
    for wrong, word in (
        (values.is_nan(), "NaN (not a number)"),
        (values.is_infinite(), "infinite"),
    ):
        if wrong.fill_null(False).any():
            raise DataError(f"{column} is {word} in {rows_where(wrong.fill_null(False))}: {remedy}")
