"""The bench: every rival on the same rows, one process each, and a receipt for every figure."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from conv4rec import errors
from conv4rec.benchmark import records
from conv4rec.benchmark.adapters.candidate import Candidate
from conv4rec.benchmark.candidates import OURS
from conv4rec.benchmark.comparison import comparison_line
from conv4rec.benchmark.job import Job
from conv4rec.benchmark.plan import Plan, cannot, command
from conv4rec.benchmark.process import Outcome, run_job
from conv4rec.benchmark.summary import newest_runs
from conv4rec.benchmark.tune import best_of, check_optuna
from conv4rec.errors import BenchError, SettingError

Say = Callable[[str], object]
PER_USER = "per-user"


def bench(plan: Plan, say: Say) -> list[dict[str, Any]]:
    """Run everyone; returns the lines that were added to the records, in order.

    Args:
        plan: Who, on what, with which seeds.
        say: Told one sentence whenever something has happened.

    Raises:
        BenchError: Popularity failed, or its figures are not those of a count by hand; or the
            records cannot be read.
        SettingError: A share of labels is out of range.
        MissingExtraError: Optuna is needed and not installed.
    """
    if plan.budget is not None:
        check_optuna()
    if wrong := [share for share in plan.drop_labels if not 0 <= share < 1]:
        raise SettingError(f"--drop-labels takes shares from 0 up to, not including, 1: {wrong[0]}")
    before = records.read(plan.file)
    reused = _tuned_settings(plan.settings_from)
    _keep_out_of_git(plan.folder / PER_USER)
    added = []
    for line in _lines(plan, reused, say):
        records.append(plan.file, line)
        added.append(line)
    for line in _comparisons(plan, before, added):
        records.append(plan.file, line)
        added.append(line)
    return added


def _lines(plan: Plan, reused: dict[str, dict[str, Any]], say: Say) -> Iterator[dict[str, Any]]:
    tuned: dict[str, dict[str, Any] | None] = {}
    for number, share in enumerate(plan.drop_labels):
        for candidate in plan.candidates:
            if number and "rate" not in candidate.tasks:
                continue  # without ratings to learn from, it is as it was
            if number == 0 and (reason := cannot(candidate, plan.source)):
                say(f"{candidate.name}: {reason}")
                yield _line(plan, candidate, share, kind="absent", reason=reason)
            if cannot(candidate, plan.source):
                continue
            if candidate.name not in tuned:
                tuned[candidate.name] = reused.get(candidate.name)
                if plan.budget is not None and candidate.space and not tuned[candidate.name]:
                    outcome = yield from _tune(plan, candidate, say)
                    tuned[candidate.name] = outcome
            for seed in plan.seeds:
                yield _run(plan, candidate, seed, share, tuned[candidate.name], say)


def _run(
    plan: Plan,
    candidate: Candidate,
    seed: int,
    share: float,
    tuned: dict[str, Any] | None,
    say: Say,
) -> dict[str, Any]:
    """The line of one rival with one seed: a run or a failure."""
    place = Path(PER_USER) / records.slug(plan.source.name)
    parts = [candidate.name, f"seed{seed}", *([f"drop{share:g}"] if share else [])]
    per_user = place / f"{records.slug('-'.join([*parts, *(['tuned'] if tuned else [])]))}.parquet"
    settings = dict(tuned["settings"]) if tuned else {}
    job = Job(
        plan.source, candidate.name, seed, settings, share, None, str(plan.folder / per_user),
        plan.also, plan.lists,
    )  # fmt: skip
    outcome = run_job(job, 60 * plan.limit_minutes, plan.threads)
    label = f"{candidate.name} seed {seed}" + (f", {share:.0%} of labels dropped" if share else "")
    if outcome.failure is not None:
        if candidate.name == "popularity":
            raise BenchError(_why_stopped(outcome))
        say(f"{label}: {outcome.failure}")
        return _line(plan, candidate, share, kind="failure", seed=seed, reason=outcome.failure)
    run = outcome.findings[-1]
    say(f"{label}: {_headline(run)}")
    receipt = {
        "tuned": tuned,
        "per_user": per_user.as_posix(),
        "limit_minutes": plan.limit_minutes,
        "command": command(plan, candidate, seed, share, tuned),
    }
    return {"kind": "run", **run, **receipt}


def _tune(
    plan: Plan, candidate: Candidate, say: Say
) -> Generator[dict[str, Any], None, dict[str, Any] | None]:
    """Choose a rival's settings, with the first seed; None if no trial went well.

    A search that crashes or takes too long keeps the trials that it has told.
    """
    budget = plan.budget
    assert budget is not None
    job = Job(plan.source, candidate.name, plan.seeds[0], budget=budget, also=plan.also)
    job = replace(job, drop_labels=plan.drop_labels[0])
    started = time.perf_counter()
    outcome = run_job(job, 60 * (budget.minutes + plan.limit_minutes), plan.threads)
    trials = [
        {name: value for name, value in finding.items() if name != "kind"}
        for finding in outcome.findings
        if finding["kind"] == "trial"
    ]
    if outcome.failure is not None:
        say(f"{candidate.name}, while tuned: {outcome.failure}")
        line = {"kind": "failure", "seed": plan.seeds[0], "while_tuned": True}
        yield _line(plan, candidate, plan.drop_labels[0], reason=outcome.failure, **line)
    best = best_of(trials)
    if best is None:
        return None
    say(
        f"{candidate.name}: trial {best['number']} of {len(trials)} is best, gain {best['gain']:+.4f}"
    )
    return {
        "on": plan.source.name,
        "seed": plan.seeds[0],
        "budget": {"trials": budget.trials, "minutes": budget.minutes},
        "spent_s": round(time.perf_counter() - started, 1),
        "settings": best["settings"],
        "gain": best["gain"],
        "trials": trials,
    }


def _comparisons(
    plan: Plan, before: list[dict[str, Any]], added: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Every rival against ours, wherever this bench has added to either side."""
    for share in plan.drop_labels:
        old, new = (
            newest_runs([line for line in lines if line.get("drop_labels") == share])
            for lines in (before, added)
        )
        chosen = {**old, **new}
        for model, theirs in chosen.items():
            if model != OURS and OURS in chosen and {model, OURS} & set(new):
                line = comparison_line(theirs, chosen[OURS], plan.folder)
                if line is not None:
                    yield line


