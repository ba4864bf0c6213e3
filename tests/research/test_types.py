"""`python -m research.types` measures ratings with wish lists and without, on the same test."""

import json
from types import SimpleNamespace

import polars as pl
import pytest

from conv4rec.data import Interactions
from research.types import to_read
from research.types.__main__ import main


@pytest.fixture
def books(monkeypatch):
    pairs = [(user, (3 * user + 2 * item) % 41) for user in range(40) for item in range(14)]
    rows = pl.DataFrame(pairs, schema=["user_id", "item_id"], orient="row").unique()
    ratings = rows.filter(pl.col("item_id") % 4 > 0).with_columns(
        rating=(pl.col("user_id") + pl.col("item_id")) % 5 + 1.0
    )
    wishes = rows.filter(pl.col("item_id") % 4 == 0).with_columns(type=pl.lit("to_read"))
    frames = {"goodbooks-10k": ratings, "goodbooks-10k+to_read": wishes}
    monkeypatch.setattr(to_read, "load_dataset", lambda name: SimpleNamespace(frame=frames[name]))


@pytest.mark.usefixtures("books")
def test_no_rating_of_the_test_is_in_training_and_wishes_are_of_the_same_users():
    split, wishes = to_read.parts(20, 0)
    assert isinstance(split.train, Interactions)
    both = pl.concat([split.train.to_frame(), split.test.to_frame()])
    assert both.select("user_id", "item_id").is_unique().all()
    assert len(split.test) == both.height // 10
    assert set(wishes["user_id"]) <= set(both["user_id"])


@pytest.mark.usefixtures("books")
def test_the_command_prints_a_line_for_each_log(capsys):
    words = ["to-read", "--users", "20", "--seeds", "0", "--preset", "fast", "--json",
             "--set", "n_steps=5"]  # fmt: skip
    assert main(words) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["log"] for line in lines] == [
        "ratings", *(f"ratings and wishes, by {by}" for by in ("rating", "next", "consume"))
    ]  # fmt: skip
    assert lines[1]["rmse"] == lines[2]["rmse"] == lines[3]["rmse"] != lines[0]["rmse"]
    # On so regular a log two of the three may list alike.
    assert len({line["ndcg@20"] for line in lines[1:]}) > 1
    assert len({line["test"] for line in lines}) == 1


def test_a_mistake_is_a_sentence(capsys):
    assert main(["to-read", "--seeds", "x"]) == 2
    assert "--seeds takes whole numbers, as in 0,1; got 'x'" in capsys.readouterr().err
