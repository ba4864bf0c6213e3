"""Data sets fetched from their owners, whole and checked or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conv4rec.errors import DatasetError


@dataclass(frozen=True)
class DataSource:
    """Where the owner of a data set publishes it, and on what terms."""

    name: str
    url: str
    checksum: str | None
    """As "md5:..." or "sha256:..."; None where the owner states none or the file changes."""
    licence: str

    @property
    def file_name(self) -> str:
        """The name of the archive, the same at the owner's and here."""
        return self.url.rsplit("/", 1)[-1]


def fetch(source: DataSource, folder: Path, tell: Callable[[str], object]) -> Path:
    """The archive of a data set in `folder`, downloaded from its owner if it is not there yet.

    The file appears under its name only when complete and checked; an archive that is there
    already is checked too. Where the owner states no checksum, the archive must at least be a
    whole zip file, and the SHA-256 seen is written beside it.

    Args:
        source: What to fetch.
        folder: Where the archive belongs; made if missing.
        tell: Called with the licence and the checksum, in sentences to show.

    Raises:
        DatasetError: There is no connection, it was cut, or the file is not the owner's. The
            message says how to put the file there by hand.
    """
    import pooch  # takes longer to load than all of data/, and is seldom needed

    archive = folder / source.file_name
    if archive.exists():
        if wrong := _wrong(archive, source):
            raise DatasetError(f"{archive} {wrong}: delete it, and it will be fetched anew")
        return archive
    tell(f"Fetching {source.name} from {source.url}. Licence: {source.licence}")
    partial = folder / f".{source.file_name}.{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pooch.HTTPDownloader()(source.url, str(partial), None)
        wrong = _wrong(partial, source)
        if not wrong:
            tell(_checksum_note(partial, source, folder))
            partial.replace(archive)
    except OSError as error:  # all of requests' errors are OSErrors
        wrong = f"could not be fetched: {_reason(error)}"
    finally:
        with contextlib.suppress(OSError):  # renamed, or never made
            partial.unlink()
    if wrong:
        raise DatasetError(f"{source.url} {wrong}. {_by_hand(source, archive)}")
    return archive


def _wrong(archive: Path, source: DataSource) -> str:
    """What is wrong with an archive, as the end of a sentence; empty if nothing is."""
    if source.checksum is None:
        return "" if zipfile.is_zipfile(archive) else "is not a whole zip file"
    algorithm, _, expected = source.checksum.partition(":")
    seen = _digest(archive, algorithm)
    return "" if seen == expected else f"has the {algorithm} {seen} where {expected} is right"


def _checksum_note(archive: Path, source: DataSource, folder: Path) -> str:
    """A sentence on the checksum; where the owner states none, the one seen is written down."""
    if source.checksum is not None:
        return f"Its checksum is the published {source.checksum}."
    seen = _digest(archive, "sha256")
    (folder / f"{source.file_name}.sha256").write_text(f"{seen}  {source.file_name}\n")
    return f"Its owner fixes no checksum; the SHA-256 seen is {seen}."


def _digest(archive: Path, algorithm: str) -> str:
    with archive.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _reason(error: OSError) -> str:
    """Why a download failed, in words for people rather than for network engineers."""
    words = {
        "HTTPError": "the server answered with an error",
        "ConnectionError": "there is no connection to the server",
        "ConnectTimeout": "the server does not answer",
        "ReadTimeout": "the server fell silent",
        "ChunkedEncodingError": "the connection was cut before the end of the file",
        "SSLError": "the server could not prove who it is",
    }
    return words.get(type(error).__name__, str(error) or type(error).__name__)


def _by_hand(source: DataSource, archive: Path) -> str:
    """How to do without the download."""
    return f"To put it there by hand: download {source.url} and save it as {archive}"