def _tuned_settings(path: Path | None) -> dict[str, dict[str, Any]]:
    """The newest tuned settings of each model in some records.

    Raises:
        BenchError: There are none.
    """
    if path is None:
        return {}
    found = records.read_folder(path) if path.is_dir() else records.read(path)
    tuned = {run["model"]: run["tuned"] for run in records.runs(found) if run["tuned"]}
    if not tuned:
        raise BenchError(f"{path} holds no tuned settings: conv4rec bench --tune makes them")
    return tuned


def _line(plan: Plan, candidate: Candidate, share: float, **facts: Any) -> dict[str, Any]:
    head = {"kind": facts.pop("kind"), "dataset": plan.source.name, "model": candidate.name}
    return {**head, "drop_labels": share, **facts}


def _headline(run: dict[str, Any]) -> str:
    figures = [
        f"{name} {run[name]:.4f}"
        for name in ("ndcg@20", "rmse", "nll")
        if run.get(name) is not None
    ]
    return ", ".join([*figures, f"fit {run['fit_s']:.1f} s"])


def _why_stopped(outcome: Outcome) -> str:
    if hasattr(errors, outcome.error or ""):  # the data, or the check: nobody would fare better
        return str(outcome.failure)
    return f"the bench starts with popularity, which failed: {outcome.failure}"


def _keep_out_of_git(folder: Path) -> None:
    """Users' figures can be made again, and are large: they are not for committing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    if not os.access(folder, os.W_OK):
        raise BenchError(f"{folder} cannot be written")
