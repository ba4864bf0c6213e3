"""Processes of their own: a crash, a hang or nonsense is reported, and the bench goes on."""

import json
import os
import shlex
import subprocess
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conv4rec.baselines import Means
from conv4rec.benchmark import records
from conv4rec.benchmark.candidates import candidates, chosen
from conv4rec.benchmark.job import Job, Source
from conv4rec.benchmark.plan import Plan
from conv4rec.benchmark.process import run_job
from conv4rec.benchmark.runner import bench
from conv4rec.benchmark.summary import left_out, rows_of
from conv4rec.data import split_log
from conv4rec.data.synthetic import two_tribes
from conv4rec.errors import BenchError, SettingError
from conv4rec.evaluate import evaluate
from conv4rec.evaluate.stopwatch import Stopwatch

OWN = Path(__file__).parent / "own_candidates.py"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "tribes.csv"
    two_tribes().sample(10, np.random.default_rng(0)).to_frame().write_csv(path)
    return Source(data=str(path))


@pytest.fixture
def run(source, tmp_path):
    """Run a bench of our own candidates on the tribes; gives the lines and the sentences."""

    def go(names, own=(), source=source, **facts):
        also = tuple(f"{OWN}:{name}" for name in own)
        plan = Plan(
            source,
            tuple(chosen(names, candidates(also))),
            folder=tmp_path / "kept",
            also=also,
            **facts,
        )
        said = []
        return bench(plan, said.append), said, plan

    return go


def of(lines, kind, model=None):
    return [line for line in lines if line["kind"] == kind and model in (None, line["model"])]


def test_a_crash_a_hang_or_nan_of_one_model_leaves_the_others_measured(run):
    own = ("CRASHING", "DYING", "NAN", "SLEEPING", "ABSENT", "TALKING", "GOOD")
    names = "crashing,dying,nan,sleeping,absent,talking,good"
    lines, said, plan = run(names, own, limit_minutes=0.2)
    assert {line["model"] for line in of(lines, "run")} == {"popularity", "talking", "good"}
    why = {line["model"]: line["reason"] for line in of(lines, "failure")}
    assert why["crashing"] == "ValueError: my library says no"
    assert why["dying"].startswith("killed by SIGABRT")
    assert "hold NaN" in why["nan"]
    assert why["sleeping"] == "not done within 0.2 minutes"
    (absent,) = of(lines, "absent")
    assert "pip install" in absent["reason"]
    assert len(left_out(lines, "tribes/r0")) == 5
    assert sum("seed 0" in sentence for sentence in said) == 7
    assert records.read(plan.file) == [json.loads(records.as_line(line)) for line in lines]


def test_a_record_holds_figures_and_provenance(run):
    lines, _, plan = run("good", ("GOOD",), seeds=(3,))
    (good,) = of(lines, "run", "good")
    assert good["versions"]["numpy"] == np.__version__
    assert good["distribution"] == "gaussian"
    assert good["fit_s"] >= 0
    assert 20 < good["peak_rss_mb"] < 2000
    assert good["tuned"] is None
    assert good["sizes"]["train"] == 360
    assert set(good["calibration"]) == {"like", "1", "2", "3", "4", "5"}
    users = pl.read_parquet(plan.folder / good["per_user"])
    assert np.average(users["nll"], weights=users["n_rated"]) == pytest.approx(good["nll"])
    assert (plan.folder / "per-user" / ".gitignore").read_text() == "*\n"


@pytest.mark.usefixtures("bench_in_process")
def test_the_command_of_a_record_repeats_it(run, source):
    lines, _, _ = run("good", ("GOOD",), seeds=(3,), threads=1)
    words = shlex.split(of(lines, "run", "good")[0]["command"])
    assert words[:2] == ["conv4rec", "bench"]
    told = dict(zip(words[2::2], words[3::2], strict=True))
    assert told == {
        "--data": source.data, "--split": "r0", "--models": "good", "--seeds": "1",
        "--first-seed": "3", "--threads": "1", "--also": f"{OWN}:GOOD",
    }  # fmt: skip


