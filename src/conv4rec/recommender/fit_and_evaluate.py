"""One run: fit a model on the training part of a split, measure it, and keep the receipt."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conv4rec.baselines import BASELINES, baseline
from conv4rec.data import Interactions, Split, new_users_split, random_split, time_split
from conv4rec.errors import SettingError
from conv4rec.evaluate import Evaluation, Scorer, evaluate
from conv4rec.evaluate.provenance import Record, peak_rss_mb
from conv4rec.evaluate.stopwatch import Stopwatch

MODELS = ("conv4rec", *BASELINES)
"""Everything that `run` can fit, by name."""


@dataclass(frozen=True)
class ModelChoice:
    """A model to fit: its name, and what is set by hand."""

    model: str = "conv4rec"
    preset: str = "default"
    device: str = "cpu"
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Run:
    """What a run leaves in memory: the fitted model, its evaluation and the record."""

    model: Any
    evaluation: Evaluation
    record: Record


def run(
    split: Split,
    choice: ModelChoice,
    seed: int = 0,
    on_progress: Callable[..., Any] | None = None,
) -> Run:
    """Fit on `split.train`, measure on `split.test`.

    Nothing of the test is seen before the model is fitted. `peak_rss_mb` is of the process:
    for a fair figure, run one model in a process.

    Args:
        split: what to learn from and what to foretell.
        entrant: which model.
        seed: of the model's random draws.
        on_progress: see `Conv4Rec.fit`; floors do not call it.

    Raises:
        SettingError: There is no such model, or a setting is out of range.
    """
    return measure(
        split, choice.model, seed, lambda: _fitted(split.train, choice, seed, on_progress)
    )


def measure(split: Split, name: str, seed: int, fit: Callable[[], Scorer]) -> Run:
    """Time `fit`, which gives a model fitted on `split.train`; measure it on the test part."""
    started = time.perf_counter()
    model = fit()
    fitted = time.perf_counter()
    watched = Stopwatch(model)
    evaluation = evaluate(watched, split)
    evaluated = time.perf_counter()
    record = Record(
        dataset=split.name,
        model=name,
        seed=seed,
        metrics=evaluation.metrics,
        fit_s=round(fitted - started, 3),
        evaluate_s=round(evaluated - fitted, 3),
        score_s=round(watched.score_s, 3),
        peak_rss_mb=peak_rss_mb(),
        n_parameters=getattr(model, "n_parameters_", None),
        config=_config(model),
        like_threshold=evaluation.like_threshold,
        sizes={
            "users": split.train.n_users,
            "items": split.train.n_items,
            "levels": split.train.n_levels,
            "train": len(split.train),
            "test": len(split.test),
        },
    )
    return Run(model, evaluation, record)


def split_of(interactions: Interactions, name: str, kind: str) -> Split:
    """A split of a log that is no named data set: "r0" (or any seed), "new-users" or "time".

    Args:
        interactions: the whole log.
        name: what to call the log.
        kind: as after the slash in the name of a split (see `conv4rec.data.split_by_name`).

    Raises:
        SettingError: There is no such kind.
    """
    if kind == "new-users":
        split = new_users_split(interactions)
        return Split(f"{name}/{kind}", split.train, split.given, split.test)
    if kind == "time":
        train, test = time_split(interactions)
    elif re.fullmatch(r"r\d+", kind):
        train, test = random_split(interactions, seed=int(kind[1:]))
    else:
        raise SettingError(f"no split {kind!r}: there are r0 (or any seed), new-users and time")
    return Split(f"{name}/{kind}", train, given=train, test=test)


def _fitted(train: Interactions, choice: ModelChoice, seed: int, on_progress: Any) -> Scorer:
    if choice.model in BASELINES:
        if choice.settings or choice.preset != "default":
            raise SettingError(f"{choice.model} has no settings: it chooses its own on validation")
        return baseline(choice.model).fit(train, seed=seed)
    if choice.model != "conv4rec":
        raise SettingError(f"no model {choice.model!r}: there are {', '.join(MODELS)}")
    from conv4rec.recommender import Conv4Rec  # the floors need no torch

    model = Conv4Rec(preset=choice.preset, seed=seed, device=choice.device, **choice.settings)
    return model.fit(train, on_progress=on_progress)


def _config(model: Any) -> dict[str, Any] | None:
    """Our own settings, or whatever single numbers a floor chose; None if there are none."""
    if hasattr(model, "config_"):
        return model.config_
    learned = {name: value for name, value in vars(model).items() if name.endswith("_")}
    numbers = {name: float(v) for name, v in learned.items() if isinstance(v, (int, float))}
    return numbers or None


def per_user_frame(evaluation: Evaluation) -> Any:
    """The per-user values of an evaluation as a frame: user_id, then one column a metric."""
    import polars as pl

    columns = {name: np.asarray(values) for name, values in evaluation.per_user.items()}
    frame = pl.DataFrame({"user_id": evaluation.user_ids, **columns})
    return frame.with_columns(pl.col(pl.Float64, pl.Float32).fill_nan(None))
