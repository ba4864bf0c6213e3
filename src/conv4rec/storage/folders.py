"""Folders of arrays with checksums: a save is atomic, and a changed byte is an error."""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as arrays_to_bytes

from conv4rec.checks import as_path
from conv4rec.errors import SavedModelError
from conv4rec.storage.atomic import TEMPORARY, locked, make_folder, write_file
from conv4rec.storage.mapped import arrays_of, checksum, mapped

MANIFEST = "manifest.json"
SCHEMA_VERSION = 3
LARGEST_MANIFEST = 64 * 2**20  # bytes
_OUR_PART = re.compile(r"[a-z_]+-[0-9a-f]{16}\.safetensors")


def save_folder(
    folder: str | os.PathLike[str],
    kind: str,
    parts: dict[str, dict[str, np.ndarray]],
    facts: dict[str, Any],
) -> None:
    """Save named groups of arrays and some JSON facts.

    Each part is a safetensors file whose name holds its sha256, so a save overwrites no file
    that is in use. The manifest names the files and is renamed into place last. So a reader
    finds the old content or the new one, whenever the writer is killed. Files of older saves
    are removed at the end.

    Args:
        folder: Created if it does not exist.
        kind: What the folder holds; `load_folder` checks it.
        parts: File stem -> name -> array.
        facts: Any JSON values.

    Raises:
        SavedModelError: The folder holds something else, or cannot be written.
    """
    folder = as_path("the folder", folder, SavedModelError)
    try:
        if folder.exists() and not (folder.is_dir() and may_replace(folder, kind)):
            raise SavedModelError(
                f"{folder} exists and is not a {kind} saved by conv4rec: "
                "choose a new or empty folder"
            )
        make_folder(folder)
        with locked(folder):
            files = {}
            for stem, arrays in parts.items():
                contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
                content = arrays_to_bytes(contiguous)
                digest = hashlib.sha256(content).hexdigest()
                name = f"{stem}-{digest[:16]}.safetensors"
                files[stem] = {"file": name, "sha256": digest, "crc32": checksum(content)}
                write_file(folder / files[stem]["file"], content)
            manifest = {"kind": kind, "schema": SCHEMA_VERSION, "files": files, "facts": facts}
            manifest["sha256"] = _digest(manifest)
            write_file(folder / MANIFEST, _json(manifest, indent=1).encode())
            _remove_leftovers(folder, {entry["file"] for entry in files.values()})
    except OSError as error:
        reason = error.strerror or error
        raise SavedModelError(f"{folder} could not be written: {reason}") from error


