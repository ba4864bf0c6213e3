"""A saved model answers on the command line as it does in Python."""

import polars as pl
import pytest

from conv4rec import Conv4Rec


def test_the_cli_lists_the_items_that_python_lists(say, model, model_folder):
    for by in ("consume", "like", "rating", "consume_and_like", "discover"):
        words, options = ("--by", by), {"by": by}
        if by == "discover":
            words, options = (*words, "--min-p-like", "0"), {**options, "min_p_like": 0}
        said = say("recommend", model_folder, "--user", "u03", "-k", "3", *words, "--json")
        assert said.code == 0
        asked = model.recommend("u03", 3, **options)
        rows = pl.DataFrame(said.json["recommendations"])
        assert rows["item_id"].to_list() == asked["item_id"].to_list()
        assert rows["p_like"].to_list() == pytest.approx(asked["p_like"].to_list())


def test_everyone_is_written_to_a_file_in_blocks(say, model, model_folder, tmp_path, monkeypatch):
    load = Conv4Rec.load
    three_users_a_block = {"max_memory_mb": 0.003}
    monkeypatch.setattr(Conv4Rec, "load", lambda folder: load(folder, **three_users_a_block))
    whole = model.recommend(k=3)
    for name in ("all.parquet", "all.csv"):
        said = say("recommend", model_folder, "--all", "-k", "3", "--out", tmp_path / name)
        assert said.code == 0
        assert "120 rows for 40 users" in said.out
    pairs = whole.select("user_id", "rank", "item_id")
    assert pl.read_parquet(tmp_path / "all.parquet").select(pairs.columns).equals(pairs)
    from_csv = pl.read_csv(tmp_path / "all.csv", schema_overrides={"rank": pl.Int32})
    assert from_csv.select(pairs.columns).equals(pairs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.csv", "all.parquet"]


def test_a_new_user_is_served_from_a_file(say, model, model_folder, tmp_path):
    newcomer = pl.DataFrame(
        {"user_id": ["new"] * 2, "item_id": ["i01", "i02"], "rating": [5.0, 4.0]}
    )
    newcomer.write_csv(tmp_path / "new.csv")
    said = say("recommend", model_folder, "--history", tmp_path / "new.csv", "-k", "5", "--json")
    rows = said.json["recommendations"]
    assert [row["item_id"] for row in rows] == model.recommend(newcomer, 5)["item_id"].to_list()


def test_filters_take_ids_and_files_and_short_lists_say_why(say, model_folder, tmp_path):
    (tmp_path / "allowed.txt").write_text("item_id\ni11\ni12\n")
    words = ("recommend", model_folder, "--user", "u00", "--include-seen", "--json")
    said = say(*words, "--allow", tmp_path / "allowed.txt", "--allow", "i13", "--block", "i11")
    assert {row["item_id"] for row in said.json["recommendations"]} == {"i12", "i13"}
    assert said.sentence.startswith("note: 1 of 1 lists are shorter than k=10")


def test_titles_stand_beside_ids(say, model_folder, tmp_path):
    items = {"item_id": ["i01", "i11"], "title": ["Dune", "Heat"]}
    pl.DataFrame(items).write_csv(tmp_path / "items.csv")
    words = ("--allow", "i11", "--include-seen", "--titles", tmp_path / "items.csv")
    said = say("recommend", model_folder, "--user", "u00", "-k", "1", *words)
    assert "Heat" in said.out


def test_predict_answers_in_the_order_of_the_pairs(say, model, model_folder, tmp_path):
    pairs = pl.DataFrame({"user_id": ["u05", "u01"], "item_id": ["i19", "i02"]})
    pairs.write_csv(tmp_path / "pairs.csv")
    said = say("predict", model_folder, tmp_path / "pairs.csv", "--json")
    rows = pl.DataFrame(said.json["predictions"])
    expected = model.predict(pairs)
    assert rows["user_id"].to_list() == ["u05", "u01"]
    assert rows["expected_rating"].to_list() == pytest.approx(expected["expected_rating"].to_list())


def test_predict_adds_an_interval_if_asked(say, model, model_folder, tmp_path):
    pairs = model.interactions_.to_frame().select("user_id", "item_id").head(3)
    pairs.write_csv(tmp_path / "pairs.csv")
    rows = pl.DataFrame(
        say("predict", model_folder, tmp_path / "pairs.csv", "--intervals", "--json").json[
            "predictions"
        ]
    )
    expected = model.predict(pairs, intervals=True)
    for name in ("p_like_low", "p_like_high"):
        assert rows[name].to_list() == pytest.approx(expected[name].to_list(), rel=1e-5)
    shown = say("predict", model_folder, tmp_path / "pairs.csv", "--intervals").out
    assert "P(like), 90%" in shown
    assert "place" not in shown


def test_explain_shows_kernels_and_a_person(say, model, model_folder):
    kernels = say("explain", model_folder, "--json").json["kernels"]
    assert [row["level"] for row in kernels] == ["1", "2", "3", "4", "5", "unrated"]
    profile = say("explain", model_folder, "--user", "u03", "--json").json["profile"]
    assert profile["generosity"] == pytest.approx(model.profile("u03").generosity)
    assert "Main directions of taste" in say("explain", model_folder, "--user", "u03").out


def test_integer_ids_are_understood_on_the_command_line(say, small, tmp_path):
    log = pl.DataFrame({"user_id": [7, 7, 42], "item_id": [1, 2, 1], "rating": [5, 4, 5]})
    Conv4Rec(**small).fit(log).save(tmp_path / "model")
    said = say("recommend", tmp_path / "model", "--user", "42", "-k", "1", "--json")
    assert said.json["recommendations"][0]["user_id"] == 42
    assert said.json["recommendations"][0]["item_id"] == 2


def test_string_ids_that_look_like_numbers_stay_strings(say, small, tmp_path):
    log = pl.DataFrame({"user_id": ["042", "042", "7"], "item_id": ["a", "b", "a"]})
    Conv4Rec(**small).fit(log).save(tmp_path / "model")
    assert say("recommend", tmp_path / "model", "--user", "7", "-k", "1").code == 0
    assert say("recommend", tmp_path / "model", "--user", "042", "-k", "1").code == 0
    assert say("recommend", tmp_path / "model", "--user", "42", "-k", "1").code == 2
