"""Fits of the default model without one part at a time, on two logs: a table of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from conv4rec.benchmark.markdown import table
from research.ablation.fits import HERE, Record, append, fill_page, fit_and_measure, read

RECORDS = HERE / "leave_one_out.jsonl"
SEEDS = (0, 1)
WITHOUT: dict[str, dict[str, Any]] = {
    "nothing left out": {},
    "SLIM": {"slim_neighbours": 0},
    "ridge": {"ridge_rank": 0},
    "BayesianMF": {"mf_draws": 0},
    "averaged snapshots, BayesianMF": {"mf_draws": 0, "averaged_snapshots": 1},
    "second side": {"two_sided": False},
    "second side, BayesianMF": {"two_sided": False, "mf_draws": 0},
    "centring, BayesianMF": {"centred": False, "mf_draws": 0},
    "polynomial kernels, BayesianMF": {"polynomial_init": False, "mf_draws": 0},
    "loss on masked ratings alone (on all)": {"masked_only": False},
    "three validation fits (one)": {"consume_reg_factors": (1.0,), "rate_reg_factors": (1.0,)},
    "spectral initialisation": {"spectral_init": 0.0},
    "second rating channel, BayesianMF": {"n_rating_channels": 1, "mf_draws": 0},
}
"""BayesianMF is left out as well where it would hide what a part of the neural component does."""
RECORDED = {
    "nothing left out": "nothing left out",
    "neighbours": "SLIM",
    "closed-form half": "ridge",
    "both of these": "SLIM, ridge",
    "exact half": "BayesianMF",
    "averaged predictions, exact half": "averaged snapshots, BayesianMF",
    "second side": "second side",
    "second side, exact half": "second side, BayesianMF",
    "centring, exact half": "centring, BayesianMF",
    "polynomial kernels, exact half": "polynomial kernels, BayesianMF",
    "hidden ratings alone (all are predicted)": "loss on masked ratings alone (on all)",
    "penalties tried (one each)": "three validation fits (one)",
    "spectral start": "spectral initialisation",
    "second rating channel, exact half": "second rating channel, BayesianMF",
}
"""Names in the committed records, and in tables."""
COLUMNS = {"ndcg@20": 4, "rmse": 4, "nll": 4, "ece": 3}


def measure(logs: Sequence[str], path: Path = RECORDS) -> Iterator[Record]:
    """Make the lines that are missing in a file of records."""
    there = {(each["split"], each["without"], each["seed"]) for each in read(path)}
    for seed in SEEDS:
        for log in logs:
            for without, settings in WITHOUT.items():
                if (log, without, seed) not in there:
                    figures = fit_and_measure(log, settings, seed, COLUMNS)
                    record = {"split": log, "without": without, "seed": seed, **figures}
                    append(path, {**record, "settings": settings})
                    yield record


def tables(records: list[Record]) -> str:
    """One table for each log, one row for each part; means over seeds."""
    parts = []
    for log in dict.fromkeys(each["split"] for each in records):
        rows = []
        for name in [*RECORDED, *(name for name in WITHOUT if name not in RECORDED)]:
            mine = [each for each in records if (each["split"], each["without"]) == (log, name)]
            if mine:
                means = [
                    f"{sum(each[metric] for each in mine) / len(mine):.{digits}f}"
                    for metric, digits in COLUMNS.items()
                ]
                rows.append([RECORDED.get(name, name), *means, str(len(mine))])
        parts.append(table([f"{log}, without", *COLUMNS, "seeds"], rows))
    return "\n\n".join(parts)


def fill() -> None:
    """Write the tables into the page, from the committed records."""
    fill_page("leave one out", tables(read(RECORDS)))
