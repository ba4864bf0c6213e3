"""One run: fit a model on the training part of a split, measure it, and keep a record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from conv4rec.baselines import BASELINES, EVENT_BASELINES, baseline
from conv4rec.data import Events, EventSplit, Interactions, Split
from conv4rec.errors import SettingError
from conv4rec.evaluate import Evaluation, EventEvaluation, evaluate, evaluate_events
from conv4rec.evaluate.provenance import Record, peak_rss_mb
from conv4rec.evaluate.stopwatch import Stopwatch
from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.event_scorer import ConvEventScorer
from conv4rec.recommender.scorer import as_scorer

MODELS = ("conv4rec", *BASELINES)
"""The models that `run` can fit, by name."""
EVENT_MODELS = ("conv4rec", *EVENT_BASELINES)
"""The same for a log with types."""
Sizes = dict[str, int]


@dataclass(frozen=True)
class ModelChoice:
    """A model to fit: its name, and the parameters that are changed."""

    model: str = "conv4rec"
    preset: Any = "default"
    device: str = "cpu"
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Run:
    """What a run leaves in memory: the fitted model, its evaluation and the record."""

    model: Any
    evaluation: Evaluation | EventEvaluation
    record: Record


def run(
    split: Split | EventSplit,
    choice: ModelChoice,
    seed: int = 0,
    on_progress: Callable[..., Any] | None = None,
) -> Run:
    """Fit on `split.train`, measure on `split.test`.

    The test part is not read before the model is fitted. `peak_rss_mb` is of the process: to
    compare models, run each in a process of its own.

    Args:
        split: what is known and what is to be predicted.
        choice: which model.
        seed: of the model's random draws.
        on_progress: see `Conv4Rec.fit`; baselines do not call it.

    Raises:
        SettingError: There is no such model, or a setting is out of range.
    """
    return measure(
        split, choice.model, seed, lambda: _fitted(split.train, choice, seed, on_progress)
    )


def measure(split: Split | EventSplit, name: str, seed: int, fit: Callable[[], Any]) -> Run:
    """Time `fit`, which returns a model fitted on `split.train`; measure it on the test part."""
    started = time.perf_counter()
    model = fit()
    fitted = time.perf_counter()
    if isinstance(split, EventSplit):
        evaluation, score_s, like_threshold, sizes = _evaluated_events(model, split)
    else:
        evaluation, score_s, like_threshold, sizes = _evaluated(model, split)
    evaluated = time.perf_counter()
    record = Record(
        dataset=split.name,
        model=name,
        seed=seed,
        metrics=evaluation.metrics,
        fit_s=round(fitted - started, 3),
        evaluate_s=round(evaluated - fitted, 3),
        score_s=score_s,
        peak_rss_mb=peak_rss_mb(),
        n_parameters=getattr(model, "n_parameters_", None),
        config=_config(model),
        like_threshold=like_threshold,
        sizes={"users": split.train.n_users, "items": split.train.n_items, **sizes},
    )
    return Run(model, evaluation, record)


def _evaluated(model: Any, split: Split) -> tuple[Evaluation, float | None, float | None, Sizes]:
    """The evaluation, the seconds of scoring, the lowest rating that is liked, and sizes."""
    timed = Stopwatch(as_scorer(model))
    evaluation = evaluate(timed, split)
    sizes = {
        "levels": split.train.n_levels,
        "train": len(split.train),
        "test": len(split.test),
    }
    return evaluation, round(timed.score_s, 3), evaluation.like_threshold, sizes


def _evaluated_events(
    model: Any, split: EventSplit
) -> tuple[EventEvaluation, float | None, float | None, Sizes]:
    """The same for a log with types, where scoring is not timed and no rating is a limit."""
    scorer = ConvEventScorer(model) if isinstance(model, Conv4Rec) else model
    types = split.train.types
    sizes = {
        "types": len(types.names),
        "levels": types.levels.n_levels if types.levels else 0,
        "train": int(split.train.counts.sum()),
        "test": int(split.test.counts.sum()),
    }
    return evaluate_events(scorer, split), None, None, sizes


def _fitted(train: Interactions | Events, choice: ModelChoice, seed: int, on_progress: Any) -> Any:
    known = EVENT_MODELS if isinstance(train, Events) else MODELS
    if choice.model not in known:
        raise SettingError(f"no model {choice.model!r} here: there are {', '.join(known)}")
    if choice.model != "conv4rec":
        if choice.settings or choice.preset != "default":
            raise SettingError(f"{choice.model} has no settings: it chooses its own on validation")
        if isinstance(train, Events):
            return EVENT_BASELINES[choice.model]().fit(train, seed=seed)
        return baseline(choice.model).fit(train, seed=seed)
    model = Conv4Rec(preset=choice.preset, seed=seed, device=choice.device, **choice.settings)
    return model.fit(train, on_progress=on_progress)


def _config(model: Any) -> dict[str, Any] | None:
    """The configuration, or the numbers that a baseline chose; None if there are none."""
    if hasattr(model, "config_"):
        return model.config_
    learned = {name: value for name, value in vars(model).items() if name.endswith("_")}
    numbers = {name: float(v) for name, v in learned.items() if isinstance(v, (int, float))}
    return numbers or None


def fold_statistics(records: Sequence[Record]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The mean and the standard deviation of each metric over folds; None where one has none."""
    mean: dict[str, Any] = {}
    deviation: dict[str, Any] = {}
    for name in records[0].metrics:
        values = [record.metrics.get(name) for record in records]
        is_known = None not in values
        mean[name] = float(np.mean(values)) if is_known else None  # type: ignore[arg-type]
        deviation[name] = float(np.std(values, ddof=1)) if is_known else None  # type: ignore[arg-type]
    return mean, deviation


def per_user_frame(evaluation: Evaluation | EventEvaluation) -> pl.DataFrame:
    """The per-user values of an evaluation as a frame: user_id, then one column a metric."""
    columns = {name: np.asarray(values) for name, values in evaluation.per_user.items()}
    frame = pl.DataFrame({"user_id": evaluation.user_ids, **columns})
    return frame.with_columns(pl.col(pl.Float64, pl.Float32).fill_nan(None))
