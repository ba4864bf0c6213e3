"""Frames to files: in bounded memory, and complete or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from conv4rec.cli.console import print_json, say
from conv4rec.errors import DataError, SettingError


@dataclass(frozen=True)
class Written:
    """The size of a written table."""

    n_rows: int
    n_users: int


def check_out(path: str) -> None:
    """Raise unless a table can be written there; called before the work, not after.

    Raises:
        SettingError: The name ends in neither .csv nor .parquet.
        DataError: It is a folder, or the folder it belongs in is missing.
    """
    target = Path(path)
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise SettingError(f"--out writes .csv or .parquet; got {target.name!r}")
    if target.is_dir():
        raise DataError(f"{path} is a folder: give the path of a .csv or .parquet file")
    if not target.absolute().parent.is_dir():
        raise DataError(f"there is no folder {target.parent} to write {target.name} in")


def write_frames(frames: Iterable[pl.DataFrame], path: str) -> Written:
    """Write frames of the same columns as one CSV or Parquet file.

    One frame is in memory at a time. The file appears under its name when it is complete; a
    file of that name is replaced.

    Raises:
        SettingError: (or DataError) See `check_out`.
    """
    check_out(path)
    with _whole_file(Path(path)) as partial:
        if partial.suffix == ".csv":
            return _write_csv(frames, partial)
        return _write_parquet(frames, partial)


def tell_written(written: Written, path: str, as_json: bool) -> None:
    """Print where a table is, and how large it is."""
    if as_json:
        print_json({"out": path, "rows": written.n_rows, "users": written.n_users})
    else:
        say(f"Wrote {written.n_rows:,} rows for {written.n_users:,} users to {path}.")


def _write_csv(frames: Iterable[pl.DataFrame], path: Path) -> Written:
    n_rows = n_users = 0
    with path.open("wb") as file:
        for number, frame in enumerate(frames):
            frame.write_csv(file, include_header=number == 0)
            n_rows, n_users = n_rows + frame.height, n_users + frame["user_id"].n_unique()
    return Written(n_rows, n_users)


def _write_parquet(frames: Iterable[pl.DataFrame], path: Path) -> Written:
    """Write each frame as a part, then stream the parts into one file."""
    n_rows = n_users = 0
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.stem}-") as folder:
        parts: list[Path] = []
        for number, frame in enumerate(frames):
            parts.append(Path(folder) / f"{number:09d}.parquet")
            frame.write_parquet(parts[-1])
            n_rows, n_users = n_rows + frame.height, n_users + frame["user_id"].n_unique()
        pl.scan_parquet(parts, glob=False).sink_parquet(path, maintain_order=True)
    return Written(n_rows, n_users)


@contextmanager
def _whole_file(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to, renamed to `target` unless there is an error."""
    partial = target.with_name(f".{target.stem}-{os.getpid()}{target.suffix.lower()}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
