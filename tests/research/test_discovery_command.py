"""discovery at the command line: a table, records, one sentence a mistake."""

import pytest

from research.discovery import simulate
from research.discovery.simulate import Case

TINY = Case("tiny", 1.0, 1.0, n_per_user=8, n_users=30, n_items=24)


def test_worlds_print_a_table_and_leave_records(say, small_words, tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "CASES", (TINY,))
    words = ["discovery", "--simulate", "--seeds", 2, "--records", tmp_path, *small_words]
    told = say(*words)
    assert told.code == 0, told.err
    assert "| tiny: conv4rec (n_steps 6" in told.out
    assert len((tmp_path / "worlds.jsonl").read_text().splitlines()) == 2
    assert [line["seed"] for line in say(*words, "--json").json["lines"]] == [0, 1]


def test_the_ideal_learner_stands_beside_ours_when_asked_for(
    say, small_words, tmp_path, monkeypatch
):
    monkeypatch.setattr(simulate, "CASES", (TINY,))
    words = ["discovery", "--simulate", "--ideal", "--seeds", 1, "--records", tmp_path]
    told = say(*words, *small_words)
    assert told.code == 0, told.err
    head, _, row = (line.split(" | ") for line in told.out.splitlines()[:3])
    assert 0 < float(row[head.index("an ideal learner's")]) <= 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "needs either --dataset NAME/SPLIT or --simulate"),
        (["--dataset", "coat/mar", "--simulate"], "needs either"),
        (["--dataset", "coat/mar", "--ideal"], "--ideal is of made-up worlds"),
        (["--dataset", "nope/r0"], "no data set 'nope'"),
        (["--simulate", "--set", "propensity_power=2"], "propensity_power lies from 0 to 1"),
        (["--dataset", "movielens-2016/r0", "--models", "magic"], "there is no 'magic'"),
    ],
)
def test_a_mistake_is_one_sentence(say, tmp_path, words, sentence):
    told = say("discovery", *words, "--records", tmp_path)
    assert told.code == 2
    assert sentence in told.sentence
