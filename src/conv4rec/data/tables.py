"""Reading of tables: a frame or a file in, a table of the columns that are wanted out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import polars as pl

from conv4rec.data.columns import COLUMNS, EVENT_COLUMNS, IDS
from conv4rec.data.event_columns import event_counts, event_types
from conv4rec.data.files import read_files
from conv4rec.data.forks import refuse_after_fork
from conv4rec.data.frames import read_frame
from conv4rec.data.ids import exact_ids, rows_where, shown
from conv4rec.data.reading import Reading
from conv4rec.data.times import refuse_not_finite, whole_seconds
from conv4rec.errors import DataError

Table: TypeAlias = Any  # a path, columns in a dict, or a frame that narwhals can read


class ReadTable(NamedTuple):
    """A table as it was read; logs are made of it as of any other table."""

    frame: pl.DataFrame
    """The columns that were wanted and found, by role."""
    notes: tuple[str, ...]
    """What was found out or changed, in sentences for the load report."""


def read_table(
    source: Table, columns: Mapping[str, Any] | None = None, **stated: Any
) -> pl.DataFrame:
    """Read a log into the columns user_id, item_id[, rating][, timestamp][, type][, count].

    Rows keep their order. Ids keep their value: in a frame also their type; in a text file a
    column is integers if every value is written as one ("7", "-7"), and strings otherwise
    ("007", "+7", "a7"). Blanks around values of a text file are left out. A rating that is null,
    or blank in a file, is an item consumed but not rated. pandas has NaN for null in float
    columns, so NaN in a pandas frame is null; in any other table it is an error. Timestamps become
    whole seconds (see `whole_seconds`). Other columns are not read, nor a count
    without a type.

    Args:
        source: A polars, pandas or Arrow frame; a dict of columns; or the path of a file: Parquet,
            Arrow, Avro, JSON lines; CSV, TSV or other separated text with a line of names; RecBole
            `.inter`; MovieLens `ratings.dat` and `u.data`. Each also compressed (gz, bz2, xz, zst,
            zip of one file), as a pipe or standard input ("-"), and in parts: a folder, or a
            pattern such as "part-*.csv".
        columns: Names of the columns in the table, where they are not usual ones, as in
            `{"user_id": "client", "item_id": "sku"}`; places from 1 in a file without names. None
            switches a role off.
        **stated: sep=, encoding=, header=, time_format=, unrated= (see `Reading`).

    Raises:
        DataError: The table cannot be read, has no rows, lacks a column, or holds a value that
            is not what its column needs. Row numbers count from 1, after the header.
        SettingError: `columns` has a key that is not one of the roles.

    >>> read_table(pl.DataFrame({"userId": [7], "movieId": ["a"], "stars": [4]})).row(0)
    (7, 'a', 4.0)
    """
    return read_columns(source, Reading(columns, **stated), EVENT_COLUMNS).frame


def read_columns(
    source: Table,
    reading: Reading | None = None,
    roles: Sequence[str] = COLUMNS,
    required: Sequence[str] = IDS,
    as_text: Collection[str] = (),
    lenient: Collection[str] = (),
    coded: bool = False,
) -> ReadTable:
    """Read the columns of some roles of any table, and say what was found out (see `read_table`).

    Args:
        source: see `read_table`.
        reading: how it is read, where that is stated.
        roles: the columns that are wanted: nothing else is read, or can be wrong.
        required: the columns that there must be.
        as_text: the columns of ids that are strings in a text file even where all are written as
            integers, because the ids that they are compared with are strings.
        lenient: the columns that are left out, with a warning, where they cannot be understood.
        coded: whether ids that are categories stay so; else they become strings.
    """
    refuse_after_fork()
    reading, notes = reading or Reading(), []
    is_file = isinstance(source, (str, os.PathLike))
    if is_file:
        raw = read_files(source, reading, roles, required, as_text, notes)
    else:
        raw = read_frame(source, reading, roles, required)
    if "count" in raw.columns and "type" not in raw.columns:
        raw = raw.drop("count")  # of events: a ratings log may hold any number called so
    if raw.height == 0:
        raise DataError("the table has no rows: at least one interaction is needed")
    columns = []
    for role in raw.columns:
        try:
            columns.append(_tidy(raw[role], reading, notes, coded))
        except DataError as error:
            if role not in lenient:
                raise
            warnings.warn(f"{error}: it is left out", stacklevel=3)
    return ReadTable(pl.DataFrame(columns), tuple(notes))


def _tidy(values: pl.Series, reading: Reading, notes: list[str], coded: bool) -> pl.Series:
    """A column with the type that its role needs."""
    if values.name in IDS:
        if coded and values.dtype == pl.Categorical and not values.null_count():
            return values
        return exact_ids(values, values.name)
    if values.name == "rating":
        return _ratings(values, reading.unrated)
    if values.name == "timestamp":
        return whole_seconds(values, reading.time_format, notes)
    if values.name == "type":
        return event_types(values)
    return event_counts(values) if values.name == "count" else values


def _ratings(values: pl.Series, unrated: float | str | None) -> pl.Series:
    """Ratings as Float64, null where an item was consumed but not rated."""
    if not (values.dtype.is_numeric() or values.dtype == pl.Null):
        given = values.drop_nulls()
        raise DataError(
            f"rating holds {values.dtype} values such as {shown(given[0] if len(given) else None)} "
            f"in {rows_where(values.is_not_null())}: ratings are numbers, cast the column"
        )
    ratings = values.cast(pl.Float64)
    if isinstance(unrated, (int, float)):
        ratings = ratings.set(ratings == unrated, None)
    refuse_not_finite(
        ratings,
        "rating",
        "make it null, or blank in a file, if the item was consumed but not rated; or state "
        "unrated= as it is written",
    )
    return ratings
