"""Formats of files, by their first bytes: those that are read, and what to do about the others."""

from __future__ import annotations

import re

from conv4rec.errors import DataError

HEAD_BYTES = 4096

# First bytes of the formats that are read; anything else that is text is a text table.
MAGIC = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"\xff\xff\xff\xff": "arrow stream",
    b"Obj\x01": "avro",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
SAVE_AS = "save it as CSV or Parquet"
UNPACK = "unpack it and give the path of a file in it"
REFUSED = {
    b"SQLite format 3\x00": ("a SQLite database", "export the table: sqlite3 -header -csv FILE "
                             "'select * from ratings' > ratings.csv"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook (.xls)", SAVE_AS),
    b"FEA1": ("a Feather file of version 1", "write it again with pandas or polars, as Parquet"),
    b"\x89HDF": ("an HDF5 file", SAVE_AS),
    b"ORC": ("an ORC file", SAVE_AS),
    b"\x93NUMPY": ("a NumPy array", "it has no column names: save a table, as CSV or Parquet"),
    b"%PDF": ("a PDF document", SAVE_AS),
    b"7z\xbc\xaf": ("a 7z archive", UNPACK),
    b"Rar!": ("a RAR archive", UNPACK),
    b"\x04\x22\x4d\x18": ("an lz4 file", "unpack it, or pack it with gzip or zstd"),
    b"\x1f\x9d": ("a .Z file", "unpack it, or pack it with gzip or zstd"),
    b"RDX": ("an R data file", "write it from R: write.csv(log, 'ratings.csv', row.names=FALSE)"),
    b"X\n\x00\x00\x00": ("an R data file (.rds)",
                         "write it from R: write.csv(log, 'ratings.csv', row.names=FALSE)"),
    b"<stata_dta>": ("a Stata file", SAVE_AS),
    b"$FL2": ("an SPSS file", SAVE_AS),
    b"MATLAB": ("a MATLAB file", SAVE_AS),
    b"DUCK": ("a DuckDB file", "export the table: COPY ratings TO 'ratings.parquet'"),
    b"\x89PNG": ("a picture", "give a table of ratings"),
    b"version https://git-lfs": ("a pointer of Git LFS, not the file", "fetch it: git lfs pull"),
}  # fmt: skip
BYTE_ORDER_MARKS = {
    "utf-32": (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"),  # first: UTF-16's is a part of it
    "utf-16": (b"\xff\xfe", b"\xfe\xff"),
}
PICKLE = (
    "a pickle, which can run any code and is never opened",
    "where you trust it, read it yourself and save it: pandas.read_pickle(...).to_parquet(...)",
)


def format_of(head: bytes, name: str) -> str:
    """The format of a file: a value of `MAGIC`, "json", "json lines" or "text".

    Args:
        head: its first `HEAD_BYTES` bytes.
        name: what the file is called in messages.

    Raises:
        DataError: The format is not read: names it, and the remedy.

    >>> format_of(b"user,item", "r.csv"), format_of(b'{"user": 1}', "r"), format_of(b"PAR1", "r")
    ('text', 'json lines', 'parquet')
    """
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    for magic, (what, remedy) in REFUSED.items():
        if head.startswith(magic):
            raise refusal(name, what, remedy)
    if re.match(rb"\x80[\x02-\x05]", head):  # protocol 0 and 1 are text: refused as no table
        raise refusal(name, *PICKLE)
    if head[257:262] == b"ustar":
        raise refusal(name, "a tar archive", UNPACK)
    if head[128:132] == b"DUCK" or head[8:12] == b"DUCK":
        raise refusal(name, *REFUSED[b"DUCK"])
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"(?i)<(!doctype|html|\?xml)", start):
        raise refusal(name, "a web page or an XML file, not a table", "download the file itself")
    if re.match(rb"\[\s*[{\[]", start):
        return "json"
    if re.match(rb'\{\s*"', start):
        return "json lines"
    return "text"


def refusal(name: str, what: str, remedy: str) -> DataError:
    """The error for a format that is not read."""
    return DataError(f"{name} is {what}: {remedy}")


def encoding_of(head: bytes) -> str | None:
    """The encoding of text that its first bytes show; None for UTF-8 and where nothing shows.

    >>> encoding_of("user,item".encode("utf-16")), encoding_of("user,item".encode("utf-16-le"))
    ('utf-16', 'utf-16-le')
    """
    for name, marks in BYTE_ORDER_MARKS.items():
        if head.startswith(marks):
            return name
    zeros = [head[at::2].count(0) for at in (0, 1)]  # of ASCII in UTF-16, every other byte is 0
    half = len(head) // 2
    if half and max(zeros) > 0.7 * half and min(zeros) < 0.1 * half:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return None
