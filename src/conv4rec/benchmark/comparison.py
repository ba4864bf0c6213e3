"""One model against ours on the same users: the paired difference of every metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from conv4rec.errors import BenchError
from conv4rec.evaluate import paired_bootstrap
from conv4rec.evaluate.scorer import FloatArray

BY_USER = ("ndcg@20", "recall@20", "ndcg_like@20", "recall@50", "ndcg@100")
BY_RATING = {
    "rmse": "squared_error",
    "mae": "absolute_error",
    "nll": "nll",
    "rps": "rps",
    "nll_joint": "nll_joint",
}
"""Metrics over ratings, and the per-user means behind them, to be weighted by ratings."""


def compare(theirs: Sequence[Path], ours: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Theirs minus ours for every metric that both have, with 95% intervals.

    A user's value is its mean over the seeds. Users are resampled (see
    `evaluate.paired_bootstrap`): ranking metrics weigh users alike, rating metrics weigh each by
    the number of its test ratings, and RMSE is the root of the mean so weighted. A metric that is
    infinite for some user is left out.

    Args:
        theirs: Users' figures of the other model, a file for each seed.
        ours: The same of ours.

    Returns:
        metric -> mean, low, high, n_users.

    Raises:
        BenchError: The two were not measured on the same users.
    """
    first, second = _mean_frame(theirs), _mean_frame(ours)
    if not first["user_id"].equals(second["user_id"]):
        raise BenchError(f"{theirs[0]} and {ours[0]} are not of the same test users: measure both")
    ranked = [*BY_USER, *(name for name in first.columns if "@" in name)]  # and those of types
    pairs = [(name, name, None) for name in dict.fromkeys(ranked)]
    pairs += [(name, column, "n_rated") for name, column in BY_RATING.items()]
    found = {}
    for name, column, weight in pairs:
        if column not in first.columns or column not in second.columns:
            continue
        a, b = first[column].to_numpy(), second[column].to_numpy()
        weights = None if weight is None else first[weight].to_numpy()
        if np.isinf(a).any() or np.isinf(b).any() or not _measured(a, weights):
            continue
        difference = paired_bootstrap(a, b, weights=weights, root=name == "rmse")
        found[name] = {
            "mean": round(difference.mean, 6),
            "low": round(difference.low, 6),
            "high": round(difference.high, 6),
            "n_users": difference.n_users,
        }
    return found


def _measured(values: FloatArray, weights: FloatArray | None) -> bool:
    known = ~np.isnan(values)
    return bool((known if weights is None else known & (weights > 0)).any())


def _mean_frame(paths: Sequence[Path]) -> pl.DataFrame:
    """Per-user figures, averaged over the seeds."""
    frames = [pl.read_parquet(path) for path in paths]
    if any(not frame["user_id"].equals(frames[0]["user_id"]) for frame in frames):
        raise BenchError(f"{paths[0]} and its other seeds are not of the same test users")
    columns = [name for name in frames[0].columns if name != "user_id"]
    means = {
        name: np.mean([frame[name].to_numpy() for frame in frames], axis=0) for name in columns
    }
    return pl.DataFrame({"user_id": frames[0]["user_id"], **means})


def comparison_line(theirs: list[dict[str, Any]], ours: list[dict[str, Any]], folder: Path) -> Any:
    """The record of a comparison of two models' runs; None where users' figures are not kept.

    Only seeds that both have are compared.

    Args:
        theirs: Runs of the other model: one split, one share of labels, one origin of settings.
        ours: Runs of ours.
        folder: Where the records stand, and the users' figures beside them.
    """
    files = [
        {run["seed"]: folder / run["per_user"] for run in runs if run.get("per_user")}
        for runs in (theirs, ours)
    ]
    seeds = sorted(
        seed
        for seed in set(files[0]) & set(files[1])
        if files[0][seed].is_file() and files[1][seed].is_file()
    )
    if not seeds:
        return None
    return {
        "kind": "comparison",
        **{name: theirs[0][name] for name in ("dataset", "model", "drop_labels")},
        "is_tuned": bool(theirs[0]["tuned"]),
        "against": ours[0]["model"],
        "against_is_tuned": bool(ours[0]["tuned"]),
        "seeds": seeds,
        "differences": compare(*([side[seed] for seed in seeds] for side in files)),
    }
