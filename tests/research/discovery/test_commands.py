"""`python -m research.discovery`: tables, records, and mistakes in one sentence."""

import json

import pytest

from research.discovery import confidence, coverage, simulate, tables
from research.discovery.simulate import Case

TINY = Case("tiny", 1.0, 1.0, n_per_user=8, n_users=30, n_items=24)


def test_worlds_print_a_table_and_leave_records(run, small_words, tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "CASES", (TINY,))
    words = ["discovery", "simulate", "--seeds", 2, "--records", tmp_path, *small_words]
    printed = run(*words)
    assert printed.code == 0, printed.err
    assert "| tiny: conv4rec (n_steps 12" in printed.out
    assert len((tmp_path / "worlds.jsonl").read_text().splitlines()) == 2
    lines = json.loads(run(*words, "--json").out.splitlines()[-1])["lines"]
    assert [line["seed"] for line in lines] == [0, 1]
    head, _, row = (line.split(" | ") for line in tables.worlds(lines).splitlines())
    assert "-" not in row[head.index("of random list")]


def test_the_ideal_learner_stands_beside_ours_when_asked_for(
    run, small_words, tmp_path, monkeypatch
):
    monkeypatch.setattr(simulate, "CASES", (TINY,))
    words = ["discovery", "simulate", "--ideal", "--seeds", 1, "--records", tmp_path]
    printed = run(*words, *small_words)
    assert printed.code == 0, printed.err
    head, _, row = (line.split(" | ") for line in printed.out.splitlines()[:3])
    assert 0 < float(row[head.index("of ideal learner")]) <= 1


def test_figures_of_old_records_are_found_by_their_new_names():
    old = {"kind": "run", "model": "conv4rec", "seed": 0, "gems@3": 0.25, "n_finds": 7.0}
    row = tables.candidates([old], tables.COLUMNS | tables.LISTED_COLUMNS).splitlines()[-1]
    assert "| 0.250 |" in row
    assert "| 7 |" in row


def test_the_studies_of_confidence_and_coverage_print_their_lines(run, monkeypatch):
    monkeypatch.setattr(confidence, "lines", lambda: iter(["confidence  worlds"]))
    monkeypatch.setattr(coverage, "lines", lambda: iter(["world  seed"]))
    assert run("discovery", "confidence").out == "confidence  worlds\n"
    assert run("discovery", "coverage").out == "world  seed\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["random-exposure"], "Missing argument"),
        (["random-exposure", "nope/r0"], "no data set 'nope'"),
        (
            ["simulate", "--set", "propensity_power=2"],
            "propensity_power must be a number from 0 to 1",
        ),
        (["random-exposure", "movielens-2016/r0", "--models", "magic"], "there is no 'magic'"),
        (["simulate", "--dataset", "coat/mar"], "No such option"),
    ],
)
def test_a_mistake_is_one_sentence(run, tmp_path, words, sentence):
    printed = run("discovery", *words, *(("--records", tmp_path) if words[1:] else ()))
    assert printed.code == 2
    assert sentence in printed.sentence
    assert not list(tmp_path.iterdir())
