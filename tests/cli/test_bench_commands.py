"""bench and report at the command line: one table, one file of records, one sentence a mistake."""

import json
from pathlib import Path

import pytest

OWN = Path(__file__).parents[1] / "benchmark" / "own_candidates.py"


@pytest.fixture
def words(log_file, tmp_path):
    return ["bench", "--data", log_file, "--records", tmp_path / "kept", "--seeds", 1]


@pytest.mark.usefixtures("bench_in_process")
def test_a_bench_prints_one_table_that_fits_and_a_report_prints_it_again(say, words, tmp_path):
    told = say(*words, "--models", "means,ease,good,absent", "--seeds", 2,
               "--also", f"{OWN}:GOOD", "--also", f"{OWN}:ABSENT")  # fmt: skip
    assert told.code == 0, told.err
    lines = told.out.splitlines()
    assert max(len(line) for line in lines) <= 100
    table = told.out.partition("No figures")[0]
    assert all(name in table for name in ("popularity", "ease", "means ~", "good ~", "rmse ↓"))
    assert "±" in table
    assert "No figures: absent: not installed; absent needs no-such: pip install" in told.out
    assert "note: ease seed 1: ndcg@20" in told.err
    report = say("report", tmp_path / "kept", "--out", tmp_path / "pages")
    assert report.code == 0, report.err
    assert "### ratings/r0" in report.out
    assert "| good ~ |" in report.out
    assert (tmp_path / "pages" / "ratings-r0-reliability.svg").is_file()
    assert say("report", tmp_path / "kept", "--json").json["tables"]


def test_json_is_one_object_with_every_line(say, words, tmp_path):
    told = say(*words, "--models", "means", "--json").json
    assert [line["model"] for line in told["lines"]] == ["popularity", "means"]
    kept = (tmp_path / "kept" / "ratings-r0.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in kept] == told["lines"]


@pytest.mark.usefixtures("bench_in_process")
def test_differences_to_ours_stand_below_each_model(say, words):
    told = say(*words, "--models", "conv4rec,means", "--drop-labels", "0,0.5")
    assert told.code == 0, told.err
    first, second = told.out.split("50% of the labels dropped")
    for table in (first, second):
        assert "  − conv4rec" in table
    assert "popularity" in first
    assert "popularity" not in second


@pytest.mark.usefixtures("bench_in_process")
def test_new_users_is_a_split(say, words):
    told = say(*words, "--models", "means", "--new-users", "--json").json
    assert {line["dataset"] for line in told["lines"]} == {"ratings/new-users"}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--models", "ease,magic"], "there is no 'magic'; there are conv4rec, popularity"),
        (["--dataset", "ml-100k/u1"], "needs either --dataset NAME/SPLIT or --data FILE"),
        (["--drop-labels", "0,half"], "--drop-labels is a list such as 0,0.5,0.9"),
        (["--drop-labels", "0,1.5"], "--drop-labels takes shares from 0 up to"),
        (["--split", "r"], "no split 'r'"),
        (["--limit", "0"], "--limit is above 0"),
        (["--threads", "0"], "--threads is at least 1"),
        (["--settings-from", "none.jsonl"], "there is no file or folder none.jsonl"),
        (["--tune", "--minutes", "0"], "--trials and --minutes must be above 0"),
    ],
)
def test_a_mistake_is_one_sentence(say, words, more, sentence):
    told = say(*words, "--models", "means", *more)
    assert told.code == 2
    assert sentence in told.sentence


def test_a_named_set_that_is_not_there_is_one_sentence(say, tmp_path):
    told = say("bench", "--dataset", "nope/r0", "--records", tmp_path / "kept")
    assert told.code == 2
    assert told.sentence.startswith("Error: no data set 'nope'")


def test_a_broken_record_is_one_sentence(say, tmp_path):
    (tmp_path / "a-r0.jsonl").write_text('{"kind": "run"\n')
    told = say("report", tmp_path)
    assert told.code == 2
    assert "a-r0.jsonl, line 1 is not a record" in told.sentence
    assert say("report", tmp_path / "nothing").code == 2
