"""Every system call of a save fails once: with ENOSPC, EIO or EINTR, injected by strace.

The folder then holds the old content or the new one, the command said so in one sentence, and the
next save leaves nothing but its own files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from conv4rec.errors import MissingExtraError
from conv4rec.storage.folders import load_folder
from research.campaigns.outcomes import Outcomes

ERRORS = ("ENOSPC", "EIO", "EINTR")
SAVE = """
import sys
import numpy as np
from conv4rec.errors import Conv4RecError
from conv4rec.storage.folders import save_folder
value = float(sys.argv[2])
try:
    save_folder(sys.argv[1], "model", {"weights": {"a": np.full(20_000, value)},
                                       "ids": {"b": np.full(3, value)}}, {"value": value})
except Conv4RecError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""
WRITE = """
import sys
import polars as pl
from conv4rec.cli.writing import write_frames
from conv4rec.errors import Conv4RecError
frame = pl.DataFrame({"user_id": [1] * 5000, "value": [float(sys.argv[2])] * 5000})
try:
    write_frames([frame, frame], sys.argv[1] + "/lists.csv")
except (Conv4RecError, OSError) as error:  # as the command line catches them
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def run_system_calls(numbers: range, seed: int, outcomes: Outcomes) -> None:
    """About so many failures, or all there are, of a save and of a table; no seed is needed."""
    del seed
    if shutil.which("strace") is None:
        raise MissingExtraError("strace is needed to make system calls fail: install it first")
    with tempfile.TemporaryDirectory() as name:
        for script, held in ((SAVE, held_by_folder), (WRITE, held_by_table)):
            folder = Path(name) / held.__name__
            folder.mkdir()
            if script is SAVE:
                folder.rmdir()
            traced(script, folder, 1.0)
            trace = Path(name) / "trace"
            calls = calls_of_save(script, folder, trace)
            cases = [(call, error) for call in calls for error in ERRORS]
            cases = cases[:: max(1, len(cases) // len(numbers))]  # evenly spaced
            for call, error in cases:
                check(script, folder, call, error, held, outcomes)


def traced(script: str, folder: Path, value: float, *options: str) -> subprocess.CompletedProcess:
    """Run a script under strace."""
    command = ["strace", "-f", *options] if options else []
    command += [sys.executable, "-c", script, str(folder), str(value)]
    environment = {**os.environ, "POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "0"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def calls_of_save(script: str, folder: Path, trace: Path) -> list[tuple[str, int]]:
    """Each system call of the main thread from the first that names the folder: name, number."""
    traced(script, folder, 1.0, "-o", str(trace), "-e", "trace=file,desc")
    seen: Counter[str] = Counter()
    found, main, begun = [], None, False
    for line in trace.read_text(errors="replace").splitlines():
        matched = re.match(r"(\d+) +(\w+)\(", line)
        if matched is None:
            continue
        main = main or matched[1]
        if matched[1] != main:
            continue
        seen[matched[2]] += 1
        begun = begun or (str(folder) in line and matched[2] != "execve")
        if begun:
            found.append((matched[2], seen[matched[2]]))
    return found


def check(
    script: str,
    folder: Path,
    call: tuple[str, int],
    error: str,
    held: Callable[[Path], float | None],
    outcomes: Outcomes,
) -> None:
    """One system call fails; count what came of it."""
    name, number = call
    about = f"{name} number {number} fails with {error}"
    inject = f"inject={name}:error={error}:when={number}"
    done = traced(script, folder, 2.0, "-o", "/dev/null", "-e", inject)
    outcomes.counts["calls"] += 1
    outcomes.counts["done" if done.returncode == 0 else "refused"] += 1
    if "Traceback" in done.stderr or done.returncode not in (0, 2):
        outcomes.fault("traceback", about, done.stderr[-800:])
    if held(folder) not in ((2.0,) if done.returncode == 0 else (1.0, 2.0)):
        outcomes.fault("half-written", about, str(held(folder)))
    before = {path.name for path in folder.iterdir() if path.name.startswith(".")}
    traced(script, folder, 1.0)
    after = {path.name for path in folder.iterdir() if path.name.startswith(".")}
    if after:
        outcomes.fault("files left", about, f"{before} then {after}")


def held_by_folder(folder: Path) -> float | None:
    """The one value that a saved folder holds, or None."""
    parts, facts = load_folder(folder, "model")
    values = {float(a.max()) for arrays in parts.values() for a in arrays.values()}
    return values.pop() if values == {facts["value"]} else None


def held_by_table(folder: Path) -> float | None:
    """The one value that a table holds, or None."""
    lines = (folder / "lists.csv").read_text().splitlines()
    values = {line.partition(",")[2] for line in lines[1:]}
    return float(values.pop()) if len(lines) == 10_001 and len(values) == 1 else None