@pytest.mark.usefixtures("bench_in_process")
def test_the_same_seed_gives_the_same_figures_and_others_a_spread(run):
    own = ("TUNABLE",)
    lines, _, _ = run("tunable", own, seeds=(0, 1))
    again, _, plan = run("tunable", own, seeds=(0,))
    first, second = of(lines, "run", "tunable")
    assert of(again, "run", "tunable")[0]["ndcg@20"] == first["ndcg@20"] != second["ndcg@20"]
    row = next(r for r in rows_of(records.read(plan.file), "tribes/r0") if r.model == "tunable")
    assert row.seeds == [0, 1]
    assert row.metric("ndcg@20").mean == pytest.approx((first["ndcg@20"] + second["ndcg@20"]) / 2)


def test_the_bench_stops_if_popularity_is_not_what_was_counted(run, monkeypatch, tmp_path):
    """A sitecustomize breaks popularity in the workers, as a bug in it would."""
    (tmp_path / "sitecustomize.py").write_text(
        "from conv4rec.baselines import popularity\n"
        "fit = popularity.Popularity.fit\n"
        "def broken(self, train, validation=None, seed=0):\n"
        "    fit(self, train)\n"
        "    self.counts_[0] += 1\n"
        "    return self\n"
        "popularity.Popularity.fit = broken\n"
    )
    path = ":".join([str(tmp_path), str(Path(__file__).parents[2] / "src")])
    monkeypatch.setenv("PYTHONPATH", path)
    with pytest.raises(BenchError, match="not the counts of the training rows"):
        run("good", ("GOOD",))


def test_a_mistake_in_the_data_is_said_once(run):
    with pytest.raises(BenchError, match="no data set 'no-such-set'"):
        run("all", source=Source(dataset="no-such-set/r0"))


@pytest.mark.usefixtures("bench_in_process")
def test_new_users_are_served_only_by_models_that_fold_in(run, source):
    lines, said, _ = run(
        "homebody,good", ("HOMEBODY", "GOOD"), source=Source(data=source.data, split="new-users")
    )
    assert {line["model"] for line in of(lines, "run")} == {"popularity", "good"}
    assert of(lines, "absent")[0]["reason"] == "cannot serve new users without training again"
    assert "homebody: cannot serve new users without training again" in said


@pytest.mark.usefixtures("bench_in_process")
def test_dropped_labels_leave_the_interactions_of_every_model(run):
    lines, _, plan = run("good,means,ease", ("GOOD",), drop_labels=(0.0, 0.5))
    whole, half = ([r for r in of(lines, "run") if r["drop_labels"] == s] for s in (0.0, 0.5))
    assert {run["model"] for run in half} == {"good", "means"}  # the others see no labels
    assert {(run["sizes"]["train"], run["n_labels"]) for run in whole} == {(360, 360)}
    assert {(run["sizes"]["train"], run["n_labels"]) for run in half} == {(360, 180)}
    nll = {run["model"]: run["nll"] for run in half}
    assert nll["good"] == nll["means"]  # the same model on the same rows
    assert nll["good"] != next(r["nll"] for r in whole if r["model"] == "good")
    assert len(rows_of(records.read(plan.file), "tribes/r0", 0.5)) == 2
    with pytest.raises(SettingError, match="from 0 up to, not including, 1"):
        run("good", ("GOOD",), drop_labels=(0.5, 1.0))


@pytest.mark.usefixtures("bench_in_process")
def test_ours_is_compared_with_everyone_even_if_it_ran_before(run):
    first, _, plan = run("conv4rec,means")
    assert [line["model"] for line in of(first, "comparison")] == ["popularity", "means"]
    kinds = [(line["kind"], line["model"]) for line in first]
    assert kinds[2] == ("comparison", "popularity")  # as soon as ours has run, not at the end
    later, _, _ = run("ease")
    ease = next(line for line in of(later, "comparison") if line["model"] == "ease")
    runs = {run["model"]: run for run in records.runs(records.read(plan.file))}
    gap = runs["ease"]["ndcg@20"] - runs["conv4rec"]["ndcg@20"]
    assert ease["differences"]["ndcg@20"]["mean"] == pytest.approx(gap, abs=2e-6)
    rows = rows_of(records.read(plan.file), "tribes/r0")
    assert rows[0].model == "conv4rec"
    assert all(row.comparison for row in rows[1:])
    assert runs["conv4rec"]["foresight"]["k"] == 20


