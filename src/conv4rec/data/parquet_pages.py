"""Whether the pages of a Parquet file say what its footer says, before anything reads them.

Polars reserves memory by the count that stands in a page's header. In a damaged file that may be
negative, and the process ends without an exception (polars 2.1, `decode_hybrid_rle_into_bitmap`).
Here headers alone are read, in Thrift's compact form: about 20 microseconds a page.

Reference:
    Apache Parquet, `parquet.thrift`: FileMetaData, ColumnMetaData, PageHeader.
    Apache Thrift, "Thrift compact protocol encoding".
"""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterator
from typing import IO, Any, TypeVar

from conv4rec.errors import DataError

MAGIC = b"PAR1"
LARGEST_FOOTER = 2**23  # bytes; of more (thousands of columns) the check would take seconds
HEADER_BYTES = (2**12, 2**20)  # read at first, and where statistics make a header longer
DEEPEST = 16  # structs and lists within one another
FURTHEST = 2**62  # bytes; beyond, no file has a place
DICTIONARY_PAGE = 2
FIXED_BYTES = {3: 1, 7: 8, 13: 16}  # a byte, a double, a UUID
Fields = dict[int, Any]
T = TypeVar("T")


def check_pages(file: IO[bytes], name: str, columns: Collection[str] | None = None) -> None:
    """Compare the counts of all pages with those of the footer.

    A file is refused too if its footer is no Thrift: polars reads past some faults there, and then
    pages at places that the footer does not say.

    Args:
        file: Seekable; its place is not kept.
        name: For the error.
        columns: Those that will be read; None for all.

    Raises:
        DataError: The pages of a column hold another number of values than the footer says, or the
            footer cannot be read.
    """
    footer = _footer(file)
    if footer is None:  # left to the reader
        return
    damaged = f"{name} is a damaged Parquet file"
    try:
        chunks = list(_chunks(_struct(io.BytesIO(footer))))
    except (EOFError, ValueError):
        raise DataError(
            f"{damaged}: its footer cannot be read: write or fetch the file again"
        ) from None
    for column, n_values, starts_at in chunks:
        if columns is not None and column not in columns:
            continue
        found = _values_in_pages(file, starts_at, n_values)
        if found != n_values:
            says = "are damaged" if found is None else f"hold {found:,}"
            raise DataError(
                f"{damaged}: column {column!r} should have {n_values:,} "
                f"values in a row group and its pages {says}: write or fetch the file again"
            )


def _footer(file: IO[bytes]) -> bytes | None:
    """The footer; None if there is none, or one that is encrypted or too large to check."""
    size = file.seek(0, os.SEEK_END)
    if size < 12:
        return None
    file.seek(size - 8)
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length > min(size - 8, LARGEST_FOOTER):
        return None
    file.seek(size - 8 - length)
    return file.read(length)


def _chunks(footer: Fields) -> Iterator[tuple[str, int, int]]:
    """Column, number of values and place of the first page, for each part of a flat column.

    Raises:
        ValueError: The fields are not those of a footer.
    """
    for group in _at(footer, list, 4):
        for column in _at(group, list, 1):
            path = _at(column, list, 3, 3)
            n_values, first = _at(column, int, 3, 5), _at(column, int, 3, 9)
            dictionary = _at(column, int, 3, 11) if 11 in column[3] else 0
            if not all(isinstance(part, bytes) for part in path):
                raise ValueError
            if len(path) == 1 and n_values != 0:
                name = path[0].decode(errors="replace")
                yield name, n_values, dictionary if 0 < dictionary < first else first


def _values_in_pages(file: IO[bytes], at: int, n_values: int) -> int | None:
    """The values of the pages from a place on, read until they are enough; None if damaged."""
    found = 0
    while found < n_values:
        try:
            header, length = _page_header(file, at)
            n_bytes, is_dictionary = _at(header, int, 3), _at(header, int, 1) == DICTIONARY_PAGE
            n_entries = _at(header, int, 7 if is_dictionary else 5 if 5 in header else 8, 1)
        except (EOFError, ValueError):
            return None
        if n_bytes < 0 or n_entries < 0:
            return None
        at += length + n_bytes
        found += 0 if is_dictionary else n_entries
    return found if n_values > 0 else None


def _page_header(file: IO[bytes], at: int) -> tuple[Fields, int]:
    """The header at a place, and its length."""
    if not 0 <= at < FURTHEST:
        raise EOFError
    for n_bytes in HEADER_BYTES:
        file.seek(at)
        head = io.BytesIO(file.read(n_bytes))
        try:
            return _struct(head), head.tell()
        except EOFError:
            continue
    raise EOFError


def _at(fields: Any, kind: type[T], *path: int) -> T:
    """The value at a path of field numbers.

    Raises:
        ValueError: There is none, or one of another kind: any byte may be wrong.
    """
    for number in path:
        if not isinstance(fields, dict) or number not in fields:
            raise ValueError
        fields = fields[number]
    if type(fields) is not kind:
        raise ValueError
    return fields


def _struct(file: IO[bytes], depth: int = 0) -> Fields:
    """The fields of a struct by their numbers."""
    fields, number = {}, 0
    while head := _byte(file):
        step, kind = head >> 4, head & 15
        number = number + step if step else _zigzag(file)
        fields[number] = kind == 1 if kind in (1, 2) else _value(file, kind, depth)
    return fields


def _value(file: IO[bytes], kind: int, depth: int) -> Any:
    if depth > DEEPEST:
        raise ValueError
    if kind in (4, 5, 6):  # integers of 16, 32 and 64 bits
        return _zigzag(file)
    if kind == 8:
        return _bytes(file, _varint(file))
    if kind in (9, 10):  # lists and sets
        head = _byte(file)
        n, kind = head >> 4, head & 15
        n = _varint(file) if n == 15 else n
        return [_value(file, 3 if kind in (1, 2) else kind, depth + 1) for _ in range(n)]
    if kind == 12:
        return _struct(file, depth + 1)
    if kind == 11:  # a map: a byte of two kinds, then keys and values in turn
        n = _varint(file)
        kinds = divmod(_byte(file), 16) if n else (3, 3)
        return [_value(file, one, depth + 1) for _ in range(n) for one in kinds]
    if kind in FIXED_BYTES:
        return _bytes(file, FIXED_BYTES[kind])
    raise ValueError


def _zigzag(file: IO[bytes]) -> int:
    number = _varint(file)
    return (number >> 1) ^ -(number & 1)


def _varint(file: IO[bytes]) -> int:
    number = 0
    for shift in range(0, 70, 7):
        byte = _byte(file)
        number |= (byte & 127) << shift
        if byte < 128:
            return number
    raise ValueError


def _byte(file: IO[bytes]) -> int:
    return _bytes(file, 1)[0]


def _bytes(file: IO[bytes], n: int) -> bytes:
    found = file.read(min(n, LARGEST_FOOTER))
    if len(found) < n:
        raise EOFError
    return found
