"""How long answers take: `python -m research.latency`. The figures are in docs/cost.md."""

from __future__ import annotations

import resource
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer

from conv4rec.data import Interactions
from research.command import new_app, run, use_threads

app = new_app("Time answers of a model fitted to a made-up log.")
FIT = {
    "n_steps": 5, "consume_reg_factors": (1.0,), "rate_reg_factors": (1.0,),
    "rate_steps_ratio": 4.0, "mf_sweeps": 50,
}  # fmt: skip
LENGTHS = (10, 100)  # of new histories
BLOCK = 256  # users in the product that bounds the rate for everyone


def made_up_log(n_users: int, n_items: int, seed: int = 0) -> Interactions:
    """Twelve directions of taste, popularity as of long-tailed catalogues, about 75 a user."""
    rng, size = np.random.default_rng(seed), 12
    tastes, items = (rng.standard_normal((n, size)).astype(np.float32) for n in (n_users, n_items))
    popularity = -0.9 * np.log(np.arange(1, n_items + 1))
    lengths = np.clip(rng.lognormal(np.log(60), 0.7, n_users), 20, 400).astype(int)
    parts = []
    for user, length in enumerate(lengths):
        affinity = items @ tastes[user]
        keys = popularity + 0.6 * affinity + rng.gumbel(size=n_items)
        consumed = np.argpartition(-keys, length)[:length]
        liking = 3.4 + 0.3 * affinity[consumed] + 0.5 * rng.standard_normal(length)
        parts.append(np.stack([np.full(length, user), consumed, np.clip(np.round(liking), 1, 5)]))
    rest = np.setdiff1d(np.arange(n_items), np.concatenate([part[1] for part in parts]))
    of_rest = (rng.integers(0, n_users, len(rest)), rest, rng.integers(1, 6, len(rest)))
    users, consumed, ratings = np.concatenate([*parts, np.stack(of_rest)], axis=1)
    ids = {"user_id": users.astype(np.int64), "item_id": consumed.astype(np.int64)}
    return Interactions.from_frame(pl.DataFrame({**ids, "rating": ratings}))


def quantiles(milliseconds: list[float]) -> str:
    """The median, the 95th and the 99th percentile."""
    return " / ".join(f"{np.quantile(milliseconds, q):.1f}" for q in (0.5, 0.95, 0.99))


def timed(ask: Any, asked: list[Any]) -> str:
    """Percentiles of processor time and of elapsed time, in ms, after two answers."""
    for one in asked[:2]:
        ask(one)
    processor, elapsed = [], []
    for one in asked:
        before = time.process_time(), time.perf_counter()
        ask(one)
        processor.append(1e3 * (time.process_time() - before[0]))
        elapsed.append(1e3 * (time.perf_counter() - before[1]))
    return f"processor {quantiles(processor)} ms, elapsed {quantiles(elapsed)} ms"


def asked_of(log: Interactions, n: int) -> dict[str, list[Any]]:
    """Known users, and new histories by their length."""
    rng = np.random.default_rng(1)
    users = log.users.to_series().to_numpy()
    counts = np.bincount(log.item_numbers, minlength=log.n_items)
    ids, found = log.items.to_series().to_list(), {}
    found["known users"] = rng.choice(users, min(n, len(users)), replace=False).tolist()
    for length in LENGTHS:
        found[f"histories of {length}"] = [
            {
                ids[item]: float(rng.choice(log.levels.values))
                for item in rng.choice(len(ids), length, replace=False, p=counts / counts.sum())
            }
            for _ in range(n)
        ]
    return found


def limit_of(model: Any) -> float:
    """Users a second of the matrix product alone that P(consume) needs."""
    table = model.fitted_.network.consume_out.numpy()
    rows = np.ones((BLOCK, table.shape[1]), dtype=np.float32)
    product, spent = np.empty((BLOCK, len(table)), dtype=np.float32), []
    for _ in range(5):
        before = time.process_time()
        np.matmul(rows, table.T, out=product)
        spent.append(time.process_time() - before)
    return BLOCK / min(spent)


@app.command()
def latency(
    folder: Annotated[Path | None, typer.Option(help="A saved model, or where to save it.")] = None,
    n_users: Annotated[int, typer.Option(min=2)] = 5_000,
    n_items: Annotated[int, typer.Option(min=100)] = 27_000,
    n: Annotated[int, typer.Option(min=3, help="Answers of each kind.")] = 200,
    threads: Annotated[int | None, typer.Option(min=1)] = 1,
) -> None:
    """Fit a model to a made-up log (minutes), or load one, and time its answers."""
    from conv4rec import Conv4Rec
    from conv4rec.recommender.list_scores import ORDERS

    use_threads(threads)
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp()) / "model" if folder is None else folder
    if not folder.exists():
        Conv4Rec(**FIT).fit(made_up_log(n_users, n_items)).save(folder)
    size = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
    before = time.process_time(), time.perf_counter()
    model = Conv4Rec.load(folder)
    spent = time.process_time() - before[0], time.perf_counter() - before[1]
    log = model.interactions_
    typer.echo(f"{log!r}, consume width {model.fitted_.network.consume_out.shape[1]}")
    typer.echo(f"load {size:,.0f} MB: processor {spent[0]:.2f} s, elapsed {spent[1]:.2f} s")
    for who, asked in asked_of(log, n).items():
        for by in ORDERS:
            typer.echo(f"{who}, {by}: {timed(partial(model.recommend, k=10, by=by), asked)}")
    limit = limit_of(model)
    for by in ORDERS:
        users, start = log.users.to_series()[:1000].to_list(), time.process_time()
        for _ in model.recommend_blocks(users, 20, by=by):
            pass
        rate = len(users) / (time.process_time() - start)
        typer.echo(
            f"everyone's 20 by {by}: {rate:,.0f} users a second, {rate / limit:.0%} of {limit:,.0f}"
        )
    typer.echo(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    return run(app, "research.latency", arguments)


if __name__ == "__main__":
    raise SystemExit(main())
