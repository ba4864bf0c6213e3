"""Reading of text files: CSV, TSV, RecBole's .inter and the formats of MovieLens."""

from __future__ import annotations

import contextlib
import csv
import gzip
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, cast

import polars as pl

from conv4rec.data.columns import COLUMNS, column_names
from conv4rec.data.ids import rows_where, shown
from conv4rec.errors import DataError

FIRST_LINE_BYTES = 1 << 20


def read_text(path: Path, columns: Mapping[str, str] | None = None) -> pl.DataFrame:
    """The four columns of a separated text file, plain or gzipped; blank fields are null.

    Raises:
        DataError: A column or the header line is missing, or a value is not what its column
            needs.
        OSError: The file cannot be read (polars errors: it is not UTF-8 text in columns).
    """
    with _open(path) as file:
        first_line = file.readline(FIRST_LINE_BYTES).decode("utf-8-sig").rstrip("\r\n")
    if not first_line.strip():
        raise DataError(f"the first line of {path} is empty: it must name the columns")
    separator, header, headless = _header(first_line)
    recbole = all(re.fullmatch(r".+:(token|float)(_seq)?", name) for name in header)
    if recbole:
        header = [name.rsplit(":", 1)[0] for name in header]
    names = column_names(header, columns)
    source: Path | bytes = path
    if separator == "::":  # polars separates at one byte only
        with _open(path) as file:
            source = file.read().replace(b"::", b"\t")
    quote = None if recbole or headless else '"'
    try:
        frame = pl.read_csv(
            source,
            has_header=not headless,
            separator="\t" if separator == "::" else separator,
            quote_char=quote,
            infer_schema=False,
            glob=False,
        )
    except pl.exceptions.PolarsError as error:
        _refuse_long_rows(path, separator, len(header), quote)
        raise error
    # By position, because a header may repeat a name or hold blanks and quotes.
    frame = frame.select(pl.nth(header.index(name)).alias(role) for role, name in names.items())
    return pl.DataFrame([PARSERS[values.name](values) for values in _trimmed(frame)])


def _refuse_long_rows(path: Path, separator: str, n_fields: int, quote: str | None) -> None:
    """Raise on the first row with more fields than the header, if there is one."""
    if len(separator) > 1:
        return
    quoting = csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL
    with _open(path) as file:
        lines = (line.decode("utf-8", "replace") for line in file)
        for row, fields in enumerate(csv.reader(lines, delimiter=separator, quoting=quoting)):
            if len(fields) > n_fields:
                raise DataError(
                    f"{path} has {len(fields)} fields in row {row}, and {n_fields} column names: "
                    "quote values that hold the separator"
                )


def _trimmed(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows up to the last one that is not blank: empty lines may end a file."""
    filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true()
    return frame.head(filled[-1] + 1 if len(filled) else 0)


def _open(path: Path) -> IO[bytes]:
    """The file opened for reading bytes, unzipped."""
    with path.open("rb") as file:
        is_zipped = file.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(path)) if is_zipped else path.open("rb")


def _header(first_line: str) -> tuple[str, list[str], bool]:
    """The separator of a text file, its column names, and whether it has no header line."""
    separator = next((mark for mark in ("::", "\t", ",", ";") if mark in first_line), ",")
    fields = csv.reader([first_line], delimiter=separator) if len(separator) == 1 else None
    header = [name.strip(' "') for name in (next(fields) if fields else first_line.split("::"))]
    numbers = [re.fullmatch(r"[\d.]+", name) for name in header]
    if separator in ("::", "\t") and 2 <= len(header) <= 4 and all(numbers):  # MovieLens
        return separator, list(COLUMNS[: len(header)]), True
    if any(numbers):
        raise DataError(
            f"the first line, {shown(first_line)}, holds values instead of column names: "
            "add a first line such as user_id,item_id,rating,timestamp"
        )
    return separator, header, False


def _text_ids(values: pl.Series) -> pl.Series:
    """Ids of a text file: integers if each is written as Python writes it, else strings."""
    for dtype in (pl.Int64, pl.UInt64):
        integers = values.cast(dtype, strict=False)
        if (integers.cast(pl.String) == values).all(ignore_nulls=False):
            return integers
    return values


def _text_numbers(values: pl.Series) -> pl.Series:
    """Ratings written as text; blank is null."""
    trimmed = values.str.strip_chars()
    numbers = trimmed.cast(pl.Float64, strict=False)
    wrong = numbers.is_null() & (trimmed != "").fill_null(False)
    if wrong.any():
        raise DataError(
            f"rating {shown(values.filter(wrong)[0])} is not a number in {rows_where(wrong)}: "
            "write numbers such as 3.5, or leave it blank if the item was not rated"
        )
    return numbers


def _text_times(values: pl.Series) -> pl.Series:
    """Timestamps written as text: seconds, or ISO dates and times; blank is null."""
    trimmed = values.str.strip_chars()
    given = (trimmed != "").fill_null(False)
    for numbers in (pl.Int64, pl.Float64):
        seconds = trimmed.cast(numbers, strict=False)
        if not (seconds.is_null() & given).any():
            return seconds
    for dates in (pl.Datetime, pl.Date):
        with contextlib.suppress(pl.exceptions.ComputeError):  # no format fits even one value
            times = trimmed.str.strptime(dates, strict=False)
            if not (times.is_null() & given).any():
                return times
    raise DataError(
        f"timestamp holds {shown(values.filter(given)[0])} in {rows_where(given)}: seconds such "
        "as 978300760 or ISO times such as 2001-01-01 10:00:00 are read"
    )


def _unchanged(values: pl.Series) -> pl.Series:
    """Types and counts: read where they are needed, with the same checks as in a frame."""
    return values


PARSERS = {
    "user_id": _text_ids,
    "item_id": _text_ids,
    "rating": _text_numbers,
    "timestamp": _text_times,
    "type": _unchanged,
    "count": _unchanged,
}
