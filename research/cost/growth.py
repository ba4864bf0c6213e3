"""Fits of made-up logs that differ in one size at a time, and slopes on logarithmic axes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from conv4rec import Conv4Rec, Interactions, estimate_fit, load_dataset
from conv4rec.benchmark.charts import Axes, Curve, Panel, svg
from conv4rec.errors import DataError, SettingError
from conv4rec.evaluate.provenance import commit, peak_rss_mb, versions
from research.cost.made_up import made_up

RECORDS = Path(__file__).with_name("growth.jsonl")
SIZES = ("rows", "users", "items", "levels")
BASE = {"rows": 50_000, "users": 5_000, "items": 3_000, "levels": 5}
GRIDS = {
    "rows": (10_000, 30_000, 100_000, 300_000, 1_000_000),
    "users": (1_000, 3_000, 10_000, 30_000, 100_000),
    "items": (1_000, 3_000, 10_000, 30_000, 100_000),
    "levels": (2, 5, 10, 20),
}
COSTS = {"cpu_s": "processor seconds", "peak_mb": "peak memory (MB)"}
Record = dict[str, Any]


def fit_once(sizes: dict[str, int] | str, settings: dict[str, Any]) -> Record:
    """Fit a made-up log, or a named one, in this process: processor seconds and peak memory.

    Beside what they were estimated to be (`conv4rec.estimate_fit`).
    """
    Conv4Rec(n_steps=1, mf_draws=0).fit(made_up(40, 40, 200))  # libraries are loaded on first use
    if isinstance(sizes, str):
        log, sizes = Interactions.from_frame(load_dataset(sizes).frame), {}
    else:
        log = made_up(sizes["users"], sizes["items"], sizes["rows"], sizes["levels"])
    model = Conv4Rec(seed=0, **settings)
    estimate = estimate_fit(log, model)
    began = time.process_time()
    model.fit(log)
    spent = {"cpu_s": round(time.process_time() - began, 2), "peak_mb": peak_rss_mb()}
    estimated = {"estimated_cpu_s": estimate.seconds, "estimated_mb": estimate.memory_mb}
    return {**sizes, **spent, **estimated}


def measure(
    varied: list[str], decades: float, settings: dict[str, Any], records: Path = RECORDS
) -> Iterator[Record]:
    """One fit for each point of the grids, each in a process of its own; adds lines to `records`.

    Args:
        varied: which sizes, of `SIZES`.
        decades: how far above its smallest value each size goes.
        settings: of the model.
        records: where lines are added.

    Raises:
        SettingError: No such size, or a fit failed.
    """
    if unknown := set(varied) - set(SIZES):
        raise SettingError(f"no size {', '.join(sorted(unknown))}: there are {', '.join(SIZES)}")
    for size in varied:
        for value in GRIDS[size]:
            if value > 1.001 * GRIDS[size][0] * 10**decades:
                continue
            sizes = BASE | {size: value}
            record = {"varied": size, **in_a_process(sizes, settings), "settings": settings}
            record |= {"commit": commit(), "torch": versions()["torch"]}
            with records.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            yield record


def in_a_process(sizes: dict[str, int] | str, settings: dict[str, Any]) -> Record:
    """`fit_once` in a process of its own, whose peak memory is that of the fit.

    Raises:
        SettingError: The fit failed.
    """
    job = json.dumps([sizes, settings])
    ended = subprocess.run(
        [sys.executable, "-m", "research.cost", "one", job],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode:
        raise SettingError(f"the fit of {sizes} failed: {ended.stderr.strip()[-300:]}")
    return json.loads(ended.stdout.splitlines()[-1])


def read(records: Path = RECORDS) -> list[Record]:
    """The lines of a file of records; the last of those with the same sizes.

    Raises:
        DataError: There is no such file.
    """
    if not records.exists():
        raise DataError(f"there are no records in {records}: run growth first")
    lines = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    return list({(r["varied"], *(r[s] for s in SIZES)): r for r in lines}.values())


def slope(records: list[Record], size: str, cost: str) -> float:
    """Exponent p of cost ~ size^p, by least squares on logarithms; NaN with one point."""
    mine = [r for r in records if r["varied"] == size]
    if len(mine) < 2:
        return float("nan")
    x, y = (np.log([r[name] for r in mine]) for name in (size, cost))
    return float(np.polyfit(x, y, 1)[0])


def table(records: list[Record]) -> str:
    """Markdown: one row for each fit, and the exponents of each size."""
    lines = ["| varied | rows | users | items | levels | CPU s | peak MB |", "|---" * 7 + "|"]
    for size in SIZES:
        mine = sorted((r for r in records if r["varied"] == size), key=lambda r: r[size])
        for r in mine:
            values = " | ".join(f"{r[s]:,}" for s in SIZES)
            lines.append(f"| {size} | {values} | {r['cpu_s']:.1f} | {r['peak_mb']:,.0f} |")
        if len(mine) > 1:
            time_slope, memory_slope = (slope(records, size, cost) for cost in COSTS)
            lines.append(f"| {size} | | | | exponent | {time_slope:.2f} | {memory_slope:.2f} |")
    return "\n".join(lines)


def picture(records: list[Record]) -> str:
    """SVG: time and memory against each size, divided by its smallest, on logarithmic axes."""
    varied = [size for size in SIZES if any(r["varied"] == size for r in records)]
    panels = [
        Panel(name, [_curve(records, size, cost, SIZES.index(size)) for size in varied])
        for cost, name in COSTS.items()
    ]
    axes = Axes("size, divided by its smallest", "cost", shared=False, width=300)
    return svg(panels, axes, "One fit a point; one size differs, the others stay.")


def _curve(records: list[Record], size: str, cost: str, colour: int) -> Curve:
    mine = sorted((r for r in records if r["varied"] == size), key=lambda r: r[size])
    points = [(r[size] / mine[0][size], r[cost]) for r in mine]
    return Curve(size, points, colour)
