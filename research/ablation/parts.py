"""Fits of the default model without some of its parts, on eight logs."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from conv4rec.benchmark.markdown import table
from research.ablation.fits import HERE, Record, append, fill_page, fit_and_measure, read

RECORDS = HERE / "parts.jsonl"
ALL = "all parts"
ONE_FIT: dict[str, Any] = {"consume_reg_factors": (1.0,), "rate_reg_factors": (0.4,)}
VARIANTS: dict[str, dict[str, Any]] = {
    ALL: {},
    "one side": {"two_sided": False},
    "no ridge": {"ridge_rank": 0},
    "one validation fit": ONE_FIT,
    "random start, one snapshot": {"spectral_init": 0.0, "averaged_snapshots": 1},
    "not centred": {"centred": False},
    "one side, one validation fit": {"two_sided": False, **ONE_FIT},
    "none of these": {
        **{"two_sided": False, "spectral_init": 0.0, "averaged_snapshots": 1, "centred": False},
        **ONE_FIT,
    },
}
METRICS = ("ndcg@20", "rmse", "nll", "ece", "mean_log_likelihood")
SHOWN = {"ndcg@20": "NDCG@20", "rmse": "RMSE", "nll": "NLL"}
RECORDED = {
    "no ridge, one side": "one side, no ridge",
    "random start, one look": "random start, one snapshot",
    "no ridge, one side, one validation fit": "one side, no ridge, one validation fit",
    "none of these": "none of these, no ridge",
}
"""Names in the committed records, and in tables."""


def measure(
    logs: Sequence[str], seeds: Sequence[int], processes: int, path: Path
) -> Iterator[Record]:
    """Make the lines that are missing in a file of records, seed by seed; one core for each fit."""
    there = {(each["log"], each["variant"], each["seed"]) for each in read(path)}
    jobs = [(log, variant, seed) for seed in seeds for log in logs for variant in VARIANTS]
    jobs = [job for job in jobs if job not in there]
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=1) as pool:
        for record in pool.imap_unordered(one_fit, jobs):
            append(path, record)
            yield record


def one_fit(job: tuple[str, str, int]) -> Record:
    """Fit one variant on one log with one seed, on one core, and measure."""
    import torch

    torch.set_num_threads(1)
    log, variant, seed = job
    figures = fit_and_measure(log, VARIANTS[variant], seed, METRICS)
    return {"log": log, "variant": variant, "seed": seed, **figures}


def tables(records: list[Record]) -> str:
    """One table for each metric: differences to all parts by log, means over the seeds of both.

    A log without a line of all parts has a table of its own, with the figures themselves.
    """
    logs = sorted({each["log"] for each in records})
    whole = [log for log in logs if _seeds(records, log, ALL)]
    variants = list(dict.fromkeys(each["variant"] for each in records if each["variant"] != ALL))
    order = sorted(variants, key=[*RECORDED, *VARIANTS].index)
    parts = []
    for metric, name in SHOWN.items():
        rows = [[ALL, *(f"{_mean(records, log, ALL, metric):.4f}" for log in whole), ""]]
        for variant in order:
            found = [_difference(records, log, variant, metric) for log in whole]
            known = [value for value in found if value is not None]
            mean = sum(known) / len(known) if known else None
            cells = [_signed(value) for value in (*found, mean)]
            rows.append([RECORDED.get(variant, variant), *cells])
        parts.append(table([name, *whole, "mean"], rows))
    for log in (log for log in logs if log not in whole):
        rows = [
            [RECORDED.get(v, v), *(f"{_mean(records, log, v, metric):.4f}" for metric in SHOWN)]
            for v in order if _seeds(records, log, v)
        ]  # fmt: skip
        parts.append(table([log, *SHOWN.values()], rows))
    return "\n\n".join(parts)


def fill() -> None:
    """Write the tables into the page, from the committed records."""
    fill_page("parts", tables(read(RECORDS)))


def _signed(difference: float | None) -> str:
    if difference is None:
        return "-"
    return f"{difference:+.4f}" if abs(difference) >= 0.00005 else "0"


def _seeds(records: list[Record], log: str, variant: str) -> dict[int, Record]:
    mine = [each for each in records if (each["log"], each["variant"]) == (log, variant)]
    return {each["seed"]: each for each in mine}


def _mean(records: list[Record], log: str, variant: str, metric: str) -> float:
    found = _seeds(records, log, variant).values()
    return sum(each[metric] for each in found) / len(found)


def _difference(records: list[Record], log: str, variant: str, metric: str) -> float | None:
    """To all parts, over the seeds that both have; None if there are none."""
    whole, part = _seeds(records, log, ALL), _seeds(records, log, variant)
    both = whole.keys() & part.keys()
    if not both:
        return None
    return sum(part[seed][metric] - whole[seed][metric] for seed in both) / len(both)
