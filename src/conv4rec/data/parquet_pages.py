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
from typing import IO, Any

from conv4rec.errors import DataError

MAGIC = b"PAR1"
LARGEST_FOOTER = 2**23  # bytes; of more (thousands of columns) the check would take seconds
HEADER_BYTES = (2**12, 2**20)  # read at first, and where statistics make a header longer
DEEPEST = 16  # structs within structs
DICTIONARY_PAGE = 2
Fields = dict[int, Any]


def check_pages(file: IO[bytes], name: str, columns: Collection[str] | None = None) -> None:
    """Compare the counts of all pages with those of the footer.

    What cannot be understood here is left to the reader.

    Args:
        file: Seekable; its place is not kept.
        name: For the error.
        columns: Those that will be read; None for all.

    Raises:
        DataError: The pages of a column hold another number of values than the footer says.
    """
    size = file.seek(0, os.SEEK_END)
    try:
        chunks = list(_chunks(_footer(file, size)))
    except (EOFError, KeyError, TypeError, AttributeError, ValueError):
        return  # no footer, or none that is understood
    for column, n_values, starts_at in chunks:
        if columns is not None and column not in columns:
            continue
        found = _values_in_pages(file, starts_at, n_values)
        if found != n_values:
            says = "are damaged" if found is None else f"hold {found:,}"
            raise DataError(
                f"{name} is a damaged Parquet file: column {column!r} should have {n_values:,} "
                f"values in a row group and its pages {says}: write or fetch the file again"
            )


def _footer(file: IO[bytes], size: int) -> Fields:
    if size < 12:
        raise EOFError
    file.seek(size - 8)
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length > min(size - 8, LARGEST_FOOTER):
        raise EOFError
    file.seek(size - 8 - length)
    return _struct(io.BytesIO(file.read(length)))


def _chunks(footer: Fields) -> Iterator[tuple[str, int, int]]:
    """Column, number of values and place of the first page, for each part of a flat column."""
    for group in footer[4]:
        for column in group[1]:
            facts = column[3]
            first, dictionary = facts[9], facts.get(11, 0)
            path = facts[3]
            if len(path) == 1 and facts[5] != 0:
                name = path[0].decode(errors="replace")
                yield name, facts[5], dictionary if 0 < dictionary < first else first


def _values_in_pages(file: IO[bytes], at: int, n_values: int) -> int | None:
    """The values of the pages from a place on, read until they are enough; None if damaged."""
    found = 0
    while found < n_values:
        header, length = _page_header(file, at)
        try:
            n_bytes = header[3]
            n = 0 if header[1] == DICTIONARY_PAGE else (header.get(5) or header[8])[1]
            n_entries = header[7][1] if header[1] == DICTIONARY_PAGE else n
        except (KeyError, TypeError):
            return None
        if n_bytes < 0 or n_entries < 0:
            return None
        at, found = at + length + n_bytes, found + n
    return found if n_values > 0 else None


def _page_header(file: IO[bytes], at: int) -> tuple[Fields, int]:
    """The header at a place, and its length; no fields where there is none."""
    for n_bytes in HEADER_BYTES:
        if at < 0:
            break
        file.seek(at)
        head = io.BytesIO(file.read(n_bytes))
        try:
            return _struct(head), head.tell()
        except EOFError:
            continue
        except ValueError:
            break
    return {}, 0


def _struct(file: IO[bytes], depth: int = 0) -> Fields:
    """The fields of a struct by their numbers."""
    if depth > DEEPEST:
        raise ValueError
    fields, number = {}, 0
    while head := _byte(file):
        step, kind = head >> 4, head & 15
        number = number + step if step else _zigzag(file)
        fields[number] = kind == 1 if kind in (1, 2) else _value(file, kind, depth)
    return fields


def _value(file: IO[bytes], kind: int, depth: int) -> Any:
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
    if kind in (3, 7):  # a byte, a double
        return _bytes(file, 1 if kind == 3 else 8)
    raise ValueError  # maps and later kinds: no file of today has them


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
    found = file.read(n)
    if len(found) < n:
        raise EOFError
    return found
