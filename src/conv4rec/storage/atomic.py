"""Atomic writes: after a crash or a power cut a file has its old content or its new content."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no fcntl: there, save to a folder from one process only
    fcntl = None

TEMPORARY = ".saving-"  # prefix of the names of unfinished files


def write_file(path: Path, content: bytes) -> None:
    """Write a file by way of a temporary file: fsync, rename, fsync the folder."""
    temporary = path.parent / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(8)}"
    try:
        # With the default mode of a new file: `tempfile` would make it private.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, so that they are there after a power cut."""
    if not folder.is_dir():
        if folder.parent != folder:
            make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def put_in_place(written: Path, path: Path) -> None:
    """Move a file to its name: after a power cut the name has its old content or this, whole."""
    with written.open("r+b") as file:
        os.fsync(file.fileno())
    os.replace(written, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the system write the names in a folder to the disk."""
    if not hasattr(os, "O_DIRECTORY"):  # elsewhere a folder cannot be opened, nor synced
        return
    with contextlib.suppress(PermissionError):  # it may be written in, but not read
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder for one writer. The system releases the lock of a killed process."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
