"""Download of data sets from their owners, with a check of each file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conv4rec.errors import DatasetError


@dataclass(frozen=True)
class DataSource:
    """Where a data set is published, and its licence."""

    name: str
    url: str
    checksum: str | None
    """As "md5:..." or "sha256:..."; None if none is published or the file changes."""
    licence: str
    saved_as: tuple[str, ...] = ()
    """Names of the archive where only a person can get it, from the page `url`; else empty."""

    @property
    def file_names(self) -> tuple[str, ...]:
        """The names under which the archive is found."""
        return self.saved_as or (self.url.rsplit("/", 1)[-1],)

    @property
    def file_name(self) -> str:
        """The name under which the archive is saved."""
        return self.file_names[0]


def fetch(source: DataSource, folder: Path, tell: Callable[[str], object]) -> Path:
    """The archive of a data set in `folder`, downloaded from its owner if it is not there yet.

    The file gets its name after it is complete and checked. An existing archive is checked too.
    Without a published checksum the archive must be a complete zip or tar file, and the SHA-256
    of a download is written beside it.

    Args:
        source: What to fetch.
        folder: The folder of the archive; made if missing.
        tell: Called with sentences on the licence and the checksum.

    Raises:
        DatasetError: The download failed, only a person can do it, or the file is not the
            published one. The message says how to save the file by hand.
    """
    import pooch  # slow to import, and seldom needed

    for archive in (folder / name for name in source.file_names):
        if archive.exists():
            if wrong := _wrong(archive, source):
                raise DatasetError(f"{archive} {wrong}: delete it to fetch it again")
            return archive
    archive = folder / source.file_name
    if source.saved_as:
        raise DatasetError(
            f"{source.name} cannot be fetched by a program: download it from {source.url} and save "
            f"it as {archive}. Licence: {source.licence}"
        )
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
    """What is wrong with an archive, as the end of a sentence; empty if it is right."""
    if source.checksum is None:
        if tarfile.is_tarfile(archive) or zipfile.is_zipfile(archive):
            return ""
        return "is not a complete zip or tar file"
    algorithm, _, expected = source.checksum.partition(":")
    seen = _digest(archive, algorithm)
    return "" if seen == expected else f"has the {algorithm} {seen}, but {expected} is right"


def _checksum_note(archive: Path, source: DataSource, folder: Path) -> str:
    """A sentence on the checksum; without a published one, the computed one is written down."""
    if source.checksum is not None:
        return f"Its checksum is the published {source.checksum}."
    seen = _digest(archive, "sha256")
    (folder / f"{source.file_name}.sha256").write_text(f"{seen}  {source.file_name}\n")
    return f"No checksum is published; the SHA-256 of the file is {seen}."


def _digest(archive: Path, algorithm: str) -> str:
    with archive.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _reason(error: OSError) -> str:
    """Why a download failed, as the end of a sentence."""
    words = {
        "HTTPError": "the server answered with an error",
        "ConnectionError": "there is no connection to the server",
        "ConnectTimeout": "the server does not answer",
        "ReadTimeout": "the server stopped answering",
        "ChunkedEncodingError": "the connection was cut before the end of the file",
        "SSLError": "the certificate of the server could not be verified",
    }
    return words.get(type(error).__name__, str(error) or type(error).__name__)


def _by_hand(source: DataSource, archive: Path) -> str:
    """How to download the file by hand."""
    return f"To do it by hand: download {source.url} and save it as {archive}"