def load_folder(
    folder: str | os.PathLike[str], kind: str
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """Load the (parts, facts) that `save_folder` saved; arrays are memory-mapped.

    Each file is read once, for its checksum, and never copied: processes share its pages.

    Raises:
        SavedModelError: The folder is missing, was not saved by conv4rec, has another schema
            version, or a file in it was changed: the message names the file.
    """
    folder = as_path("the folder", folder, SavedModelError)
    manifest = _read_manifest(folder, kind)
    while True:
        try:
            files = manifest["files"].items()
            return {stem: _read_part(folder, entry) for stem, entry in files}, manifest["facts"]
        except _MissingPartError:
            before, manifest = manifest, _read_manifest(folder, kind)
            if manifest == before:  # otherwise another process saved in between: read that
                raise


def remove_saved(folder: str | os.PathLike[str], kind: str) -> None:
    """Remove what `save_folder` wrote, and the folder itself if nothing else is in it."""
    folder = Path(folder)
    if folder.is_dir() and may_replace(folder, kind):
        (folder / MANIFEST).unlink(missing_ok=True)
        _remove_leftovers(folder, set())
        with contextlib.suppress(OSError):
            folder.rmdir()


class _MissingPartError(SavedModelError):
    """A file that the manifest names is missing."""


def _read_part(folder: Path, entry: dict[str, str]) -> dict[str, np.ndarray]:
    path = folder / entry["file"]
    if not _OUR_PART.fullmatch(entry["file"]) or path.is_symlink():
        raise SavedModelError(f"{folder / MANIFEST} names a file outside its folder")
    try:
        if not path.is_file():  # reading a named pipe would never end
            raise FileNotFoundError(path)
        content = mapped(path)
    except FileNotFoundError as error:
        raise _MissingPartError(f"{path} is missing: save the model again") from error
    except OSError as error:
        raise SavedModelError(f"{path} cannot be read: {error.strerror or error}") from error
    if _damaged(content, entry):
        raise SavedModelError(f"{path} is damaged: its checksum is not the one saved with it")
    try:
        return arrays_of(content)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise SavedModelError(f"{path} is not a safetensors file: {error}") from error


def _damaged(content: mmap.mmap | bytes, entry: dict[str, str]) -> bool:
    if "crc32" in entry:
        return checksum(content) != entry["crc32"]
    return hashlib.sha256(content).hexdigest() != entry["sha256"]  # of earlier versions


def _read_manifest(folder: Path, kind: str) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.exists():
        raise SavedModelError(f"there is no folder {folder}: fit a model and save it there first")
    if not path.is_file():
        raise SavedModelError(
            f"{folder} is not a {kind} saved by conv4rec: it has no {MANIFEST}. "
            "Files of other libraries (.pt, .pkl, .joblib) are never opened"
        )
    try:
        if path.stat().st_size > LARGEST_MANIFEST:
            raise SavedModelError(f"{path} is larger than any manifest that conv4rec writes")
        manifest = json.loads(path.read_bytes())
    except SavedModelError:
        raise
    except OSError as error:
        raise SavedModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise SavedModelError(f"{path} is damaged: it cannot be read as JSON") from error
    if not _is_manifest(manifest):
        raise SavedModelError(f"{path} was not written by conv4rec")
    digest = manifest.pop("sha256", None)
    if isinstance(manifest["schema"], int) and manifest["schema"] > SCHEMA_VERSION:
        raise SavedModelError(
            f"{path} has schema {manifest['schema']}; this conv4rec reads up to {SCHEMA_VERSION}: "
            "upgrade conv4rec"
        )
    if isinstance(manifest["schema"], int) and manifest["schema"] < SCHEMA_VERSION:
        raise SavedModelError(
            f"{path} has schema {manifest['schema']}, of an earlier version; this conv4rec reads "
            f"schema {SCHEMA_VERSION}: fit the model again"
        )
    if digest != _digest(manifest):
        raise SavedModelError(f"{path} is damaged: its checksum is wrong")
    if manifest["kind"] != kind:
        raise SavedModelError(f"{folder} holds a {manifest['kind']}, not a {kind}")
    return manifest


def _json(manifest: dict[str, Any], **form: Any) -> str:
    return json.dumps(manifest, default=lambda value: value.tolist(), **form)  # NumPy's numbers


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(_json(manifest, sort_keys=True).encode()).hexdigest()


def _is_manifest(manifest: Any) -> bool:
    """Whether a JSON value has the form of a manifest; its checksum is not checked."""
    if not isinstance(manifest, dict) or not {"kind", "schema", "files", "facts"} <= set(manifest):
        return False
    files, facts = manifest["files"], manifest["facts"]
    if not (isinstance(files, dict) and isinstance(facts, dict)):
        return False
    texts = [text for entry in files.values() for text in _texts(entry)]
    return all(isinstance(text, str) for text in texts)


def _texts(entry: Any) -> list[Any]:
    return [entry.get("file"), entry.get("sha256")] if isinstance(entry, dict) else [None]


def may_replace(folder: Path, kind: str) -> bool:
    """Whether a save of this kind may replace the content of the folder.

    It may if another save of the kind, an unfinished save, or nothing is there.
    """
    if (folder / MANIFEST).exists():
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
        except (ValueError, RecursionError):
            return False
        return _is_manifest(manifest) and manifest["kind"] == kind
    return all(_is_leftover(path.name) for path in folder.iterdir())


def _is_leftover(name: str) -> bool:
    return name.startswith(TEMPORARY) or _OUR_PART.fullmatch(name) is not None


def _remove_leftovers(folder: Path, used: set[str]) -> None:
    for path in folder.iterdir():
        if _is_leftover(path.name) and path.name not in used:
            with contextlib.suppress(OSError):
                path.unlink()
