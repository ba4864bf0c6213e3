"""A campaign in blocks: each in a process of its own, and recorded as soon as it ends.

A crash costs one block and is counted; a campaign that is started again with the same record goes
on where it stopped.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import resource
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from research.campaigns.outcomes import FAULTS, MOST_FAULTS, Outcomes

BLOCK = {"folders": 1_000, "tables": 2_500, "arguments": 1_000, "odd": 1_000, "kills": 20}
"""Cases of a block; of other campaigns all."""
MOST_MB = 3_000  # of heap; more is a MemoryError, and counted


def run_campaign(name: str, n: int, seed: int, record: Path) -> dict[str, Any]:
    """Run what is missing of `n` cases; the sum of all blocks.

    Args:
        name: A module beside this one, with a function `run_NAME(numbers, seed, outcomes)`.
        n: How many cases.
        seed: Of every random choice; a case is decided by it and its number alone.
        record: A JSON object a line and block; made if it is missing, added to if it is there.
    """
    size = BLOCK.get(name, n)
    for first in range(0, n, size):
        numbers = range(first, min(n, first + size))
        if _key(name, seed, numbers) in {_key_of(line) for line in _lines(record)}:
            continue
        try:
            found = _in_a_process(name, numbers, seed)
        except BrokenProcessPool as error:
            fault = {"kind": "crash", "seed": [seed, numbers.start], "about": str(error)}
            found = {"counts": {"crash": 1}, "peak_mb": 0, "processor_s": 0.0, "faults": [fault]}
        line = {"campaign": name, "seed": seed, "first": numbers.start, "n": len(numbers), **found}
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return total(name, seed, record)


def total(name: str, seed: int, record: Path) -> dict[str, Any]:
    """The sum of the recorded blocks of a campaign."""
    blocks = [x for x in _lines(record) if (x["campaign"], x["seed"]) == (name, seed)]
    counts: Counter[str] = Counter()
    for block in blocks:
        counts.update(block["counts"])
    return {
        "campaign": name, "seed": seed, "n": sum(block["n"] for block in blocks),
        "counts": dict(sorted(counts.items())),
        "n_faults": sum(counts[kind] for kind in FAULTS),
        "peak_mb": max((block["peak_mb"] for block in blocks), default=0),
        "processor_s": round(sum(block["processor_s"] for block in blocks)),
        "faults": [fault for block in blocks for fault in block["faults"]][:MOST_FAULTS],
    }  # fmt: skip


def _in_a_process(name: str, numbers: range, seed: int) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_block, name, numbers, seed).result()


def _block(name: str, numbers: range, seed: int) -> dict[str, Any]:
    """Run some cases; called in the process of the block."""
    for variable in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(variable, "1")
    os.environ["RUST_BACKTRACE"] = "0"
    limit = MOST_MB * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    outcomes, started = Outcomes(), time.process_time()
    module = importlib.import_module(f"research.campaigns.{name}")
    getattr(module, f"run_{name}")(numbers, seed, outcomes)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() - started + children.ru_utime + children.ru_stime
    return {**outcomes.record(), "processor_s": round(seconds, 1)}


def _lines(record: Path) -> list[dict[str, Any]]:
    if not record.exists():
        return []
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]


def _key(name: str, seed: int, numbers: range) -> tuple[Any, ...]:
    return name, seed, numbers.start, len(numbers)


def _key_of(line: dict[str, Any]) -> tuple[Any, ...]:
    return line["campaign"], line["seed"], line["first"], line["n"]