@pytest.mark.usefixtures("bench_in_process")
def test_settings_tuned_elsewhere_serve_here(run, tmp_path):
    tuned = {"on": "other/r0", "settings": {"taste": 0.9}, "gain": 0.1}
    path = tmp_path / "other.jsonl"
    record = {"kind": "run", "dataset": "other/r0", "model": "tunable", "seed": 0, "tuned": tuned}
    records.append(path, record)
    lines, _, _ = run("tunable", ("TUNABLE",), settings_from=path)
    (line,) = of(lines, "run", "tunable")
    assert line["settings"] == {"taste": 0.9, "size": 1, "kind": "plain"}
    assert line["tuned"]["on"] == "other/r0"
    assert f"--settings-from {path}" in line["command"]
    popularity = next(r for r in of(lines, "run", "popularity"))
    assert line["ndcg@20"] == popularity["ndcg@20"]  # at this taste there is no noise
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(BenchError, match="holds no tuned settings"):
        run("tunable", ("TUNABLE",), settings_from=tmp_path / "empty.jsonl")
    with pytest.raises(BenchError, match="there is no file or folder"):
        run("tunable", ("TUNABLE",), settings_from=tmp_path / "none.jsonl")


@pytest.mark.usefixtures("bench_in_process")
def test_tuning_is_written_down_and_its_choice_fitted_on_all_rows(run):
    pytest.importorskip("optuna", reason="pip install 'conv4rec[tune]' brings Optuna")
    from conv4rec.benchmark.job import Budget

    lines, said, plan = run("tunable,means", ("TUNABLE",), budget=Budget(8, 1), seeds=(0, 1))
    first, second = of(lines, "run", "tunable")
    tuned = first["tuned"]
    assert tuned == second["tuned"]
    assert tuned["on"] == "tribes/r0"
    assert tuned["budget"] == {"trials": 8, "minutes": 1}
    assert len(tuned["trials"]) == 8
    assert first["settings"]["taste"] == tuned["settings"]["taste"]
    assert first["sizes"]["train"] == 360
    assert f"--settings-from {plan.file}" in first["command"]
    assert all(run["tuned"] is None for run in of(lines, "run", "means"))  # it chooses its own
    assert any("of 8 is best" in sentence for sentence in said)


@pytest.mark.usefixtures("bench_in_process")
def test_a_broken_record_stops_the_bench_before_it_starts(run):
    _, _, plan = run("popularity")
    with plan.file.open("a") as file:
        file.write('{"kind": "run", "data')
    with pytest.raises(BenchError, match="line 2 is not a record"):
        run("popularity")


def test_a_job_survives_its_journey(source):
    job = Job(source, "ease", 3, {"reg": 4.0}, 0.5, None, "x.parquet", ("a.py:B",))
    assert Job.from_json(job.to_json()) == job


def test_threads_are_told_to_every_library(source):
    outcome = run_job(Job(source, "popularity"), 60, threads=3)
    assert outcome.findings[0]["machine"]["omp_num_threads"] == "3"


def test_nothing_runs_on_after_an_interruption(source, monkeypatch):
    started = []
    wait = subprocess.Popen.communicate

    def interrupted(self, *words, **more):
        if not started:
            started.append(self)
            raise KeyboardInterrupt
        return wait(self, *words, **more)

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    job = Job(source, "sleeping", also=(f"{OWN}:SLEEPING",))
    with pytest.raises(KeyboardInterrupt):
        run_job(job, 600)
    assert started[0].returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(started[0].pid, 0)


def test_answers_are_timed_once_and_passed_on(mixed):
    class Slow(Means):
        def expected_ratings(self, given, rows, items):
            time.sleep(0.1)
            return super().expected_ratings(given, rows, items)

    split = split_log(mixed, "r0", name="mixed")
    watched = Stopwatch(Slow().fit(split.train))
    assert evaluate(watched, split).metrics == evaluate(Means().fit(split.train), split).metrics
    assert watched.seconds["expected"] >= 0.1
    assert watched.seconds["probabilities"] >= 0.1  # they are made of the expected ratings
    rating = max(watched.seconds["expected"], watched.seconds["probabilities"])
    assert watched.score_s == watched.seconds["rank"] + rating
