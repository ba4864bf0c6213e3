"""fit, evaluate and quickstart write what they document, and nothing else."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec

MAIN = [sys.executable, "-m", "conv4rec"]
DOCUMENTED = (
    *("dataset", "model", "seed", "rmse", "mae", "nll", "rps", "ece", "auc_like", "nll_joint"),
    *("recall@20", "ndcg@20", "recall@50", "ndcg@100", "ndcg_like@20", "fit_s", "evaluate_s"),
    *("peak_rss_mb", "n_parameters", "config", "versions", "machine", "commit"),
)


def test_fit_saves_the_model_that_python_would_fit(say, log_file, model, small_words, tmp_path):
    out = tmp_path / "model"
    said = say("fit", log_file, "--out", out, *small_words, "--json")
    assert said.code == 0
    assert said.json["users"] == 40
    assert Conv4Rec.load(out).recommend("u03", 5).equals(model.recommend("u03", 5))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # no checkpoint is left


def test_fit_reads_columns_and_levels_as_told(say, log, small_words, tmp_path):
    renamed = log.to_frame().rename({"user_id": "client", "item_id": "sku"})
    renamed.write_csv(tmp_path / "log.csv")
    words = ("--columns", "user_id=client,item_id=sku", "--levels", "0,1,2,3,4,5", "--json")
    said = say("fit", tmp_path / "log.csv", "--out", tmp_path / "model", *small_words, *words)
    assert said.code == 0
    assert Conv4Rec.load(tmp_path / "model").interactions_.n_levels == 6


def test_an_interrupted_fit_goes_on_to_the_same_model(log_file, small, small_words, tmp_path):
    words = ["fit", str(log_file), "--out", str(tmp_path / "m"), *small_words, "--set"]
    words.append("n_steps=400")
    started = subprocess.Popen([*MAIN, *words], stderr=subprocess.PIPE, text=True)
    manifest = tmp_path / "m.training" / "manifest.json"
    deadline = time.monotonic() + 120
    while not manifest.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    started.send_signal(signal.SIGTERM)
    _, err = started.communicate(timeout=120)
    assert started.returncode == 130
    assert not (tmp_path / "m").exists()
    advice = err.splitlines()[-1]
    assert advice.startswith("Error: training stopped in ")
    again = shlex.split(advice.partition("to go on: ")[2])
    assert again == ["conv4rec", *words, "--resume"]
    assert subprocess.run([*MAIN, *again[1:]], capture_output=True).returncode == 0
    whole = Conv4Rec(**{**small, "n_steps": 400}).fit(log_file)
    assert Conv4Rec.load(tmp_path / "m").recommend(k=5).equals(whole.recommend(k=5))


def test_evaluate_ends_in_one_json_object(say, log_file, small_words):
    words = ("evaluate", "--data", log_file, "--split", "r1", "--seed", "3", "--json")
    said = say(*words, *small_words)
    assert said.code == 0
    record = said.json
    assert set(DOCUMENTED) <= set(record)
    assert (record["dataset"], record["model"], record["seed"]) == ("ratings/r1", "conv4rec", 3)
    assert record["n_parameters"] > 0
    assert record["config"]["training"]["n_steps"] == 6


@pytest.mark.parametrize("name", ["popularity", "means", "ease"])
def test_baselines_report_null_for_the_task_that_they_do_not_do(say, log_file, name):
    record = say("evaluate", "--data", log_file, "--model", name, "--json").json
    assert set(DOCUMENTED) <= set(record)
    assert (record["rmse"] is None) == (name != "means")
    assert (record["ndcg@20"] is None) == (name == "means")


def test_the_per_user_file_averages_to_the_metric(say, log_file, tmp_path):
    words = ("--model", "popularity", "--per-user", tmp_path / "users.csv", "--json")
    record = say("evaluate", "--data", log_file, *words).json
    users = pl.read_csv(tmp_path / "users.csv")
    assert users["ndcg@20"].mean() == pytest.approx(record["ndcg@20"])


def test_quickstart_shows_both_tasks_and_leaves_a_model(say, log, small_words, tmp_path):
    log.to_frame().write_csv(tmp_path / "mine.csv")
    out = tmp_path / "tour"
    said = say("quickstart", "--data", tmp_path / "mine.csv", "--out", out, *small_words)
    assert said.code == 0
    for documented in ("400 interactions", "rmse", "ndcg@20", "popularity", "means", "P(like)"):
        assert documented in said.out
    assert any(bar in said.out for bar in "▂▃▄▅▆▇")
    assert Conv4Rec.load(out).interactions_.n_users == 40
    for line in said.out.splitlines():
        if line.startswith(f"  conv4rec recommend {out} --user"):
            assert say(*shlex.split(line)[1:]).code == 0
            break
    else:
        pytest.fail("quickstart names no command to try next")


def test_quickstart_serves_a_log_without_ratings(say, log, small_words, tmp_path):
    log.to_frame().drop("rating").write_csv(tmp_path / "mine.csv")
    words = ("--data", tmp_path / "mine.csv", "--out", tmp_path / "tour", *small_words)
    said = say("quickstart", *words)
    assert said.code == 0
    assert "no ratings" in said.out
    assert "rmse" not in said.out


def test_quickstart_refuses_a_foreign_folder_before_training(say, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    said = say("quickstart", "--out", tmp_path)
    assert (said.code, said.out) == (2, "")
    assert "choose a new or empty folder" in said.sentence
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_fresh_process_answers_alike(model, model_folder):
    words = ["recommend", str(model_folder), "--user", "u07", "-k", "5", "--json"]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    said = subprocess.run([*MAIN, *words], capture_output=True, text=True, env=environment)
    rows = json.loads(said.stdout.splitlines()[-1])["recommendations"]
    asked = model.recommend("u07", 5)
    assert [row["item_id"] for row in rows] == asked["item_id"].to_list()
    scores = np.array([row["score"] for row in rows])
    np.testing.assert_allclose(scores, asked["score"].to_numpy(), rtol=1e-6)
