"""Fits from the model of the paper to the default, adding one part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from conv4rec.benchmark.markdown import table
from research.ablation.fits import HERE, Record, append, fill_page, fit_and_measure, read

RECORDS = HERE / "ladder.jsonl"
ALONE = {"two_sided": False, "mf_draws": 0, "ridge_rank": 0, "slim_neighbours": 0}
RUNGS: dict[str, dict[str, Any]] = {
    "the model of the paper": {"preset": "paper"},
    "an encoder for each task": ALONE,
    "the second side of ratings": {**ALONE, "two_sided": True},
    "BayesianMF": {"ridge_rank": 0, "slim_neighbours": 0},
    "ridge": {"slim_neighbours": 0},
    "SLIM: the default": {},
}
RECORDED = {
    "the paper's own model": "the model of the paper",
    "an encoder for each task": "an encoder for each task",
    "the second side": "the second side of ratings",
    "the exact half": "BayesianMF",
    "the closed-form half": "ridge",
    "the neighbours (the default)": "SLIM: the default",
}
"""Names in the committed records, and in tables."""
COLUMNS = {"ndcg@20": 4, "rmse": 4, "nll": 4}


def measure(logs: Sequence[str], path: Path = RECORDS) -> Iterator[Record]:
    """Make the lines that are missing in a file of records, with seed 0."""
    there = {(each["log"], each["rung"]) for each in read(path)}
    for log in logs:
        for rung, settings in RUNGS.items():
            if (log, rung) not in there:
                figures = fit_and_measure(log, settings, 0, COLUMNS)
                record = {"log": log, "rung": rung, "seed": 0, "settings": settings, **figures}
                append(path, record)
                yield record


def tables(records: list[Record]) -> str:
    """One row for each rung, one column for each log."""
    logs = list(dict.fromkeys(each["log"] for each in records))
    rows = []
    for rung in dict.fromkeys([*RECORDED, *RUNGS]):
        cells = []
        for log in logs:
            mine = [each for each in records if (each["log"], each["rung"]) == (log, rung)]
            figures = (
                [f"{mine[0][metric]:.{digits}f}" for metric, digits in COLUMNS.items()]
                if mine
                else ["-"]
            )
            cells.append(" / ".join(figures))
        if set(cells) != {"-"}:
            rows.append([RECORDED.get(rung, rung), *cells])
    return table(["with", *(f"{log}: NDCG@20 / RMSE / NLL" for log in logs)], rows)


def fill() -> None:
    """Write the table into the page, from the committed records."""
    fill_page("ladder", tables(read(RECORDS)))
