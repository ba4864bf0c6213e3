"""Fits of the ablations: the logs, one fit with its metrics, records, and tables in the page.

A log is NAME/SPLIT, of whose *training* part a random tenth (seed 0) is held out for evaluation:
test parts are not used. NAME/SPLIT:N takes N of its users (seed 0). `blocks` and `long-tail` are
synthetic.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from conv4rec import Conv4Rec, Interactions
from conv4rec.data import Split, split_by_name
from conv4rec.data.splits import random_split
from conv4rec.errors import SettingError
from conv4rec.evaluate.provenance import commit, versions
from conv4rec.recommender import evaluate_model

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "ablation.md"
Record = dict[str, Any]


def fit_and_measure(
    log: str, settings: dict[str, Any], seed: int, metrics: Iterable[str]
) -> Record:
    """Metrics on the held-out tenth of a log, seconds of the fit, commit and version of torch."""
    train, test = random_split(training_part(log), 0.1, seed=0)
    began = time.perf_counter()
    model = Conv4Rec(seed=seed, **settings).fit(train)
    seconds = round(time.perf_counter() - began, 1)
    found = evaluate_model(model, Split(log, train, given=train, test=test)).metrics
    figures = {metric: found[metric] for metric in metrics if metric in found}
    return {**figures, "fit_s": seconds, "commit": commit(), "torch": versions()["torch"]}


def read(path: Path) -> list[Record]:
    """The lines of a file of records, in order; none if there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def append(path: Path, record: Record) -> None:
    """Add one line to a file of records."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def fill_page(marker: str, text: str, page: Path = PAGE) -> None:
    """Write a text between `<!-- MARKER -->` and `<!-- end MARKER -->` of the page."""
    pattern = rf"<!-- {marker} -->.*?<!-- end {marker} -->"
    made = f"<!-- {marker} -->\n{text.strip()}\n<!-- end {marker} -->"
    before = page.read_text(encoding="utf-8")
    page.write_text(re.sub(pattern, lambda _: made, before, flags=re.DOTALL), encoding="utf-8")


def blocks(seed: int = 0) -> Interactions:
    """1,200 users who consume some 25 of 1,120 items, nine in ten of one department of 28."""
    rng = np.random.default_rng(seed)
    department = np.repeat(np.arange(28), 40)
    popularity = rng.lognormal(0.0, 0.5, len(department))
    rows: list[tuple[int, int, float]] = []
    for user in range(1200):
        own = department == rng.integers(28)
        p = popularity * np.where(own, 0.9 / popularity[own].sum(), 0.1 / popularity[~own].sum())
        items = rng.choice(len(p), min(rng.poisson(20) + 5, 50), replace=False, p=p / p.sum())
        ratings = 3.7 + 0.5 * rng.standard_normal() + 0.8 * rng.standard_normal(len(items))
        rows += zip(
            repeat(user), items.tolist(), np.clip(np.rint(ratings), 1, 5).tolist(), strict=False
        )
    return Interactions.from_frame(_frame(rows))


def long_tail(seed: int = 0) -> Interactions:
    """1,500 users, 5,000 items of Zipf's popularity, ratings 1 to 10 from five latent tastes."""
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
        rows += zip(repeat(user), some.tolist(), np.clip(ratings, 1, 10).tolist(), strict=False)
    return Interactions.from_frame(_frame(rows))


def _frame(rows: list[tuple[int, int, float]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")


SYNTHETIC = {"blocks": blocks, "long-tail": long_tail}


def training_part(name: str) -> Interactions:
    """The training rows of NAME/SPLIT, of N users with NAME/SPLIT:N, or a synthetic log by name."""
    if name in SYNTHETIC:
        return SYNTHETIC[name]()
    split, _, n_users = name.partition(":")
    log = split_by_name(split).train
    if not n_users:
        return log
    if not n_users.isdigit() or int(n_users) < 1:
        raise SettingError(f"a log is NAME/SPLIT or NAME/SPLIT:N_USERS; got {name!r}")
    some = np.random.default_rng(0).permutation(log.n_users)[: int(n_users)]
    frame = log.take_users(np.sort(some)).to_frame()
    return Interactions.from_frame(frame, levels=list(log.levels.values))
