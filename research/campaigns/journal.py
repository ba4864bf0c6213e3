"""What a program does to files, recorded; and what a power cut at any moment may leave of it.

The model of a disk is that of a file system that promises no more than POSIX does: the content of a
file is safe once the file is synced, a name (made, moved or removed) once its folder is. Until then
any of them may be there or not, and a file may be empty, cut or full of zeros.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Inode = int


@dataclass(frozen=True)
class Step:
    """Something that was done."""

    kind: Literal["name", "unname", "sync file", "sync folder"]
    path: str
    inode: Inode = 0
    is_folder: bool = False


@dataclass
class Journal:
    """All steps in a folder, and what every file of it has held."""

    root: Path
    steps: list[Step] = field(default_factory=list)
    contents: dict[Inode, bytes] = field(default_factory=dict)
    """What a file held when it was last synced or moved."""
    synced: dict[Inode, int] = field(default_factory=dict)
    """The step after which that was safe."""
    before: dict[str, Inode] = field(default_factory=dict)
    """Names at the start, all safe."""

    def start(self) -> None:
        """Take what is there as safe."""
        for path in self.root.rglob("*"):
            self.before[str(path)] = self._seen(str(path))
            self.synced[self.before[str(path)]] = 0

    def _seen(self, path: str) -> Inode:
        status = os.stat(path)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                self.contents[status.st_ino] = file.read()
        return status.st_ino

    def named(self, path: str) -> None:
        """A name was made, or moved here."""
        self._add("name", path, self._seen(path))

    def unnamed(self, path: str) -> None:
        """A name is gone."""
        self._add("unname", path)

    def synced_at(self, path: str) -> None:
        """A file or a folder was synced."""
        if os.path.isdir(path):
            self._add("sync folder", path)
        else:
            inode = self._seen(path)
            self._add("sync file", path, inode)
            self.synced[inode] = len(self.steps)

    def _add(self, kind: Any, path: str, inode: Inode = 0) -> None:
        if Path(path).is_relative_to(self.root):
            self.steps.append(Step(kind, path, inode, os.path.isdir(path)))

    def cut(self, at: int, rng: random.Random, place: Path) -> None:
        """Write to `place` what a power cut after `at` steps may leave."""
        names, folders = dict(self.before), {str(self.root)}
        chance = rng.choice([0.0, 0.5, 0.9, 1.0])
        for number, step in enumerate(self.steps[:at]):
            parent = os.path.dirname(step.path)
            safe = any(s.kind == "sync folder" and s.path == parent for s in self.steps[number:at])
            if step.kind not in ("name", "unname") or not (safe or rng.random() < chance):
                continue
            if step.kind == "name":
                names = {path: i for path, i in names.items() if i != step.inode or step.is_folder}
                names[step.path] = step.inode
            else:
                names.pop(step.path, None)
        for path, inode in sorted(names.items()):
            is_folder = inode not in self.contents
            if os.path.dirname(path) not in folders:
                continue  # the folder is not there
            if is_folder:
                folders.add(path)
                (place / os.path.relpath(path, self.root)).mkdir()
            else:
                content = self.contents[inode]
                if self.synced.get(inode, at + 1) > at:
                    half = len(content) // 2
                    content = rng.choice([b"", content[:half], bytes(len(content)), content])
                (place / os.path.relpath(path, self.root)).write_bytes(content)


@contextmanager
def recorded(journal: Journal) -> Iterator[None]:
    """Record what this process does by the functions of `os`; `shutil` and `pathlib` use them."""
    journal.start()
    own = {name: getattr(os, name) for name in ("open", "fsync", "mkdir", "rmdir", "unlink",
                                                "remove", "rename", "replace")}  # fmt: skip

    def at(path: Any, dir_fd: int | None = None) -> str:
        folder = "" if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
        return os.path.abspath(os.path.join(folder, os.fsdecode(path)))

    def open_(path: Any, flags: int, *more: Any, **options: Any) -> int:
        found = own["open"](path, flags, *more, **options)
        if flags & os.O_CREAT:
            journal.named(at(path))
        return found

    def fsync(descriptor: Any) -> None:
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        own["fsync"](number)
        journal.synced_at(os.readlink(f"/proc/self/fd/{number}"))

    def mkdir(path: Any, *more: Any, **options: Any) -> None:
        own["mkdir"](path, *more, **options)
        journal.named(at(path))

    def gone(name: str) -> Any:
        def remove(path: Any, *, dir_fd: int | None = None) -> None:
            where = at(path, dir_fd)
            own[name](path, dir_fd=dir_fd)
            journal.unnamed(where)

        return remove

    def moved(name: str) -> Any:
        def move(source: Any, target: Any, **options: Any) -> None:
            own[name](source, target, **options)
            journal.named(at(target))

        return move

    new = {"open": open_, "fsync": fsync, "mkdir": mkdir}
    new |= {name: gone(name) for name in ("rmdir", "unlink", "remove")}
    new |= {name: moved(name) for name in ("rename", "replace")}
    try:
        for name, function in new.items():
            setattr(os, name, function)
        yield
    finally:
        for name, function in own.items():
            setattr(os, name, function)
