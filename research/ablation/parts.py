"""What each part of the default model is worth: fits without it, judged on a hidden tenth.

`python research/ablation/parts.py LOG ... [--seeds 0 1 2] [--processes 2]`

A LOG is NAME/SPLIT, of whose *training* part a tenth (seed 0) judges: test parts are not looked
at. NAME/SPLIT:N takes N of its people (seed 0). `blocks` and `long-tail` are made up. Each line is
added to parts.jsonl beside this file; a line that is there already is not made again. One fit runs
on one core.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from conv4rec import Conv4Rec, Interactions
from conv4rec.data import Split, split_by_name
from conv4rec.data.splits import random_split
from conv4rec.evaluate import evaluate

RECORDS = Path(__file__).parent / "parts.jsonl"
ONE_FIT: dict[str, Any] = {"consume_reg_factors": (1.0,)}
VARIANTS: dict[str, dict[str, Any]] = {
    "all parts": {},
    "no ridge, one side": {"ridge_size": 0, "two_sided": False},
    "one validation fit": ONE_FIT,
    "random start, one look": {"spectral_init": 0.0, "averaged_snapshots": 1},
    "not centred": {"centred": False},
    "no ridge, one side, one validation fit": {"ridge_size": 0, "two_sided": False, **ONE_FIT},
    "none of these": {
        **{"ridge_size": 0, "two_sided": False, "spectral_init": 0.0, "averaged_snapshots": 1},
        **{"centred": False, **ONE_FIT},
    },
}
METRICS = ("ndcg@20", "rmse", "nll", "ece", "mean_log_likelihood")


def blocks(seed: int = 0) -> Interactions:
    """1,200 people who consume some 25 items of 1,120, nine in ten of one department of 28."""
    rng = np.random.default_rng(seed)
    department = np.repeat(np.arange(28), 40)
    popularity = rng.lognormal(0.0, 0.5, len(department))
    rows: list[tuple[int, int, float]] = []
    for user in range(1200):
        own = department == rng.integers(28)
        p = popularity * np.where(own, 0.9 / popularity[own].sum(), 0.1 / popularity[~own].sum())
        items = rng.choice(len(p), min(rng.poisson(20) + 5, 50), replace=False, p=p / p.sum())
        ratings = 3.7 + 0.5 * rng.standard_normal() + 0.8 * rng.standard_normal(len(items))
        rows += zip([user] * len(items), items.tolist(), np.clip(np.rint(ratings), 1, 5).tolist())
    return Interactions.from_frame(_frame(rows))


def long_tail(seed: int = 0) -> Interactions:
    """1,500 people, 5,000 items of Zipf's popularity, ratings 1 to 10 from five hidden tastes."""
    rng = np.random.default_rng(seed)
    n_users, n_items, size = 1500, 5000, 5
    users, items = (0.5 * rng.standard_normal((n, size)) for n in (n_users, n_items))
    quality, kindness = 1.2 * rng.standard_normal(n_items), rng.standard_normal(n_users)
    log_popularity = -0.9 * np.log(np.arange(1, n_items + 1)) + 0.15 * quality
    rows: list[tuple[int, int, float]] = []
    for user in range(n_users):
        taste = items @ users[user]
        p = np.exp(log_popularity + 1.5 * taste)
        some = rng.choice(n_items, int(8 + rng.pareto(1.5) * 12) % 300 + 5, False, p / p.sum())
        noise = 1.3 * rng.standard_normal(len(some))
        ratings = np.rint(7.3 + kindness[user] + quality[some] + 1.5 * taste[some] + noise)
        rows += zip([user] * len(some), some.tolist(), np.clip(ratings, 1, 10).tolist())
    return Interactions.from_frame(_frame(rows))


def _frame(rows: list[tuple[int, int, float]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")


def training_part(name: str) -> Interactions:
    """The training rows of a split, of all its people or of some; or a made-up log."""
    if name in ("blocks", "long-tail"):
        return blocks() if name == "blocks" else long_tail()
    split, _, n_people = name.partition(":")
    log = split_by_name(split).train
    if not n_people:
        return log
    some = np.random.default_rng(0).permutation(log.n_users)[: int(n_people)]
    frame = log.take_users(np.sort(some)).to_frame()
    return Interactions.from_frame(frame, levels=list(log.levels.values))


def line(job: tuple[str, str, int]) -> dict[str, Any]:
    """Fit one variant on one log with one seed, on one core, and measure."""
    name, variant, seed = job
    torch.set_num_threads(1)
    train, test = random_split(training_part(name), 0.1, seed=0)
    began = time.perf_counter()
    model = Conv4Rec(seed=seed, **VARIANTS[variant]).fit(train)
    seconds = round(time.perf_counter() - began, 1)
    found = evaluate(model, Split(name, train, given=train, test=test)).metrics
    figures = {metric: found[metric] for metric in METRICS if metric in found}
    return {"log": name, "variant": variant, "seed": seed, **figures, "fit_s": seconds}


def records(path: Path) -> list[dict[str, Any]]:
    """What has been measured."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(text) for text in lines]


def main() -> None:
    """Make the lines that are missing, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--records", type=Path, default=RECORDS)
    wanted = parser.parse_args()
    there = {(e["log"], e["variant"], e["seed"]) for e in records(wanted.records)}
    jobs = [(log, v, seed) for seed in wanted.seeds for log in wanted.logs for v in VARIANTS]
    jobs = [job for job in jobs if job not in there]
    with multiprocessing.get_context("spawn").Pool(wanted.processes, maxtasksperchild=1) as pool:
        for entry in pool.imap_unordered(line, jobs):
            with wanted.records.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
            print(json.dumps(entry), flush=True)


if __name__ == "__main__":
    main()
