"""evaluate --lists and bench --lists: tables that fit, the same figures as JSON, one sentence."""

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec
from conv4rec.baselines import Popularity
from conv4rec.cli import lists_output as lists_shown
from conv4rec.data import Interactions, split_log
from conv4rec.evaluate import evaluate_lists

KINDS = ["consume", "like", "rating", "discover"]


@pytest.fixture
def words(log_file, small_words):
    return ["evaluate", "--data", log_file, "--lists", *small_words]


def test_one_model_has_one_table_with_a_column_for_each_kind(say, words):
    told = say(*words)
    assert told.code == 0, told.err
    assert "shorter than k" not in told.err
    table = told.out.partition("Lists of 10 by conv4rec, by kind:\n")[2]
    assert table.splitlines()[0].split() == KINDS
    assert [line for line in table.splitlines() if line.startswith("users with a list")]
    assert "likeliest items by conv4rec's ranking:" in " ".join(table.split())
    assert max(len(line) for line in told.out.splitlines()) <= 100


@pytest.mark.parametrize("width", [80, 100])
def test_several_models_have_a_table_for_each_kind_that_fits(say, words, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    told = say(*words, "--against", "means,ease,popularity")
    assert told.code == 0, told.err
    assert max(len(line) for line in told.out.splitlines()) <= width
    for kind in KINDS:
        assert f"Lists of 10, {kind}:" in told.out
    consume, discover = (
        told.out.partition(f"Lists of 10, {kind}:\n")[2].splitlines()[0].split()
        for kind in ("consume", "discover")
    )
    assert consume == ["conv4rec", "ease", "popularity"]
    assert discover == ["conv4rec", "by", "rule", "means"]
    assert "note: means: fitted" in told.err


def test_json_holds_the_figures_of_every_model_and_kind(say, words, log_file, small):
    found = say(*words, "--against", "means", "--json").json["lists"]
    assert found["picks_by"] == "conv4rec"
    assert list(found["models"]) == ["conv4rec", "means"]
    ours, means = (each["kinds"] for each in found["models"].values())
    assert list(ours) == [*KINDS, "discover_by_rule"]
    assert list(means) == ["like", "rating", "discover"]
    assert set(found["differences"]["means"]["unlikely"]) == {"neutral", "ranker"}
    split = split_log(Interactions.from_frame(log_file), "r0", name="ratings")
    people = split.test.users.ids(np.flatnonzero(np.diff(split.test.starts))).to_list()
    lists = Conv4Rec(**small).fit(split.train).recommend(people, k=10, by="like")
    assert ours["like"]["items"] == lists["item_id"].n_unique()
    assert ours["like"]["p_like"] == pytest.approx(lists["p_like"].mean(), abs=1e-4)
    assert ours["like"]["people"] == len(people)


def test_a_baseline_alone_is_measured_without_our_model(say, log_file):
    told = say("evaluate", "--data", log_file, "--model", "means", "--lists")
    assert told.code == 0, told.err
    assert "items by popularity among equally active users:" in " ".join(told.out.split())
    ranks = say("evaluate", "--data", log_file, "--model", "ease", "--lists", "--json").json
    assert ranks["lists"]["picks_by"] == "ease"


def test_new_users_get_lists_too(say, words):
    told = say(*words, "--split", "new-users", "--against", "means", "--json")
    assert told.json["lists"]["models"]["conv4rec"]["kinds"]["like"]["with_list"] == 1.0


def test_without_the_option_nothing_is_said_of_lists(say, log_file):
    assert "lists" not in say("evaluate", "--data", log_file, "--model", "means", "--json").json


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--against", "means"], "--against is of --lists: add it"),
        (["--lists", "--against", "magic"], "--against: there is no 'magic'; there are popularity"),
        (["--lists", "--against", "means,conv4rec"], "--against: there is no 'conv4rec'"),
    ],
)
def test_a_mistake_is_one_sentence(say, log_file, more, sentence):
    told = say("evaluate", "--data", log_file, *more)
    assert told.code == 2
    assert sentence in told.sentence


@pytest.mark.usefixtures("bench_in_process")
def test_a_bench_measures_the_lists_of_all_by_one_ranking(say, log_file, tmp_path):
    told = say("bench", "--data", log_file, "--records", tmp_path, "--seeds", 1,
               "--models", "means,ease", "--lists")  # fmt: skip
    assert told.code == 0, told.err
    for kind, columns in (("consume", ["popularity", "ease"]), ("discover", ["means"])):
        assert told.out.partition(f"Lists of 10, {kind}:\n")[2].split("\n")[0].split() == columns
    record = pl.read_ndjson(tmp_path / "ratings-r0.jsonl").to_dicts()
    assert all("--lists" in line["command"] for line in record)


def test_shares_and_differences_are_written_short():
    assert [lists_shown._written(value, lists_shown.SHARE) for value in (None, 0, 0.0004, 0.012,
            0.5)] == ["-", "0%", "<0.1%", "1.2%", "50%"]  # fmt: skip
    assert lists_shown._points({"mean": 0.02, "low": -0.014, "high": 0.05}) == "+2 [−1,+5]"
    assert lists_shown._estimate({"share": 0.5, "low": 0.4, "high": 0.61}) == "50% (40-61)"


def test_our_model_is_the_first_column(capfd, log):
    split = split_log(log, "r0", name="ratings")
    figures = evaluate_lists(Popularity().fit(split.train), split).to_dict()
    models = {"popularity": figures, "conv4rec": figures}
    lists_shown.show_lists({"picks_by": "neutral", "models": models, "differences": {}})
    assert "conv4rec   popularity" in capfd.readouterr().out
