"""Folders of arrays that are saved all or nothing, and refuse to load if a byte has changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_arrays
from safetensors.numpy import save as arrays_to_bytes

from conv4rec.errors import SavedModelError

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
LARGEST_MANIFEST = 64 * 2**20  # bytes


def save_folder(
    folder: str | os.PathLike[str],
    kind: str,
    parts: dict[str, dict[str, np.ndarray]],
    facts: dict[str, Any],
) -> None:
    """Save named groups of arrays and some JSON facts.

    Each part becomes a safetensors file whose name carries its sha256, so no file that is in
    use is ever overwritten. The manifest names them and is renamed into place last: a reader
    finds the old model or the new one, whenever the writer is killed. Files of older saves are
    removed at the end.

    Args:
        folder: Made if it does not exist.
        kind: What this is a folder of; `load_folder` asks for the same word.
        parts: file stem -> name -> array.
        facts: anything that JSON holds.

    Raises:
        SavedModelError: The folder holds something else, or cannot be written.
    """
    folder = Path(folder)
    foreign = folder.exists() and not (folder.is_dir() and _is_ours(folder))
    if foreign:
        raise SavedModelError(
            f"{folder} exists and is not a folder saved by conv4rec: choose a new or empty folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for stem, arrays in parts.items():
            contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            content = arrays_to_bytes(contiguous)
            digest = hashlib.sha256(content).hexdigest()
            files[stem] = {"file": f"{stem}-{digest[:16]}.safetensors", "sha256": digest}
            _write(folder / files[stem]["file"], content)
        manifest = {"kind": kind, "schema": SCHEMA_VERSION, "files": files, "facts": facts}
        manifest["sha256"] = _digest(manifest)
        _write(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
        _remove_leftovers(folder, {entry["file"] for entry in files.values()})
    except OSError as error:
        reason = error.strerror or error
        raise SavedModelError(f"{folder} could not be written: {reason}") from error


def load_folder(
    folder: str | os.PathLike[str], kind: str
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """Load what `save_folder` saved: (parts, facts).

    Raises:
        SavedModelError: The folder is missing, foreign, of a newer version, or a file in it was
            truncated, swapped or changed: names the file.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder, kind)
    parts = {}
    for stem, entry in manifest["files"].items():
        path = folder / entry["file"]
        if Path(entry["file"]).name != entry["file"] or path.is_symlink():
            raise SavedModelError(f"{folder / MANIFEST} names a file outside its folder")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise SavedModelError(f"{path} is missing or unreadable: save again") from error
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise SavedModelError(f"{path} is damaged: its checksum is not the one saved with it")
        try:
            parts[stem] = parse_arrays(content)
        except SafetensorError as error:
            raise SavedModelError(f"{path} is not a safetensors file: {error}") from error
    return parts, manifest["facts"]


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
            raise SavedModelError(f"{path} is larger than any manifest conv4rec writes")
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SavedModelError(f"{path} is damaged: it cannot be read as JSON") from error
    if not isinstance(manifest, dict) or not {"kind", "schema", "files", "facts"} <= set(manifest):
        raise SavedModelError(f"{path} was not written by conv4rec")
    digest = manifest.pop("sha256", None)
    if isinstance(manifest["schema"], int) and manifest["schema"] > SCHEMA_VERSION:
        raise SavedModelError(
            f"{path} has schema {manifest['schema']}; this conv4rec reads up to {SCHEMA_VERSION}: "
            "upgrade conv4rec"
        )
    if digest != _digest(manifest):
        raise SavedModelError(f"{path} is damaged: its checksum is not its own")
    if manifest["kind"] != kind:
        raise SavedModelError(f"{folder} holds a {manifest['kind']}, not a {kind}")
    return manifest


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write through a temporary file in the same folder: fsync, rename, fsync the folder."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".saving-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if hasattr(os, "O_DIRECTORY"):  # elsewhere a folder cannot be opened, nor synced
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _is_ours(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    if MANIFEST in names:
        try:
            return "schema" in json.loads((folder / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return False
    return all(name.startswith(".saving-") or name.endswith(".safetensors") for name in names)


def _remove_leftovers(folder: Path, used: set[str]) -> None:
    for path in folder.iterdir():
        stale = path.suffix == ".safetensors" and path.name not in used
        if stale or path.name.startswith(".saving-"):
            with contextlib.suppress(OSError):
                path.unlink()
