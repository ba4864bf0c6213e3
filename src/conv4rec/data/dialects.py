"""How a text table is written: its separator, and whether its first line names the columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conv4rec.data.ids import shown
from conv4rec.errors import DataError

SEPARATORS = ("::", "\t", ";", "|", ",", " ")
"""In the order in which they are preferred where several fit."""
SAMPLED_LINES = 50
END_OF_LINE = re.compile(r"\r\n|\n|\r")
COLUMNS_OF_MOVIELENS: tuple[str, ...] = ("user_id", "item_id", "rating", "timestamp")
RECBOLE = re.compile(r".+:(token|float)(_seq)?")
COMMENT = re.compile(r"(#|%|//)+(\s|$)|#(?=[^,;|\t]*$|user|item)", re.IGNORECASE)
NAMES = {"\t": "a tab", " ": "blanks"}


@dataclass(frozen=True)
class Dialect:
    """How a text table is written."""

    sep: str
    names: list[str]
    """Of the columns; their places from "1" where the file has no names."""
    has_header: bool
    n_skipped: int
    """Lines before the names: comments, blank lines, and Excel's `sep=;`."""
    quote: str | None = '"'


def dialect_of(
    lines: Sequence[str],
    fits: Callable[[list[str]], bool],
    name: str,
    sep: str | None = None,
    header: bool | None = None,
) -> Dialect:
    """Find out how a text table is written, by its first lines.

    The separator is the one that makes a line of names that are understood; else the one that
    divides all lines into equally many fields. Quotes are honoured. Lines before the names that
    are blank or start with # are skipped. Without names are MovieLens' `ratings.dat` and `u.data`.

    Args:
        lines: the first lines of the file.
        fits: whether names of columns are understood.
        name: what the file is called in messages.
        sep: the separator, where it is stated.
        header: whether there is a line of names, where that is stated.

    Raises:
        DataError: The file is empty.

    >>> dialect_of(["user;item;rating", "1;2;3,5"], lambda names: "item" in names, "r.csv").sep
    ';'
    """
    n_skipped, excel_sep = _skipped(lines, fits, sep)
    sep = sep or excel_sep
    lines = [line for line in lines[n_skipped:] if line.strip()][:SAMPLED_LINES]
    if not lines:
        raise DataError(f"{name} is empty: its first line must name the columns")
    written = {each: _records(lines, each) for each in ([sep] if sep else SEPARATORS)}
    if header is not False:
        named = [each for each in written if fits(_names(written[each][0]))]
        if named:
            best = max(named, key=lambda each: _regularity(written[each]))
            return _dialect(best, written[best][0], n_skipped)
    best = max(written, key=lambda each: _regularity(written[each]))
    best = best if sep or len(written[best][0]) > 1 else ","  # nothing divides the lines
    first = written[best][0]
    if (
        header is None
        and best in ("::", "\t")
        and 2 <= len(first) <= 4
        and all(map(_number, first))
    ):
        names = list(COLUMNS_OF_MOVIELENS[: len(first)])
        return Dialect(best, names, False, n_skipped, None)
    if header is False:
        return Dialect(best, [str(place + 1) for place in range(len(first))], False, n_skipped)
    return _dialect(best, first, n_skipped)


def no_names(dialect: Dialect, first_line: str, name: str) -> DataError | None:
    """The error for a first line that holds values where the names should be, if it does."""
    if not any(map(_number, dialect.names)):
        return None
    return DataError(
        f"{name}: the first line, {shown(first_line)}, holds values instead of column names: "
        "add a first line such as user_id,item_id,rating,timestamp, or pass header=False and, if "
        "the columns are not in this order, columns={'user_id': 1, ...}"
    )


def as_read(dialect: Dialect) -> str:
    """How a file was read, for the message about names that are not understood."""
    return (
        f"the first line was read as names, with {NAMES.get(dialect.sep, repr(dialect.sep))} "
        "between them: sep='...' states another separator, header=False that there are no names"
    )


def _dialect(sep: str, fields: list[str], n_skipped: int) -> Dialect:
    """How a table with a line of names is written."""
    names = _names(fields)
    if all(RECBOLE.fullmatch(name) for name in names):
        names = [name.rsplit(":", 1)[0] for name in names]
        return Dialect(sep, names, True, n_skipped, None)
    return Dialect(sep, names, True, n_skipped, "'" if fields[0].startswith("'") else '"')


def _skipped(
    lines: Sequence[str], fits: Callable[[list[str]], bool], sep: str | None
) -> tuple[int, str | None]:
    """How many lines stand before the table, and the separator that Excel's line states."""
    stated = None
    for place, line in enumerate(lines):
        if match := re.fullmatch(r'"?sep=(.)"?\s*', line, re.IGNORECASE):
            stated = match[1]
        elif line.strip() and not COMMENT.match(line):
            return place, stated
        elif line.strip():
            candidates = [sep] if sep else SEPARATORS
            if any(fits(_names(_records([line], each)[0])) for each in candidates):
                return place, stated  # "#user_id,item_id" are names
    return len(lines), stated


def _records(lines: Sequence[str], sep: str) -> list[list[str]]:
    """The fields of each line, with quotes honoured."""
    if len(sep) > 1:
        return [line.split(sep) for line in lines]
    if sep == " ":
        lines = [line.strip() for line in lines]
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=sep, skipinitialspace=True)
    return [fields for fields in reader if fields] or [[""]]


def _names(fields: list[str]) -> list[str]:
    return [name.strip().lstrip("#").strip(" \"'") for name in fields]


def _regularity(records: list[list[str]]) -> tuple[bool, float]:
    """Whether there are two fields or more, and the share of lines with as many as the first."""
    width = len(records[0])
    return width > 1, sum(len(record) == width for record in records) / len(records)


def _number(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?\d[\d.]*\s*", text) is not None
