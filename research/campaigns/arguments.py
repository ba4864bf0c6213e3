"""Random arguments and settings, within and beyond their ranges: an answer or one sentence."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from conv4rec import Conv4Rec
from conv4rec.baselines import Popularity
from conv4rec.data import Interactions, read_table, split_log
from conv4rec.data.synthetic import two_tribes
from conv4rec.errors import Conv4RecError
from conv4rec.evaluate import evaluate
from conv4rec.recommender import evaluate_model
from conv4rec.recommender.list_scores import ORDERS
from conv4rec.recommender.parameters import PARAMETERS
from research.campaigns.outcomes import Outcomes

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, -1, 3.5, -0.0, 1e308, 10**30, 2**63, float("nan"), float("inf")),
    *("", "x", "cuda", "cuda:99", "3", "consume", "like", "discover", "last", "é\ud800", "/no.csv"),
    *([], [1, 2], ["a0"], [[]], [None], (1.0,), (0.5, -1.0), {}, {"a": 1}, {"user_id": 1}, set()),
    *(b"x", object(), len, 1j, range(3), np.array([]), np.array(3), np.float32(0.5), np.int64(2)),
    *(np.array([[1]]), pl.Series([1]), pl.DataFrame(), pl.col("x"), Path("/no/such"), Ellipsis),
    *(np.datetime64("2020-01-01"), slice(2), Exception("x"), "x" * 5000),
)
INSIDE: dict[str, tuple[Any, ...]] = {
    "n_steps": (1, 2, 5), "consume_size": (1, 3, 8), "rate_size": (1, 4),
    "n_rating_channels": (1, 3),
    "consume_channels": (1, 2), "mf_factors": (1, 3), "mf_sweeps": (2, 9), "mf_draws": (0, 1, 3),
    "mf_features": (0, 1, 5), "slim_neighbours": (0, 1, 50), "ridge_rank": (0, 2),
    "batch_rows": (1, 900),
    "softmax_cells": (1, 900),
    "learning_rate": (1e-4, 0.5, 50.0), "mask_low": (0.0, 0.5), "mask_high": (0.6, 0.9),
    "validation_fraction": (0.0, 0.3, 0.9), "rate_weight": (0.0, 100.0), "rate_reg": (0.0, 1e6),
    "consume_reg_factors": ((1.0,), (1.0, 0.1), ()), "preset": ("default", "paper"),
    "two_sided": (True, False), "shared_encoder": (True, False), "centred": (True, False),
    "polynomial_init": (True, False), "averaged_snapshots": (1, 3), "spectral_init": (0.0, 1.0),
    "like_threshold": (1, 2, 3.0, 5), "max_memory_mb": (0.001, 1.0), "seed": (0, 2**40 - 1),
}  # fmt: skip

SMALL = ("n_steps", "consume_size", "rate_size", "mf_sweeps", "mf_draws", "consume_reg_factors")
SECONDS = 2.0


def _one(values: Any, rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))]


def _odd_arguments(names: tuple[str, ...], rng: np.random.Generator) -> dict[str, Any]:
    chosen = rng.choice(len(names), size=min(len(names), int(rng.integers(1, 3))), replace=False)
    return {names[at]: _one(ODD, rng) for at in chosen}


def calls(model: Conv4Rec, folder: Path) -> dict[str, tuple[Callable[..., Any], tuple[str, ...]]]:
    """Every public call, with the arguments that are replaced."""
    frame = model.interactions_.to_frame()
    split, few = split_log(model.interactions_), model.settings
    user, item = frame["user_id"][0], frame["item_id"][0]
    other = model.recommend(user, 1)["item_id"][0]

    def recommend(**given: Any) -> Any:
        return model.recommend(**{"users": user, "k": 2, "by": "discover", **given})

    lists = ("users", "k", "by", "exclude_seen", "allow", "block", "novelty", "confidence",
             "min_p_like", "limit_exposure", "reasons")  # fmt: skip
    tables = ("table", "levels", "n_bins", "duplicates", "users", "items", "columns")
    return {
        "recommend": (recommend, lists),
        "predict": (lambda pairs=frame, **given: model.predict(pairs, **given),
                    ("pairs", "users", "intervals")),
        "explain": (lambda users=user, item=other, **given: model.explain(users, item, **given),
                    ("users", "item", "by", "confidence")),
        "profile": (model.profile, ("users",)),
        "similar_items": (lambda item=item, k=2: model.similar_items(item, k), ("item", "k")),
        "load": (lambda folder=folder, **given: Conv4Rec.load(folder, **given),
                 ("folder", "device", "max_memory_mb")),
        "from_frame": (lambda table=frame, **more: Interactions.from_frame(table, **more), tables),
        "read_table": (read_table, ("source",)),
        "split": (lambda log=model.interactions_, **given: split_log(log, **given),
                  ("log", "kind", "name")),
        "evaluate": (lambda model=model, split=split, **more: evaluate_model(model, split, **more),
                     ("model", "ranking_metrics", "like_threshold", "max_memory_mb")),
        "evaluate a baseline": (partial(evaluate, Popularity().fit(split.train), split),
                                ("ranking_metrics", "like_threshold", "max_memory_mb")),
        "set_params": (lambda **given: Conv4Rec(**{**few, **given}).fit(frame), PARAMETERS),
    }  # fmt: skip


def fit_and_ask(settings: dict[str, Any], log: Interactions) -> pl.DataFrame | None:
    """Fit a small model with these settings; its answers."""
    model = Conv4Rec(**settings).fit(log)
    for by in ORDERS:
        model.recommend(k=2, by=by)
    return model.predict(log.to_frame().select("user_id", "item_id"))


class TooLong(Conv4RecError):
    """A call took more than `SECONDS` of processor time, as a fit of 2**63 steps does."""


def in_time(work: Callable[[], Any]) -> Any:
    """The value of some work, which is given up after `SECONDS`."""

    def stop(*_: Any) -> None:
        raise TooLong(f"more than {SECONDS} s")

    signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def run_arguments(numbers: range, seed: int, outcomes: Outcomes) -> None:
    """A call with odd arguments for each number; every twentieth is a fit with random settings."""
    log = two_tribes(6, 5).sample(4, np.random.default_rng(seed))
    with tempfile.TemporaryDirectory() as place:
        small = {name: values[0] for name, values in INSIDE.items() if name in SMALL}
        model = Conv4Rec(**small).fit(log)
        model.save(Path(place) / "model")
        asked = calls(model, Path(place) / "model")
        for number in numbers:
            rng = np.random.default_rng([seed, number])
            if number % 20 == 0:
                names = list(rng.permutation(list(INSIDE))[:8])
                settings = small | {str(name): _one(INSIDE[name], rng) for name in names}
                outcomes.counts["fits"] += 1
                work, about = partial(fit_and_ask, settings, log), f"fit {settings}"
            else:
                name = _one(list(asked), rng)
                function, arguments = asked[name]
                given = _odd_arguments(arguments, rng)
                outcomes.counts["calls"] += 1
                work, about = partial(function, **given), f"{name} {given!r:.300}"
            answer = outcomes.guarded(partial(in_time, work), number, about)
            outcomes.counts["refused" if answer is None else "answered"] += 1
            if isinstance(answer, pl.DataFrame) and "p_consume" in answer.columns:
                numbers = answer.select(pl.col(pl.Float32).fill_null(0)).to_numpy()
                if not np.isfinite(numbers).all():
                    outcomes.fault("not finite", number, about)
