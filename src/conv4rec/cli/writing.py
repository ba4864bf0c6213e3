"""Frames to files: in bounded memory, and complete or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from conv4rec.cli.console import print_json, say
from conv4rec.errors import DataError, SettingError
from conv4rec.storage.atomic import put_in_place


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
        write = _write_csv if partial.suffix == ".csv" else _write_parquet
        return write(frames, partial)


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
    parts: list[Path] = []
    for number, frame in enumerate(frames):
        parts.append(path.parent / f"{number:09d}.parquet")
        frame.write_parquet(parts[-1])
        n_rows, n_users = n_rows + frame.height, n_users + frame["user_id"].n_unique()
    pl.scan_parquet(parts, glob=False).sink_parquet(path, maintain_order=True)
    return Written(n_rows, n_users)


@contextmanager
def _whole_file(target: Path) -> Iterator[Path]:
    """A path to write to, in a hidden folder beside `target`; renamed to it if all goes well.

    The folder is removed at the end, and by the next command if this one is killed outright.
    """
    prefix = f".{target.name[:60]}-{socket.gethostname()[:60]}-"
    _remove_abandoned(target.parent, prefix)
    folder = tempfile.mkdtemp(dir=target.parent, prefix=f"{prefix}{os.getpid()}-")
    try:
        partial = Path(folder) / f"whole{target.suffix.lower()}"
        yield partial
        put_in_place(partial, target)
    except pl.exceptions.PanicException as panic:  # polars, where the system refuses it a call
        raise OSError(errno.EIO, f"it could not be written: {panic}", str(target)) from panic
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(place: Path, prefix: str) -> None:
    """Remove the folders of commands on this machine that were killed."""
    if os.name != "posix":  # elsewhere a process cannot be asked for without harm
        return
    for path in place.iterdir():
        number = path.name.removeprefix(prefix).partition("-")[0]
        if path.name.startswith(prefix) and number.isdecimal() and not _is_running(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is another user's, or no process has such a number
        pass
    return True
