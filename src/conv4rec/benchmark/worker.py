"""One model with one seed in a process of its own: reads a job, writes a record.

The peak memory of the process is then that of the model, and a crash ends no other run.
"""

from __future__ import annotations

import math
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from conv4rec.benchmark.adapters.candidate import Candidate
from conv4rec.benchmark.candidates import candidates
from conv4rec.benchmark.event_candidates import EVENT_CANDIDATES
from conv4rec.benchmark.hand_count import check_popularity
from conv4rec.benchmark.job import Job
from conv4rec.benchmark.records import as_line
from conv4rec.data import EventSplit, Split
from conv4rec.errors import Conv4RecError
from conv4rec.evaluate import Evaluation, evaluate_lists
from conv4rec.evaluate.expected_recall import expected_recall
from conv4rec.evaluate.reliability_interval import calibration_tables
from conv4rec.recommender.fit_and_evaluate import Run, measure, per_user_frame

Tell = Callable[[dict[str, Any]], None]


def work(job: Job, tell: Tell) -> None:
    """Do the job; tell each trial as it ends, then the record."""
    split = job.load()
    if isinstance(split, EventSplit):
        tell(measure_types(job, EVENT_CANDIDATES[job.model], split))
        return
    candidate = candidates(job.also)[job.model]
    if job.budget is not None:
        from conv4rec.benchmark.tune import trials  # needs the extra `tune`

        for trial in trials(candidate, split.train, job.seed, job.budget):
            tell({"kind": "trial", **trial})
        tell({"kind": "tuned"})
        return
    tell(fit_and_measure(job, candidate, split))


def fit_and_measure(job: Job, candidate: Candidate, split: Split) -> dict[str, Any]:
    """The record of one fit, and the users' figures in a file.

    Raises:
        BenchError: It is popularity, and its figures differ from a count by hand.
        Conv4RecError: Its scores are NaN, or its probabilities are not probabilities.
    """
    settings = {**candidate.defaults, **job.settings}
    done = measure(
        split,
        candidate.name,
        job.seed,
        lambda: candidate.make(**settings).fit(split.train, seed=job.seed),
    )
    assert isinstance(done.evaluation, Evaluation)  # the split has no types
    if candidate.name == "popularity":
        check_popularity(done.model, split, done.evaluation)
    check_answers(candidate, done.evaluation.metrics)
    _write_per_user(job, done)
    facts = done.record.to_dict()
    if candidate.package is not None:
        facts["versions"] = {**facts["versions"], candidate.package: _version(candidate.package)}
    infinite = [name for name, value in done.record.metrics.items() if value == math.inf]
    return {
        "kind": "run",
        **facts,
        "drop_labels": job.drop_labels,
        "n_labels": split.train.n_rated,
        "settings": settings,
        "infinite": infinite,
        "tasks": list(candidate.tasks),
        "distribution": candidate.distribution,
        "folds_in": candidate.folds_in,
        "uses_unrated": candidate.uses_unrated,
        **_calibration(done, split),
        **({"lists": evaluate_lists(done.model, split).to_dict()} if job.lists else {}),
    }


def measure_types(job: Job, candidate: Candidate, split: EventSplit) -> dict[str, Any]:
    """The record of one fit to a log with types, and the users' figures in a file."""
    make: Any = candidate.make
    done = measure(
        split, candidate.name, job.seed, lambda: make(**job.settings).fit(split.train, job.seed)
    )
    _write_per_user(job, done)
    return {
        "kind": "run",
        **done.record.to_dict(),
        "drop_labels": 0.0,
        "settings": job.settings,
        "tasks": list(candidate.tasks),
        "distribution": candidate.distribution,
        "folds_in": candidate.folds_in,
        "targets": list(split.targets),
    }


def _write_per_user(job: Job, done: Run) -> None:
    if job.per_user is not None:
        path = Path(job.per_user)
        path.parent.mkdir(parents=True, exist_ok=True)
        per_user_frame(done.evaluation).write_parquet(path)


def check_answers(candidate: Candidate, metrics: dict[str, float | None]) -> None:
    """Raise unless a model answers the questions of its tasks.

    Raises:
        Conv4RecError: A metric of its task is missing.
    """
    for task, name in (("rank", "ndcg@20"), ("rate", "rmse")):
        if task in candidate.tasks and metrics[name] is None:
            raise Conv4RecError(f"{candidate.name} should {task} and has no {name}")


def _calibration(done: Run, split: Split) -> dict[str, Any]:
    """Predicted against observed: reliability tables, and expected against achieved recall."""
    assert isinstance(done.evaluation, Evaluation)
    pairs, levels = done.evaluation.pairs, split.train.levels
    tables = {}
    if pairs is not None:
        found = calibration_tables(pairs, levels.like_level(), levels.labels)
        tables = {name: bands.to_dict() for name, bands in found.items()}
    seen = expected_recall(done.model, split)
    return {"calibration": tables, "foresight": seen.to_dict() if seen else None}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def main() -> int:
    """Do one job; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")

    def tell(finding: dict[str, Any]) -> None:
        answers.write(as_line(finding) + "\n")
        answers.flush()

    try:
        work(Job.from_json(sys.stdin.read()), tell)
    except Exception as error:
        traceback.print_exc()
        ours = isinstance(error, Conv4RecError)
        reason = str(error) if ours else f"{type(error).__name__}: {error}"
        tell({"kind": "failure", "reason": " ".join(reason.split()), "error": type(error).__name__})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
