"""The command `audience`."""

import polars as pl
import pytest


def test_the_people_for_an_item_are_those_of_the_library(say, model, model_folder, tmp_path):
    found = model.audience("i01", 4, by="like")
    answer = say("audience", model_folder, "--item", "i01", "--by", "like", "-k", "4", "--json")
    assert [row["user_id"] for row in answer.json["audience"]] == found["user_id"].to_list()
    out = tmp_path / "people.csv"
    words = ("--item", "i01", "--by", "like", "-k", "4", "--out", out)
    assert "Wrote 4 rows" in say("audience", model_folder, *words).out
    assert pl.read_csv(out)["user_id"].to_list() == found["user_id"].to_list()
    printed = say("audience", model_folder, "--item", "i01", "--by", "like", "-k", "4").out
    assert all(user in printed for user in found["user_id"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "--item"),
        (["--item", "i99"], "item 'i99' is not in the catalogue"),
        (["--item", "i01", "--by", "fame"], "by must be one of"),
        (["--item", "i01", "-k", "0"], "k must be a whole number"),
        (["--item", "i01", "--out", "a.txt"], "--out writes .csv or .parquet"),
    ],
)
def test_mistakes_are_one_sentence(say, model_folder, words, sentence):
    printed = say("audience", model_folder, *words)
    assert printed.code == 2
    assert sentence in printed.sentence
