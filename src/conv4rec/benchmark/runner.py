"""The bench: every model on the same rows, one process each, with provenance."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
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
    """Run every model of a plan, one process each; returns the lines added to the records.

    Args:
        plan: Models, data and seeds.
        say: Called with one sentence after each event.

    Raises:
        BenchError: Popularity fails, or its figures differ from a count by hand; or the records
            cannot be read.
        SettingError: A share of labels is out of range.
        MissingExtraError: Optuna is needed and not installed.
    """
    if plan.budget is not None:
        check_optuna()
    if wrong := [share for share in plan.drop_labels if not 0 <= share < 1]:
        raise SettingError(f"--drop-labels takes shares from 0 up to, not including, 1: {wrong[0]}")
    running = _Bench(plan, say)
    for share in plan.drop_labels:
        running.run_share(share)
    return running.added


class _Bench:
    """The state of a bench: the lines of before, the lines added, the settings tuned so far."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan, self.say = plan, say
        self.before = records.read(plan.file)
        self.added: list[dict[str, Any]] = []
        self.tuned: dict[str, dict[str, Any] | None] = dict(_tuned_settings(plan.settings_from))
        _keep_out_of_git(plan.folder / PER_USER)

    def add(self, line: dict[str, Any]) -> None:
        """Write a line to the records at once: an interrupted bench keeps what it measured."""
        records.append(self.plan.file, line)
        self.added.append(line)

    def run_share(self, share: float) -> None:
        """Run every model with a share of the labels dropped, and compare each with ours."""
        plan = self.plan
        is_first = share == plan.drop_labels[0]
        taking_part = []
        for candidate in plan.candidates:
            if not is_first and "rate" not in candidate.tasks:
                continue  # it does not see the labels: the figures would be the same
            reason = cannot(candidate, plan.source)
            if reason is None:
                taking_part.append(candidate)
            elif is_first:
                self.say(f"{candidate.name}: {reason}")
                self.add(_line(plan, candidate, share, kind="absent", reason=reason))
        waiting = [candidate.name for candidate in taking_part]
        for candidate in taking_part:
            settings = self.settings_of(candidate)
            for seed in plan.seeds:
                self.add(_run(plan, candidate, seed, share, settings, self.say))
            waiting.remove(candidate.name)
            self.compare(candidate.name, share, waiting)

    def settings_of(self, candidate: Candidate) -> dict[str, Any] | None:
        """The tuned settings of a model, searched for once; None for its defaults."""
        if candidate.name not in self.tuned:
            to_tune = self.plan.budget is not None and candidate.space
            self.tuned[candidate.name] = self.tune(candidate) if to_tune else None
        return self.tuned[candidate.name]

    def tune(self, candidate: Candidate) -> dict[str, Any] | None:
        """Choose the settings of a model, with the first seed; None if every trial failed.

        A search that crashes or takes too long keeps the trials that it reported.
        """
        plan, budget = self.plan, self.plan.budget
        assert budget is not None
        share, seed = plan.drop_labels[0], plan.seeds[0]
        job = Job(
            plan.source, candidate.name, seed, drop_labels=share, budget=budget, also=plan.also
        )
        started = time.perf_counter()
        outcome = run_job(job, 60 * (budget.minutes + plan.limit_minutes), plan.threads)
        trials = [
            {name: value for name, value in finding.items() if name != "kind"}
            for finding in outcome.findings
            if finding["kind"] == "trial"
        ]
        if outcome.failure is not None:
            self.say(f"{candidate.name}, while tuned: {outcome.failure}")
            facts = {"kind": "failure", "seed": seed, "while_tuned": True}
            self.add(_line(plan, candidate, share, reason=outcome.failure, **facts))
        best = best_of(trials)
        if best is None:
            return None
        which = f"trial {best['number']} of {len(trials)}"
        self.say(f"{candidate.name}: {which} is best, gain {best['gain']:+.4f}")
        return {
            "on": plan.source.name,
            "seed": seed,
            "budget": {"trials": budget.trials, "minutes": budget.minutes},
            "spent_s": round(time.perf_counter() - started, 1),
            "settings": best["settings"],
            "gain": best["gain"],
            "trials": trials,
        }

    def compare(self, name: str, share: float, waiting: list[str]) -> None:
        """Compare a model that has run with ours; after ours, every model that has run before."""
        old, new = (
            newest_runs([line for line in lines if line.get("drop_labels") == share])
            for lines in (self.before, self.added)
        )
        chosen = {**old, **new}
        if OURS not in chosen or OURS in waiting:
            return
        for model in chosen if name == OURS else [name]:
            is_new = model in new or OURS in new
            if model == OURS or model in waiting or model not in chosen or not is_new:
                continue
            line = comparison_line(chosen[model], chosen[OURS], self.plan.folder)
            if line is not None:
                self.add(line)


def _run(
    plan: Plan,
    candidate: Candidate,
    seed: int,
    share: float,
    tuned: dict[str, Any] | None,
    say: Say,
) -> dict[str, Any]:
    """The line of one model with one seed: a run or a failure."""
    place = Path(PER_USER) / records.slug(plan.source.name)
    parts = [candidate.name, f"seed{seed}", *([f"drop{share:g}"] if share else [])]
    per_user = place / f"{records.slug('-'.join([*parts, *(['tuned'] if tuned else [])]))}.parquet"
    job = Job(
        plan.source,
        candidate.name,
        seed,
        settings=dict(tuned["settings"]) if tuned else {},
        drop_labels=share,
        per_user=str(plan.folder / per_user),
        also=plan.also,
        lists=plan.lists,
    )
    outcome = run_job(job, 60 * plan.limit_minutes, plan.threads)
    label = f"{candidate.name} seed {seed}" + (f", {share:.0%} of labels dropped" if share else "")
    if outcome.failure is not None:
        if candidate.name == "popularity":
            raise BenchError(_why_stopped(outcome))
        say(f"{label}: {outcome.failure}")
        return _line(plan, candidate, share, kind="failure", seed=seed, reason=outcome.failure)
    run = outcome.findings[-1]
    say(f"{label}: {_headline(run)}")
    provenance = {
        "tuned": tuned,
        "per_user": per_user.as_posix(),
        "limit_minutes": plan.limit_minutes,
        "command": command(plan, candidate, seed, share, tuned),
    }
    return {"kind": "run", **run, **provenance}


def _tuned_settings(path: Path | None) -> dict[str, dict[str, Any]]:
    """The newest tuned settings of each model in some records.

    Raises:
        BenchError: There are none, or no such file.
    """
    if path is None:
        return {}
    if not path.exists():
        raise BenchError(f"there is no file or folder {path}: conv4rec bench --tune makes records")
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
        for name in ("ndcg@20", "rmse", "nll", "hr@10", "new_hr@10", "nll_type")
        if run.get(name) is not None
    ]
    return ", ".join([*figures, f"fit {run['fit_s']:.1f} s"])


def _why_stopped(outcome: Outcome) -> str:
    if hasattr(errors, outcome.error or ""):  # the data or the check: all models would fail
        return str(outcome.failure)
    return f"the bench starts with popularity, which failed: {outcome.failure}"


def _keep_out_of_git(folder: Path) -> None:
    """Keep users' figures out of git: they are large, and can be made again."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    if not os.access(folder, os.W_OK):
        raise BenchError(f"{folder} cannot be written")
