"""Reading of files of any format: the columns of some roles."""

from __future__ import annotations

import csv
import os
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from lzma import LZMAError

import polars as pl

from conv4rec.data.columns import IDS
from conv4rec.data.frames import reason
from conv4rec.data.parquet_pages import check_pages
from conv4rec.data.reading import Reading
from conv4rec.data.sources import Source, opened
from conv4rec.data.text_files import read_text
from conv4rec.data.text_values import ids_of_text, numbers_of_text, trimmed
from conv4rec.errors import DataError

DAMAGED = (
    *(OSError, EOFError, UnicodeError, csv.Error, zlib.error, LZMAError, zipfile.BadZipFile),
    *(pl.exceptions.PolarsError, pl.exceptions.PanicException),
)
READERS = {
    "arrow": pl.read_ipc,
    "arrow stream": pl.read_ipc_stream,
    "avro": pl.read_avro,
}


@contextmanager
def guarded(source: object) -> Iterator[None]:
    """Turn every error of a damaged file into one sentence."""
    try:
        yield
    except DataError:
        raise
    except DAMAGED as error:
        raise DataError(
            f"{source} cannot be read as a table with columns: {reason(error)}"
        ) from error


def read_files(
    source: str | os.PathLike[str],
    reading: Reading,
    roles: Sequence[str],
    required: Sequence[str],
    as_text: Collection[str],
    notes: list[str],
) -> pl.DataFrame:
    """The columns of one file, or of all files of a folder or a pattern (see `read_columns`)."""
    with guarded(source), opened(source, reading.encoding) as files:
        return read_opened(files, reading, roles, required, as_text, notes)


def read_opened(
    files: list[Source],
    reading: Reading,
    roles: Sequence[str],
    required: Sequence[str],
    as_text: Collection[str] = (),
    notes: list[str] | None = None,
) -> pl.DataFrame:
    """The columns of files that are open already."""
    parts = [_read_file(file, reading, roles, required) for file in files]
    for file, part in zip(files, parts, strict=True):
        if part.columns != parts[0].columns:
            raise DataError(
                f"{file.name} has other columns ({', '.join(part.columns)}) than {files[0].name} "
                f"({', '.join(parts[0].columns)}): give the path of one file, or a pattern that "
                "only the parts of the log match"
            )
        for role in part.columns:
            here, there = (
                pl.String() if each[role].dtype == pl.Categorical else each[role].dtype
                for each in (part, parts[0])
            )
            if (here == pl.String) != (there == pl.String):
                raise DataError(
                    f"{role} is {here} in {file.name} and {there} in {files[0].name}: "
                    "write all parts with the same types"
                )
    raw = pl.concat(parts, how="vertical_relaxed") if len(parts) > 1 else parts[0]
    notes = [] if notes is None else notes
    if files[0].kind == "text":
        return _of_text(raw, reading, as_text, notes)
    if "rating" in raw.columns and raw["rating"].dtype == pl.String:  # JSON, often
        return raw.with_columns(_of_text(raw.select("rating"), reading, (), notes))
    return raw


def _read_file(
    source: Source, reading: Reading, roles: Sequence[str], required: Sequence[str]
) -> pl.DataFrame:
    """The columns of a file, with the types of the file where it has types.

    Ids that are strings of a Parquet file are coded as categories, a row group at a time: in memory
    are the distinct ones, and 4 bytes a row.
    """
    if source.kind == "text":
        return read_text(source, reading, roles, required)
    if source.kind == "parquet":
        schema = pl.read_parquet_schema(source.whole())
        names = reading.names(schema, roles, required)
        check_pages(source.file, source.name, names.values())
        coded = [pl.col(name).cast(pl.Categorical) for role, name in names.items()
                 if role in IDS and schema[name] == pl.String]  # fmt: skip
        lazy = pl.scan_parquet(source.whole(), glob=False).select(list(names.values()))
        frame = lazy.with_columns(coded).collect(engine="streaming")
    elif source.kind.startswith("json"):
        frame = _read_json(source)
        names = reading.names(frame.columns, roles, required)
    else:
        frame = READERS[source.kind](source.whole())
        names = reading.names(frame.columns, roles, required)
    return frame.select(pl.col(name).alias(role) for role, name in names.items())


def _read_json(source: Source) -> pl.DataFrame:
    """Objects, one a line or in a list."""
    form = (
        f"{source.name} is not JSON of the form that is read, one object a line or a list of "
        'them: {"user_id": 1, "item_id": 2}'
    )
    read = pl.read_json if source.kind == "json" else pl.read_ndjson
    try:
        frame = read(source.whole(), infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{form} ({reason(error)})") from error
    if any(dtype.is_nested() for dtype in frame.dtypes) and frame.height == 1:
        raise DataError(form)
    return frame


def _of_text(
    raw: pl.DataFrame, reading: Reading, as_text: Collection[str], notes: list[str]
) -> pl.DataFrame:
    """Strings of a text table as ids and numbers."""
    columns, blank = [], {}
    for role in raw.columns:
        values, blank[role] = trimmed(raw.drop_in_place(role))  # one at a time: logs may be large
        if role in IDS and role not in as_text:
            values = ids_of_text(values)
        elif role == "rating":
            if isinstance(reading.unrated, str):
                values = values.set((values == reading.unrated).fill_null(False), None)
            values = numbers_of_text(values, notes)
        columns.append(values.alias(role))
    if listed := ", ".join(f"{count:,} of {role}" for role, count in blank.items() if count):
        notes.append(f"blanks around values were left out: {listed}")
    return pl.DataFrame(columns)
