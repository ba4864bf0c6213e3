"""Records on disk: one JSON object a line, in a file for each split, only ever appended to.

The kinds of lines: "run" (one model, one seed: figures and provenance), "comparison" (one model
against ours, user by user), "failure" (it crashed, or took too long) and "absent" (not
installed, or unable to do what the split asks).
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conv4rec.errors import BenchError

KINDS = ("run", "comparison", "failure", "absent")
_NEEDED = {"kind", "dataset", "model"}


def file_of(folder: Path, dataset: str) -> Path:
    """The file of the records of a split.

    >>> file_of(Path("bench-records"), "ml-100k/u1").name
    'ml-100k-u1.jsonl'
    """
    return folder / f"{slug(dataset)}.jsonl"


def slug(text: str) -> str:
    """A text as a part of a file's name."""
    return re.sub(r"[^\w.+-]", "-", text)


def append(path: Path, record: dict[str, Any]) -> None:
    """Add a line, and return when it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = (as_line(record) + "\n").encode()
    with path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a file, oldest first; none if there is no file.

    Raises:
        BenchError: A line is not a record: says which.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{path} cannot be read as records: {error}") from error
    return [_record(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]


def read_folder(folder: Path) -> list[dict[str, Any]]:
    """The records of all files of a folder.

    Raises:
        BenchError: There are none, or a line is broken.
    """
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise BenchError(f"there are no records in {folder}: conv4rec bench makes them")
    return [record for path in paths for record in read(path)]


def as_line(record: dict[str, Any]) -> str:
    """A record as JSON on one line; NaN and infinities are null."""
    return json.dumps(_plain(record), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def runs(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines that hold a run."""
    return [record for record in records if record["kind"] == "run"]


def _record(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        record, wrong = None, str(error)
    else:
        wrong = "it is not an object with kind, dataset and model"
    if not isinstance(record, dict) or not set(record) >= _NEEDED or record["kind"] not in KINDS:
        raise BenchError(
            f"{path}, line {number} is not a record ({wrong}): remove the line, or move the file "
            "away"
        )
    return record


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
