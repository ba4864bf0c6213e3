"""Every file operation of a save fails once, in this process, for every kind of model.

Cheaper than `system_calls`, which makes the calls of the system fail below Python: so it can be
done over whole models, of ratings and of types.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conv4rec import Conv4Rec
from conv4rec.storage.folders import MANIFEST
from research.campaigns.folders import base_models
from research.campaigns.outcomes import Outcomes

ERRORS = (errno.ENOSPC, errno.EIO, errno.EINTR, errno.EACCES)
CALLS = ("open", "fdopen", "fsync", "replace", "unlink", "mkdir", "stat", "listdir", "scandir")
WRITES = ("write", "flush", "close")


@contextmanager
def failing(number: int, error: int) -> Iterator[list[str]]:
    """Let the call of this number fail; the names of all calls so far."""
    own, seen = {name: getattr(os, name) for name in CALLS}, list[str]()

    def counted(name: str, function: Any) -> Any:
        def call(*given: Any, **more: Any) -> Any:
            seen.append(name)
            if len(seen) - 1 == number:
                raise OSError(error, os.strerror(error))
            found = function(*given, **more)
            return _File(found, counted) if name == "fdopen" else found

        return call

    try:
        for name, function in own.items():
            setattr(os, name, counted(name, function))
        yield seen
    finally:
        for name, function in own.items():
            setattr(os, name, function)


class _File:
    """A file whose operations are counted, and may fail."""

    def __init__(self, file: Any, counted: Any) -> None:
        self._file = file
        self.fileno = file.fileno
        for name in WRITES:
            setattr(self, name, counted(name, getattr(file, name)))

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.close()  # type: ignore[attr-defined]
        finally:
            self._file.close()


def run_failures(numbers: range, seed: int, outcomes: Outcomes) -> None:
    """A failing call for each number, until there are no more; no choice is random."""
    del seed
    with tempfile.TemporaryDirectory() as name:
        base_models(Path(name))
        models = [Conv4Rec.load(folder) for folder in sorted(Path(name).glob("base-*"))]
        cases = list(_cases(models, Path(name) / "counted"))
        for number in numbers[: max(0, len(cases) - numbers.start)]:
            at, over, call, error = cases[number]
            folder = Path(name) / f"saved-{number}"
            if over:
                models[at - 1].save(folder)
            before = version(folder)
            check(models[at], folder, call, error, before, number, outcomes)


def _cases(models: list[Conv4Rec], place: Path) -> Iterator[tuple[int, bool, int, int]]:
    """Which model, whether over another one, which call, and the error."""
    for at, model in enumerate(models):
        for over in (False, True):
            folder = place / f"{at}-{over}"
            if over:
                models[at - 1].save(folder)
            with failing(-1, 0) as seen:
                model.save(folder)
            yield from ((at, over, n, error) for n in range(len(seen)) for error in ERRORS)


def check(
    model: Conv4Rec, folder: Path, call: int, error: int, before: str, seed: int, outcomes: Outcomes
) -> None:
    """One call of one save fails; count what came of it."""
    outcomes.counts["saves"] += 1
    with failing(call, error) as seen:
        done = outcomes.guarded(lambda: (model.save(folder), True), seed, "save")
    about = f"{seen[call] if call < len(seen) else 'no call'} {call}: {errno.errorcode[error]}"
    outcomes.counts["refused" if done is None else "saved"] += 1
    now = version(folder)
    if now:
        outcomes.guarded(lambda: Conv4Rec.load(folder), seed, about)
    if now == before if done else now != before and not now:
        outcomes.fault("lost", seed, f"{about}: {before} then {now}")
    model.save(folder)
    Conv4Rec.load(folder)
    if stray := [path.name for path in folder.iterdir() if path.name.startswith(".")]:
        outcomes.fault("files left", seed, f"{about}: {stray}")


def version(folder: Path) -> str:
    """The manifest that is there, or nothing."""
    path = folder / MANIFEST
    return path.read_text() if path.exists() else ""
