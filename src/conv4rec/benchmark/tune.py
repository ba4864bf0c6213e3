"""Settings chosen on a validation part of the training rows, with the same budget for all."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from conv4rec.baselines.base import VALIDATION_SHARE
from conv4rec.benchmark.adapters.candidate import Candidate, Choice, Range
from conv4rec.benchmark.job import Budget
from conv4rec.data import Interactions, Split, random_split
from conv4rec.errors import MissingExtraError
from conv4rec.evaluate import evaluate

N_RANDOM = 8  # random trials before the sampler learns from them


def check_optuna() -> None:
    """Raise unless Optuna is installed.

    Raises:
        MissingExtraError: Optuna is not installed.
    """
    if find_spec("optuna") is None:
        raise MissingExtraError("--tune needs Optuna: pip install 'conv4rec[tune]'")


def trials(
    candidate: Candidate, train: Interactions, seed: int, budget: Budget
) -> Iterator[dict[str, Any]]:
    """Try settings one after another, the defaults first, until the budget is used up.

    A tenth of `train`, drawn with `seed`, is held out; every trial is fitted on the rest and
    measured on that tenth. The sampler is Optuna's tree-structured Parzen estimator, seeded.
    The gain of a trial is the sum over the model's tasks of

        NDCG@20 / NDCG@20 of the defaults - 1      (ranking)
        1 - NLL / NLL of the defaults              (rating)

    A setting that makes the model fail is a failed trial; the search goes on. No trial begins
    after the minutes are over; one that has begun ends.

    Yields:
        number, settings, ndcg@20, nll, gain (None if it failed), failure, seconds.
    """
    optuna: Any = importlib.import_module("optuna")  # an optional dependency
    part, held = random_split(train, VALIDATION_SHARE, seed)
    split = Split("validation", part, given=part, test=held)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=N_RANDOM)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    ranges = {name: _distribution(entry, optuna) for name, entry in candidate.space.items()}
    started = time.perf_counter()
    base: dict[str, float] | None = None
    for number in range(budget.trials):
        if number and time.perf_counter() - started > 60 * budget.minutes:
            return
        asked = study.ask(ranges) if number else None
        settings = _settings(candidate, asked.params) if asked else dict(candidate.defaults)
        found = _attempt(candidate, split, settings, seed)
        scores = found["scores"]
        base = base or scores
        gain = _gain(scores, base) if scores and base else None
        if asked is not None:
            failed = optuna.trial.TrialState.FAIL
            study.tell(asked, gain, state=failed if gain is None else None)
        elif gain is not None:
            _tell_defaults(study, candidate, ranges, optuna)
        trial = {"number": number, "settings": {n: settings.get(n) for n in candidate.space}}
        yield trial | (scores or {}) | {"gain": gain, **found["facts"]}


def best_of(found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The trial with the highest gain, the earliest of equals; None if all failed.

    >>> best_of([{"gain": 0.0}, {"gain": None}, {"gain": 0.1}])
    {'gain': 0.1}
    """
    done = [trial for trial in found if trial["gain"] is not None]
    return max(done, key=lambda trial: trial["gain"]) if done else None


def _attempt(
    candidate: Candidate, split: Split, settings: dict[str, Any], seed: int
) -> dict[str, Any]:
    """Fit on the part, measure on the held-out tenth; a failure is an outcome, not an error."""
    started = time.perf_counter()
    scores = failure = None
    try:
        model = candidate.make(**settings).fit(split.train, seed=seed)
        names = ["ndcg@20"] if "rank" in candidate.tasks else []
        metrics = evaluate(model, split, ranking_metrics=names).metrics
        wanted = [*names, *(["nll"] if "rate" in candidate.tasks else [])]
        scores = {name: float(metrics[name] or 0.0) for name in wanted}
    except Exception as error:  # whatever a library raises
        failure = " ".join(f"{type(error).__name__}: {error}".split())
    seconds = round(time.perf_counter() - started, 2)
    return {"scores": scores, "facts": {"failure": failure, "seconds": seconds}}


def _gain(scores: Mapping[str, float], base: Mapping[str, float]) -> float:
    gain = 0.0
    if "ndcg@20" in scores:
        gain += scores["ndcg@20"] / max(base["ndcg@20"], 1e-9) - 1
    if "nll" in scores:
        gain += 1 - scores["nll"] / max(base["nll"], 1e-9)
    return gain


def _settings(candidate: Candidate, params: Mapping[str, Any]) -> dict[str, Any]:
    """A model's settings for what the sampler drew: choices are drawn by their number."""
    settings = dict(candidate.defaults)
    for name, entry in candidate.space.items():
        value = params[name]
        settings[name] = entry.options[value] if isinstance(entry, Choice) else value
    return settings


def _tell_defaults(study: Any, candidate: Candidate, ranges: dict[str, Any], optuna: Any) -> None:
    """Tell the sampler the defaults too, if they lie in the space that it searches."""
    drawn = {}
    for name, entry in candidate.space.items():
        value = candidate.defaults.get(name)
        if isinstance(entry, Choice):
            if value not in entry.options:
                return
            value = entry.options.index(value)
        elif value is None or not entry.low <= value <= entry.high:
            return
        drawn[name] = value
    study.add_trial(optuna.trial.create_trial(params=drawn, distributions=ranges, value=0.0))


def _distribution(entry: Range | Choice, optuna: Any) -> Any:
    kinds = optuna.distributions
    if isinstance(entry, Choice):
        return kinds.CategoricalDistribution(tuple(range(len(entry.options))))
    if entry.whole:
        return kinds.IntDistribution(int(entry.low), int(entry.high), log=entry.log)
    return kinds.FloatDistribution(entry.low, entry.high, log=entry.log)
