"""Safetensors files as arrays in place: memory-mapped, and checked in one pass.

All processes that load a file share its pages. The map is private: an array can be written to, and
the file does not change.
"""

from __future__ import annotations

import json
import math
import mmap
import zlib
from pathlib import Path

import numpy as np

DTYPES = {
    "BOOL": "bool", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
MAPPED_BYTES = 2**20  # smaller arrays are copied
CHUNK = 2**22  # bytes summed at a time: Python can be interrupted between


def checksum(content: bytes | mmap.mmap) -> str:
    """CRC-32 in hexadecimal: a tenth of a second for 500 MB; a SHA-256 takes three times that.

    Both find damage; neither finds forgery, as whoever changes a file can change its checksum.

    >>> checksum(b"123456789")
    'cbf43926'
    """
    value = 0
    with memoryview(content) as view:
        for first in range(0, len(view), CHUNK):
            value = zlib.crc32(view[first : first + CHUNK], value)
    return f"{value:08x}"


def mapped(path: Path) -> mmap.mmap | bytes:
    """The content of a file, not read yet.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            return b""  # an empty file has no map
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def arrays_of(content: mmap.mmap | bytes) -> dict[str, np.ndarray]:
    """The arrays of a mapped safetensors file; large ones without a copy.

    Raises:
        ValueError: (or KeyError, TypeError, RecursionError) It is not such a file.
    """
    first = 8 + int.from_bytes(content[:8], "little")
    if first > len(content):
        raise ValueError("it is shorter than its header")
    header = json.loads(content[8:first])
    header.pop("__metadata__", None)
    arrays, ends = {}, [first]
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        dtype, shape = np.dtype(DTYPES[entry["dtype"]]), tuple(entry["shape"])
        size, (start, end) = math.prod(shape), entry["data_offsets"]
        if (
            min(shape, default=0) < 0
            or first + start != ends[-1]
            or end - start != size * dtype.itemsize
        ):
            raise ValueError(f"the place of {name!r} is not that of its values")
        ends.append(first + end)
        place = first + start if size else 0
        array = np.frombuffer(content, dtype, size, place).reshape(shape)
        # Products may differ in the last bit by where an array lies: small ones lie as if made.
        arrays[name] = array if array.nbytes >= MAPPED_BYTES else array.copy()
    if ends[-1] != len(content):
        raise ValueError("it is longer or shorter than its arrays")
    return arrays
