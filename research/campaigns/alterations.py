"""Alterations of a saved folder whose checksums are made right again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from conv4rec.storage.folders import MANIFEST

Arrays = dict[str, np.ndarray]
DTYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "uint8", "uint64", "bool")
NUMBERS = (0.0, -1.0, 1.0, 1e-38, 1e-6, 7.0, 1e3, 9e5, 1e7, 1e30, 3e38, np.nan, np.inf, -np.inf)
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 10**6, 10**12, 2**63, 10**30, 0.5, -0.5, 1e308),
    *(float("nan"), float("inf"), "", "x", "default", "paper", "1", [], {}, [1], [[]], {"a": 1}),
    *([None], ["x"], [1e308, -1e308], [float("nan")], "é\ud800", "x" * 10_000),
)


@dataclass(frozen=True)
class Saved:
    """The content of a saved folder."""

    manifest: dict[str, Any]
    files: dict[str, bytes]
    """By part."""

    @classmethod
    def of(cls, folder: Path) -> Saved:
        """Read a folder that `save` wrote."""
        manifest = json.loads((folder / MANIFEST).read_bytes())
        files = {part: (folder / e["file"]).read_bytes() for part, e in manifest["files"].items()}
        return cls(manifest, files)

    def write(self, folder: Path) -> None:
        """Write it with right checksums; other files of `folder` are removed."""
        manifest = {**self.manifest, "files": dict(self.manifest["files"])}
        names = {MANIFEST}
        for part, content in self.files.items():
            digest = hashlib.sha256(content).hexdigest()
            name = f"{part}-{digest[:16]}.safetensors"
            manifest["files"][part] = {"file": name, "sha256": digest}
            (folder / name).write_bytes(content)
            names.add(name)
        manifest.pop("sha256", None)
        text = json.dumps(manifest, sort_keys=True)
        manifest["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        (folder / MANIFEST).write_text(json.dumps(manifest))
        for path in folder.iterdir():
            if path.name not in names:
                path.unlink()


def altered(saved: Saved, rng: np.random.Generator) -> tuple[Saved, str]:
    """One to three random alterations, and their names."""
    names = []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        change = ALTERATIONS[int(rng.integers(len(ALTERATIONS)))]
        saved = change(saved, rng)
        names.append(change.__name__.strip("_"))
    return saved, "+".join(names)


def _of_arrays(change: Callable[[Arrays, str, np.random.Generator], None]) -> Callable[..., Saved]:
    """An alteration of one array of one part."""

    def apply(saved: Saved, rng: np.random.Generator) -> Saved:
        if not saved.files:  # they were taken out before
            return saved
        part = list(saved.files)[int(rng.integers(len(saved.files)))]
        try:
            arrays = {name: np.array(array) for name, array in load(saved.files[part]).items()}
        except Exception:  # it was altered before
            return saved
        if arrays:
            change(arrays, sorted(arrays)[int(rng.integers(len(arrays)))], rng)
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        return Saved(saved.manifest, {**saved.files, part: save(contiguous)})

    apply.__name__ = change.__name__
    return apply


@_of_arrays
def dtype(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    """Another type."""
    with np.errstate(all="ignore"):
        arrays[name] = arrays[name].astype(DTYPES[int(rng.integers(len(DTYPES)))])


@_of_arrays
def shape(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    """Another shape."""
    array = arrays[name]
    forms = [array[:-1] if array.ndim else array, array[None], array.reshape(-1), array.T]
    forms += [array[..., None], np.concatenate([array.reshape(-1)] * 2), array.reshape(-1)[:0]]
    forms += [array[:0] if array.ndim else array, np.repeat(array, 2, axis=-1)]
    arrays[name] = forms[int(rng.integers(len(forms)))]


@_of_arrays
def cells(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    """A few other values."""
    flat = arrays[name].reshape(-1)
    if not flat.size:
        return
    at = rng.integers(flat.size, size=int(rng.choice([1, 1, 3, max(1, flat.size // 2)])))
    if flat.dtype.kind == "f":
        flat[at] = NUMBERS[int(rng.integers(len(NUMBERS)))] * rng.choice([1, 1, -1])
    elif flat.dtype == bool:
        flat[at] = ~flat[at]
    else:
        limits = np.iinfo(flat.dtype)
        values = [0, 1, limits.min, limits.max, int(rng.integers(0, 50)), int(flat.size)]
        flat[at] = values[int(rng.integers(len(values)))]
    arrays[name] = flat.reshape(arrays[name].shape)


@_of_arrays
def scale(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    """All values multiplied."""
    by = float(rng.choice([-1.0, 0.0, 10.0, 1e2, 1e3, 1e4, 1e6, 1e20, 1e-3, 1e-6, 1e-20]))
    with np.errstate(all="ignore"):
        arrays[name] = (arrays[name] * by).astype(arrays[name].dtype)


@_of_arrays
def shuffle(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    """The same values in another order."""
    arrays[name] = rng.permutation(arrays[name].reshape(-1)).reshape(arrays[name].shape)


@_of_arrays
def noise(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    """Noise of any size on a table of weights."""
    if arrays[name].dtype.kind == "f":
        size = 10.0 ** rng.uniform(-3, 5.5)
        arrays[name] += (rng.standard_normal(arrays[name].shape) * size).astype(arrays[name].dtype)


@_of_arrays
def names(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    """An array less, more, or under another name."""
    other = sorted(arrays)[int(rng.integers(len(arrays)))]
    kind = int(rng.integers(4))
    if kind == 0:
        del arrays[name]
    elif kind == 1:
        arrays[f"{name}.more"] = arrays[name]
    elif kind == 2:
        arrays["norms.9.like"] = arrays.pop(name)
    else:
        arrays[name], arrays[other] = arrays[other], arrays[name]


def facts(saved: Saved, rng: np.random.Generator) -> Saved:
    """A value of the manifest's facts replaced, removed or added."""
    manifest = json.loads(json.dumps(saved.manifest))
    node, path = manifest["facts"], []
    while isinstance(node, (dict, list)) and len(node) and (not path or rng.random() < 0.8):
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        path.append((node, keys[int(rng.integers(len(keys)))]))
        node = path[-1][0][path[-1][1]]
    parent, key = path[-1]
    kind, value = rng.random(), ODD[int(rng.integers(len(ODD)))]
    if kind < 0.15:
        del parent[key]
    elif kind < 0.25 and isinstance(parent, dict):
        parent["more"] = value
    elif kind < 0.4 and isinstance(node, (int, float)) and not isinstance(node, bool):
        parent[key] = node + int(rng.choice([-1, 1, 10]))
    else:
        parent[key] = value
    return Saved(manifest, saved.files)


