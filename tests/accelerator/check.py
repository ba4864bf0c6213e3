"""Compare fits and answers of a device with those of the processor; prints one line each.

`python tests/accelerator/check.py cuda`; `pretend` is the device of `pretend_device.py`.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import torch

from conv4rec import Conv4Rec, evaluate_model, split_log
from conv4rec.data import Interactions
from conv4rec.data.synthetic import low_rank_world
from conv4rec.train import ensemble_scores

SMALL = {
    **{"n_steps": 8, "rate_steps_ratio": 1.0, "consume_size": 16, "rate_size": 8},
    **{"consume_reg_factors": (1.0,), "rate_reg_factors": (1.0,), "mf_sweeps": 25, "mf_draws": 4},
}
FITS = {
    "defaults": {},
    "sampled softmax, batches": {"softmax_cells": 100, "batch_rows": 600},
    "shared encoder": {"preset": "paper"},
}
CLOSE = {"ndcg@20": 0.02, "rmse": 0.03, "nll": 0.03}  # of fits, whose random draws differ
SAME = 2e-4  # of answers of one model


def small_log() -> Interactions:
    """120 users, 40 items; a quarter of the users have four, and a tenth is not rated."""
    rng = np.random.default_rng(5)
    log = low_rank_world(120, 40, popularity=0.7, seed=3).sample(15, rng)
    table = log.to_frame()
    place, user = pl.int_range(pl.len()).over("user_id"), pl.col("user_id").rank("dense")
    table = table.filter((place < 4) | (user > 30))
    rated = pl.Series(rng.random(len(table)) > 0.1)
    table = table.with_columns(pl.when(rated).then(pl.col("rating")).alias("rating"))
    return Interactions.from_frame(table)


def questions(log: Interactions) -> dict[str, Callable[[Conv4Rec], pl.DataFrame]]:
    """Everything that a model is asked, by name."""
    some = log.users.to_series()[:7].to_list()
    items = log.items.to_series()
    pairs = pl.DataFrame({"user_id": some[:5], "item_id": items[:5]})
    rows = {"user_id": ["n", "n", "m"], "item_id": items[:3], "rating": [5.0, 1.0, 3.0]}
    new = pl.DataFrame(rows)
    seen = log.take_users(np.array([0])).item_numbers
    unseen = items[int(np.setdiff1d(np.arange(log.n_items), seen)[0])]
    asked: dict[str, Callable[[Conv4Rec], pl.DataFrame]] = {
        f"lists by {by}": lambda m, by=by, n=n: m.recommend(some[:2], k=3, by=by, reasons=n)
        for by, n in (("consume", 2), ("like", 2), ("discover", 2), ("rating", 0))
    }
    for by in ("consume", "like", "discover"):
        asked[f"reasons by {by}"] = lambda m, by=by: m.explain(some[0], unseen, by=by)
        asked[f"audience by {by}"] = lambda m, by=by: m.audience(unseen, 5, by=by)
    return asked | {
        "a new history": lambda m: m.recommend(new, k=5, by="like"),
        "one user": lambda m: m.recommend(some[0], k=5, by="discover", min_p_like=0.0),
        "everyone": lambda m: m.recommend(k=3, by="discover", min_p_like=0.0),
        "pairs": lambda m: m.predict(pairs, intervals=True),
        "similar items": lambda m: m.similar_items(unseen, 5),
        "kernels": lambda m: m.kernels(),
    }


def largest_difference(one: pl.DataFrame, other: pl.DataFrame) -> float:
    """Of numbers in two tables; infinity where columns, rows, texts or what is null differ."""
    if one.schema != other.schema or one.shape != other.shape:
        return float("inf")
    largest = 0.0
    for a, b in zip(one.iter_columns(), other.iter_columns(), strict=True):
        if (a.is_null() != b.is_null()).any():
            return float("inf")
        if a.dtype.is_float():
            apart = np.abs((a - b).drop_nulls().to_numpy())
            largest = max(largest, float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0)))
        elif not a.equals(b, null_equal=True):
            return float("inf")
    return largest


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def check(device: str) -> list[str]:
    """What differs by more than it may."""
    split = split_log(small_log(), "r0")
    wrong, first = [], None
    for name, settings in FITS.items():
        if "batches" in name:  # as of a log too large to compare all items
            ensemble_scores.CELLS, ensemble_scores.BLOCK_BYTES = 0, 4 * 40
        found = []
        for where in ("cpu", device):
            model = Conv4Rec(seed=1, device=where, **{**SMALL, **settings}).fit(split.train)
            found.append(evaluate_model(model, split))
            first = first or model
        for metric, most in CLOSE.items():
            apart = abs(found[0][metric] - found[1][metric])
            say(f"fit, {name}: {metric} {found[0][metric]:.4f} {found[1][metric]:.4f}")
            if not apart <= most:
                wrong.append(f"fit, {name}: {metric} differs by {apart:.4f}")
    assert isinstance(first, Conv4Rec)
    with tempfile.TemporaryDirectory() as folder:
        first.save(folder)
        models = [Conv4Rec.load(folder, device=where) for where in ("cpu", device)]
        models[1].save(folder + "/again")
    for name, ask in questions(split.train).items():
        apart = largest_difference(*(ask(model) for model in models))
        say(f"{name}: largest difference {apart:.2g}")
        if not apart <= SAME:
            wrong.append(f"{name}: differs by {apart:.2g}")
    return wrong


def main() -> None:
    """Exit with 1 if anything differs."""
    device: Any = sys.argv[1]
    warnings.simplefilter("ignore", UserWarning)  # of short lists
    torch.set_num_threads(1)
    if device == "pretend":
        import pretend_device

        pretend_device.install()
    wrong = check(device)
    say("\n".join(wrong or ["all the same"]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
