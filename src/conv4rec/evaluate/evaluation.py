"""The result of an evaluation: every metric, and the per-user values behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conv4rec.evaluate import calibration
from conv4rec.evaluate.scorer import FloatArray, IntArray

if TYPE_CHECKING:
    import polars as pl

    from conv4rec.data.splits import Split


@dataclass(frozen=True, eq=False)
class RatedPairs:
    """The rated test interactions of a split, with a model's probability of each level."""

    users: IntArray
    """The user of each pair, as an index into `Evaluation.user_ids`."""
    probabilities: FloatArray
    """Pairs × levels."""
    level_numbers: IntArray
    """The observed level."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The metrics of one model on one split, and the per-user values behind them."""

    split: str
    """Name of the split."""
    metrics: dict[str, float | None]
    """Every metric by name; None where the model or the split does not allow it."""
    user_ids: pl.Series
    """Users with at least one test interaction, in the order of the arrays in `per_user`."""
    per_user: dict[str, FloatArray]
    """One value per user, NaN where there is nothing to measure: each ranking metric, and the
    mean "squared_error", "nll", ... of a user's rated test items. "n_rated" counts those:
    weighted by it, the per-user means average to the metric over ratings."""
    like_threshold: float
    """The lowest rating that counts as liked."""
    reliability: calibration.Reliability | None
    """Predicted and observed share of liked items; None without rating probabilities."""
    pairs: RatedPairs | None = None
    """What calibration is measured on: 4 bytes a pair and level; None without probabilities."""

    def __getitem__(self, name: str) -> float | None:
        return self.metrics[name]

    @property
    def n_users(self) -> int:
        """Number of users with test interactions."""
        return len(self.user_ids)

    @property
    def n_rated(self) -> int:
        """Number of test interactions that carry a rating."""
        return int(self.per_user["n_rated"].sum())

    def __str__(self) -> str:
        head = (
            f"{self.split}: {self.n_users:,} users, {self.n_rated:,} ratings, "
            f"liked from {self.like_threshold:g}"
        )
        figures = (
            f"  {name:<13}{'-' if value is None else f'{value:.4f}'}"
            for name, value in self.metrics.items()
        )
        return "\n".join([head, *figures])


def summarise(
    split: Split,
    rows: IntArray,
    ranked: dict[str, FloatArray],
    rated: dict[str, Any],
    ranking_metrics: Sequence[str],
    like_threshold: float | None,
) -> Evaluation:
    """Average per-user and per-rating values into the metrics of a split."""
    metrics = {
        "rmse": _mean(rated.get("squared_error")),
        "mae": _mean(rated.get("absolute_error")),
        "nll": _mean(rated.get("nll")),
        "rps": _mean(rated.get("rps")),
        "ece": None,
        "auc_like": None,
        "nll_joint": _mean(rated.get("nll_joint")),
    }
    if metrics["rmse"] is not None:
        metrics["rmse"] = float(np.sqrt(metrics["rmse"]))
    table = pairs = None
    if "p_like" in rated:
        liked = rated["liked"] == 1
        table = calibration.reliability(rated["p_like"], liked)
        metrics["ece"] = calibration.calibration_error(table)
        metrics["auc_like"] = _mean(np.array([calibration.auc(rated["p_like"], liked)]))
    metrics |= {name: _mean(ranked.get(name)) for name in ranking_metrics}
    users = rated.get("user", np.zeros(0)).astype(np.int64)
    if "probabilities" in rated:
        pairs = RatedPairs(np.searchsorted(rows, users), rated["probabilities"], rated["level"])
    n_rated = np.bincount(users, minlength=split.test.n_users)[rows]
    per_user = dict(ranked) | {"n_rated": n_rated.astype(np.float64)}
    for name in ("squared_error", "absolute_error", "nll", "rps", "nll_joint"):
        if name in rated:
            sums = np.bincount(users, weights=rated[name], minlength=split.test.n_users)[rows]
            per_user[name] = np.where(n_rated > 0, sums / np.maximum(n_rated, 1), np.nan)
    return Evaluation(
        split=split.name,
        metrics=metrics,
        user_ids=split.test.users.ids(rows),
        per_user=per_user,
        like_threshold=split.train.levels.like_threshold(like_threshold),
        reliability=table,
        pairs=pairs,
    )


def _mean(values: FloatArray | None) -> float | None:
    """Mean without NaN; None if there is no value."""
    if values is None or np.isnan(values).all():
        return None
    return float(np.nanmean(values, dtype=np.float64))