def content(saved: Saved, rng: np.random.Generator) -> Saved:
    """Bytes of a part changed, cut, put in or taken out."""
    if not saved.files:
        return saved
    part = list(saved.files)[int(rng.integers(len(saved.files)))]
    return Saved(saved.manifest, {**saved.files, part: altered_bytes(saved.files[part], rng)})


def parts(saved: Saved, rng: np.random.Generator) -> Saved:
    """A part less, or one in the place of another."""
    chosen = rng.permutation(list(saved.files))
    files = dict(saved.files)
    if rng.random() < 0.5:
        manifest = {**saved.manifest, "files": {**saved.manifest["files"]}}
        del files[chosen[0]], manifest["files"][chosen[0]]
        return Saved(manifest, files)
    return Saved(saved.manifest, {**files, chosen[0]: files[chosen[1 % len(chosen)]]})


def altered_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes changed, a piece cut out, doubled or put in; most often near the start."""
    changed = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 2, 8]))):
        near = min(len(changed), 400) if rng.random() < 0.6 else len(changed)
        at = int(rng.integers(max(1, near)))
        kind = int(rng.integers(5))
        if kind <= 1 and changed:
            changed[min(at, len(changed) - 1)] = int(rng.integers(256))
        elif kind == 2:
            del changed[at : at + int(rng.integers(1, 40))]
        elif kind == 3:
            changed[at:at] = changed[at : at + int(rng.integers(1, 40))]
        else:
            changed[at:at] = rng.bytes(int(rng.integers(1, 9)))
    return bytes(changed)


ALTERATIONS: tuple[Callable[[Saved, np.random.Generator], Saved], ...] = (
    *(dtype, shape, cells, cells, scale, scale, shuffle, noise, names, facts, facts, facts),
    *(content, content, parts),
)
