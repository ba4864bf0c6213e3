"""From what a user names to plain files: paths, folders, patterns, streams, compressed files."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import glob
import gzip
import io
import lzma
import os
import re
import shutil
import stat
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from conv4rec.data.forks import refuse_after_fork
from conv4rec.data.formats import HEAD_BYTES, UNPACK, encoding_of, format_of, refusal
from conv4rec.errors import DataError

STANDARD_INPUT = "-"
SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".inter", ".dat", ".data", ".parquet", ".arrow", ".arrows", ".ipc"),
    *(".feather", ".avro", ".json", ".jsonl", ".ndjson", ".gz", ".bz2", ".xz", ".zst", ".zip"),
)
TEXTS = ("text", "json", "json lines")
LAYERS = 3  # of compression, as in a zip of a gz
CHUNK = 1 << 20
LINE = "\x1f"  # separates nothing: polars then reads lines
COMPRESSED = ("gzip", "bzip2", "xz", "zstd", "zip")
UNZIP = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}


def looks_like_file(text: str) -> bool:
    """Whether a text is the name of a file, a pattern or a stream, rather than an id or a name.

    >>> looks_like_file("log.csv.gz"), looks_like_file("-"), looks_like_file("ml-100k")
    (True, True, False)
    """
    return text == STANDARD_INPUT or text.lower().endswith(SUFFIXES)


@dataclass(frozen=True)
class Source:
    """A plain file: uncompressed, and text is in UTF-8."""

    name: str
    """What the user called it."""
    file: IO[bytes]
    kind: str
    """See `format_of`."""
    path: Path | None = None
    """Where it lies on disk as it is; None where `file` is a copy."""

    def head(self, size: int) -> bytes:
        """Its first bytes."""
        return _head(self.file, size)

    def whole(self) -> Any:
        """What polars reads it from: its path, else the file."""
        self.file.seek(0)
        return self.path or self.file


@contextmanager
def opened(source: str | os.PathLike[str], encoding: str | None = None) -> Iterator[list[Source]]:
    """The plain files that a source stands for, each opened once.

    A source is a path; a folder or a pattern (`part-*.csv`) of files of one kind; a pipe; or "-",
    the standard input. Streams and compressed files are copied to unnamed temporary files.

    Raises:
        DataError: There is no such file, or its format is not read.
        OSError: (or EOFError, zlib.error) It cannot be read, or is damaged.
    """
    refuse_after_fork()
    with contextlib.ExitStack() as stack:
        yield [_plain(name, path, encoding, stack) for name, path in _paths(os.fspath(source))]


def _paths(text: str) -> list[tuple[str, Path | None]]:
    """The name and the path of each file; None is the standard input."""
    if text == STANDARD_INPUT:
        return [("standard input", None)]
    if scheme := re.match(r"(\w+)://", text):
        raise DataError(
            f"{text} is an address, and only files are read: download it first"
            if scheme[1] != "file"
            else f"{text}: give the path of the file, without file://"
        )
    path = Path(text)
    if path.is_dir():
        return _in_folder(path)
    if not path.exists() and glob.has_magic(text):
        found = [Path(name) for name in sorted(glob.glob(text, recursive=True))]
        if not found:
            raise DataError(f"no file matches {text}")
        return [(str(each), each) for each in found if each.is_file()]
    return [(text, path)]


def _in_folder(folder: Path) -> list[tuple[str, Path | None]]:
    """The files of a folder of parts; names that start with . or _ are marks of a writer."""
    if (folder / "manifest.json").is_file():
        raise DataError(f"{folder} is a folder saved by conv4rec, not a log")
    inside = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [
        path for path in inside
        if not any(part[0] in "._" for part in path.relative_to(folder).parts)
    ]  # fmt: skip
    suffixes = sorted({path.suffix for path in parts})
    if len(suffixes) != 1:
        held = f"files of several kinds ({', '.join(suffixes)})" if suffixes else "no files"
        raise DataError(
            f"{folder} is a folder with {held}: give the path of a ratings file, or a pattern "
            f"such as {folder / '*.csv'}"
        )
    return [(str(path), path) for path in parts]


def _plain(
    name: str, path: Path | None, encoding: str | None, stack: contextlib.ExitStack
) -> Source:
    """A file, pipe or standard input as a plain file."""
    try:
        file = stack.enter_context(_stream(path))
    except FileNotFoundError as error:
        raise DataError(f"there is no file {name}") from error
    if path is None or not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file, path = _copied(file, stack), None
        if not _head(file, 1):
            raise DataError(f"{name} is empty (a stream can be read only once)")
    for _ in range(LAYERS):
        if (kind := _kind(file, name)) in COMPRESSED:
            file, path = _copied(_uncompressed(file, kind, name, stack), stack), None
    kind = _kind(file, name)
    encoding = encoding_of(_head(file)) or encoding or "utf-8"
    if kind in TEXTS and codecs.lookup(encoding).name != "utf-8":
        file, path = _transcoded(file, encoding, stack), None
        kind = format_of(_head(file), name)
    return Source(name, file, kind, path)


def _stream(path: Path | None) -> IO[bytes]:
    if path is not None:
        return path.open("rb")
    if sys.stdin is None or sys.stdin.isatty():
        raise DataError("nothing is piped in: - is the standard input, as in `cat log.csv | ... -`")
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb")


def _kind(file: IO[bytes], name: str) -> str:
    return "text" if encoding_of(_head(file)) else format_of(_head(file), name)


def _head(file: IO[bytes], size: int = HEAD_BYTES) -> bytes:
    file.seek(0)
    return file.read(size)


def temporary(stack: contextlib.ExitStack) -> IO[bytes]:
    """A temporary file without a name: a process that is killed leaves nothing behind."""
    return stack.enter_context(tempfile.TemporaryFile())


def _copied(file: IO[bytes], stack: contextlib.ExitStack) -> IO[bytes]:
    """A copy in a temporary file."""
    copy = temporary(stack)
    shutil.copyfileobj(file, copy, CHUNK)
    copy.flush()
    return copy


def _uncompressed(file: IO[bytes], kind: str, name: str, stack: contextlib.ExitStack) -> IO[bytes]:
    file.seek(0)
    if kind == "zip":
        return stack.enter_context(_only_member(zipfile.ZipFile(file), name))
    if kind == "zstd":  # the standard library has it from Python 3.14 on; polars always
        lines = pl.read_csv(
            file, has_header=False, separator=LINE, quote_char=None, infer_schema=False
        ).to_series()
        return io.BytesIO(lines.fill_null("").str.join("\n")[0].encode())
    return stack.enter_context(UNZIP[kind](file, "rb"))  # type: ignore[arg-type]


def _only_member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    members = [
        each for each in archive.namelist()
        if not each.endswith("/") and not each.startswith("__MACOSX")
    ]  # fmt: skip
    if "xl/workbook.xml" in members:
        raise refusal(name, "an Excel workbook", "save the sheet as CSV")
    if "content.xml" in members:
        raise refusal(name, "an OpenDocument spreadsheet", "save the sheet as CSV")
    if any(member.endswith((".npy", "data.pkl")) for member in members):
        raise refusal(name, "a file of arrays", "save a table, as CSV or Parquet")
    if len(members) != 1:
        listed = ", ".join(members[:5]) + (" ..." if len(members) > 5 else "")
        raise refusal(name, f"a zip of {len(members)} files ({listed})", UNPACK)
    try:
        return archive.open(members[0])
    except (RuntimeError, NotImplementedError) as error:  # a password, or a rare compression
        raise DataError(f"{name} cannot be unpacked ({error}): {UNPACK}") from error


def _transcoded(file: IO[bytes], encoding: str, stack: contextlib.ExitStack) -> IO[bytes]:
    """Text of any encoding as UTF-8."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    copy = temporary(stack)
    while chunk := text.read(CHUNK):
        copy.write(chunk.encode())
    text.detach()
    copy.seek(0)
    return copy
