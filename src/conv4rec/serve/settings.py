"""What a service is started with, checked before anything is loaded."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conv4rec.errors import DataError, SavedModelError, SettingError

SHORTEST_KEY = 16  # characters
LARGEST_BODY = 2**20  # bytes
BODY_SECONDS = 10.0  # for a client to send its request in, once it has begun


@dataclass(frozen=True)
class ServeSettings:
    """Everything that a worker needs to know. It travels to each worker when that is started."""

    models: dict[str, Path]
    """Folders of saved models, or files of lists, by the name they are asked by."""
    titles: str | None = None
    """A file or a data set with titles of the items of all models."""
    host: str = "127.0.0.1"
    port: int = 8000
    keys: tuple[bytes, ...] = ()
    """Digests of the API keys that are let in; without any, no key is asked for."""
    n_workers: int = 1
    most_waiting: int = 32
    """Questions that may wait in a worker while it computes an answer; more are refused."""
    watch_seconds: float = 2.0
    """How often the folders are looked at for a newer model; 0 for never."""
    threads: int = 1
    """Of torch, in each worker."""
    is_precomputed: bool = False
    """Whether `models` are files of lists (see `conv4rec.data.precomputed`), not folders."""

    def __post_init__(self) -> None:
        if not self.models:
            raise SettingError("give at least one folder of a saved model to serve")
        for name, value, least, most in (
            ("port", self.port, 0, 65_535),
            ("workers", self.n_workers, 1, 256),
            ("threads", self.threads, 1, 1_024),
            ("max-waiting", self.most_waiting, 0, 100_000),
            ("watch", self.watch_seconds, 0, 86_400),
        ):
            if not least <= value <= most:
                raise SettingError(f"{name} must be from {least} to {most:,}; got {value}")
        if not self.is_loopback and not self.keys:
            raise SettingError(
                f"--host {self.host} lets other machines in: give --api-key-file FILE, a file with "
                f"a key of {SHORTEST_KEY} characters or more, or stay on 127.0.0.1"
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def named_folders(folders: list[str]) -> dict[str, Path]:
    """Each model folder by its own name.

    Raises:
        SavedModelError: There is no such folder.
        SettingError: Two folders have the same name, or a name cannot stand in an address.
    """
    for folder in folders:
        if not Path(folder).is_dir():
            raise SavedModelError(f"there is no folder {folder}: fit a model and save it there")
    found = _named(folders, lambda path: path.name, "folder")
    for folder, path in zip(folders, found.values(), strict=True):
        if not (path / "manifest.json").is_file():
            raise SavedModelError(f"{folder} is not a saved model: it has no manifest.json")
    return found


def named_lists(files: list[str]) -> dict[str, Path]:
    """Each file of lists by its own name, without the ending.

    Raises:
        DataError: There is no such file, or it is not a Parquet file.
        SettingError: Two files have the same name, or a name cannot stand in an address.
    """
    for file in files:
        if not (Path(file).is_file() and Path(file).suffix == ".parquet"):
            raise DataError(
                f"there is no .parquet file {file}: make one by conv4rec recommend MODEL --all "
                "--out lists.parquet"
            )
    return _named(files, lambda path: path.stem, "file")


def _named(places: list[str], name_of: Callable[[Path], str], what: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for place in places:
        path = Path(place).absolute()
        name = name_of(path)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            raise SettingError(
                f"a model is asked for by the name of its {what}, which has letters, digits, '.', "
                f"'_' and '-' only; got {name!r}: rename the {what}, or link to it"
            )
        if name in found:
            raise SettingError(
                f"{found[name]} and {place} are both named {name!r}: rename one, or link to it"
            )
        found[name] = path
    return found


def read_keys(path: str | None) -> tuple[bytes, ...]:
    """Digests of the keys in a file: one a line, so that an old and a new one can overlap.

    Raises:
        SettingError: The file cannot be read, or a key is too short or not plain text.
    """
    if path is None:
        return ()
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read as a file of API keys: {error}") from error
    keys = [line.strip() for line in lines if line.strip()]
    if not keys:
        raise SettingError(f"{path} holds no API key: write one a line")
    for number, key in enumerate(keys, start=1):
        if len(key) < SHORTEST_KEY or not (key.isascii() and key.isprintable()):
            raise SettingError(
                f"key {number} of {path} must have at least {SHORTEST_KEY} characters, all of "
                "them printable ASCII: try `openssl rand -hex 32`"
            )
    return tuple(digest_of(key.encode()) for key in keys)


def digest_of(key: bytes) -> bytes:
    """What is kept of a key. Digests have one length, so comparing them tells nothing of it."""
    return hashlib.sha256(key).digest()
