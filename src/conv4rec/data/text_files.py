"""Reading of text tables: CSV, TSV, RecBole's .inter and the formats of MovieLens."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from conv4rec.data.columns import places_of
from conv4rec.data.dialects import END_OF_LINE, Dialect, as_read, dialect_of, no_names
from conv4rec.data.ids import rows_where, shown
from conv4rec.data.reading import Reading
from conv4rec.data.sources import CHUNK, Source, temporary
from conv4rec.errors import DataError

SAMPLE_BYTES = 1 << 18
ESCAPE = "\\"  # of a quote in quotes, where it is not doubled
INNER_SEP = "\x1f"  # in place of separators that polars does not know: "::", runs of blanks
REPLACEMENT = "\ufffd"  # stands for bytes that are not UTF-8


def read_text(
    source: Source, reading: Reading, roles: Sequence[str], required: Sequence[str]
) -> pl.DataFrame:
    """The columns of some roles of a text table, as strings; blank fields are null.

    Blank lines are left out. Columns without a role are not read.

    Raises:
        DataError: A column or the line of names is missing, a row has too many fields, or a value
            is not UTF-8.
        OSError: The file cannot be read (polars errors: it is not text in columns).
    """
    sample = source.head(SAMPLE_BYTES).decode("utf-8-sig", "replace")
    if "\0" in sample:
        raise DataError(f"{source.name} is not a text table, nor of another format that is read")
    lines = END_OF_LINE.split(sample)

    def fits(names: list[str]) -> bool:
        try:
            return bool(reading.names(names, roles, required))
        except DataError:
            return False

    dialect = dialect_of(lines, fits, source.name, reading.sep, reading.header)
    places = _places(dialect, lines, source.name, reading, roles, required)
    read = sorted(set(places.values()))  # columns that are read keep the order of the file
    is_old_mac = "\r" in sample and "\n" not in sample
    rewritten = _has_quotes_beside_blanks(sample, dialect)
    with contextlib.ExitStack() as stack:
        content, sep = _as_polars_reads_it(source, dialect, is_old_mac, stack, rewritten)
        try:
            frame = _read_csv(content, sep, dialect, read, source)
        except (pl.exceptions.PolarsError, DataError):
            if '\\"' not in sample or len(dialect.sep) > 1:
                raise
            content, sep = _as_polars_reads_it(source, dialect, is_old_mac, stack, True, ESCAPE)
            frame = _read_csv(content, sep, dialect, read, source)
    frame = frame.select(pl.nth(read.index(at)).alias(role) for role, at in places.items())
    _refuse_other_encodings(frame, source.name)
    is_blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    return frame.filter(~is_blank) if is_blank.any() else frame


def _places(
    dialect: Dialect,
    lines: list[str],
    name: str,
    reading: Reading,
    roles: Sequence[str],
    required: Sequence[str],
) -> dict[str, int]:
    """The place of the column of each role, from 0."""
    names = dialect.names
    if not dialect.has_header and reading.header is False:
        return places_of(len(names), reading.columns, roles, required)
    try:
        found = reading.names(names, roles, required)
    except DataError as error:
        first = lines[dialect.n_skipped]
        values = no_names(dialect, first, name) if reading.header is None else None
        raise values or DataError(f"{name}: {error} ({as_read(dialect)})") from None
    # By place, because a line of names may repeat one, or hold blanks and quotes.
    return {role: names.index(column) for role, column in found.items()}


def _as_polars_reads_it(
    source: Source,
    dialect: Dialect,
    is_old_mac: bool,
    stack: contextlib.ExitStack,
    rewritten: bool,
    escape: str | None = None,
) -> tuple[Any, str]:
    """The table with a separator of one byte and no line before the names; that separator.

    What polars has no option for is read and written again by `csv`: runs of blanks as separators,
    blanks beside quotes, and escaped quotes.
    """
    is_wide = len(dialect.sep) > 1
    rewritten |= dialect.sep == " "
    if not (is_wide or is_old_mac or dialect.n_skipped or rewritten):
        return source.whole(), dialect.sep
    source.file.seek(0)
    text = io.TextIOWrapper(source.file, "utf-8-sig", "surrogateescape", newline=None)
    copy = io.TextIOWrapper(temporary(stack), "utf-8", "surrogateescape", newline="")
    for _ in range(dialect.n_skipped):
        text.readline()
    if rewritten:
        lines = (line.strip() for line in text) if dialect.sep == " " else text
        fields = csv.reader(lines, delimiter=dialect.sep, skipinitialspace=True, escapechar=escape)
        csv.writer(copy, delimiter=INNER_SEP).writerows(fields)
    else:
        while chunk := text.readlines(CHUNK):
            lines = "".join(chunk)
            copy.write(lines.replace(dialect.sep, INNER_SEP) if is_wide else lines)
    text.detach()
    copy.flush()
    return copy.detach(), INNER_SEP if is_wide or rewritten else dialect.sep


def _has_quotes_beside_blanks(sample: str, dialect: Dialect) -> bool:
    """Whether quotes stand after a separator and a blank, as in `1, "dune"`, or before both."""
    if dialect.quote != '"' or len(dialect.sep) > 1 or dialect.sep == " ":
        return False
    sep, blank = re.escape(dialect.sep), " +" if dialect.sep == "\t" else r"[ \t]+"
    return bool(re.search(f'(^|{sep}){blank}"|"{blank}({sep}|$)', sample, re.MULTILINE))


def _read_csv(
    content: Any, sep: str, dialect: Dialect, columns: list[int], source: Source
) -> pl.DataFrame:
    """The columns at some places, as strings."""

    def read(encoding: str) -> pl.DataFrame:
        if not isinstance(content, Path):
            content.seek(0)
        return pl.read_csv(
            content,
            has_header=dialect.has_header,
            separator=sep,
            columns=columns,
            quote_char=dialect.quote,
            infer_schema=False,
            encoding=encoding,
            glob=False,
        )

    try:
        return read("utf8")
    except pl.exceptions.PolarsError as error:
        _refuse_long_rows(source, dialect)
        if "utf-8" not in str(error):
            raise
    return read("utf8-lossy")  # the byte may stand in a column without a role: it does no harm


def _refuse_long_rows(source: Source, dialect: Dialect) -> None:
    """Raise on the first row with more fields than the header, if there is one."""
    if len(dialect.sep) > 1 or dialect.sep == " ":
        return
    n_fields = len(dialect.names)
    source.file.seek(0)
    lines = (line.decode("utf-8", "replace") for line in source.file)
    lines = itertools.islice(lines, dialect.n_skipped + dialect.has_header, None)
    quoting = csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL
    rows = csv.reader(lines, delimiter=dialect.sep, quoting=quoting, skipinitialspace=True)
    for row, fields in enumerate(rows, start=1):
        if len(fields) > n_fields:
            raise DataError(
                f"{source.name} has {len(fields)} fields in row {row}, and {n_fields} column "
                "names: quote values that hold the separator"
            )


def _refuse_other_encodings(frame: pl.DataFrame, name: str) -> None:
    """Raise on a value with bytes that are not UTF-8."""
    for role, values in frame.to_dict().items():
        wrong = values.str.contains(REPLACEMENT, literal=True).fill_null(False)
        if wrong.any():
            raise DataError(
                f"{role} {shown(values.filter(wrong)[0])} in {rows_where(wrong)} of {name} is not "
                "UTF-8: state the encoding of the file with encoding='latin-1', 'cp1252', ..."
            )
