"""Commands on a log with types: fit, recommend, predict, explain; and what is said of mistakes."""

import numpy as np
import polars as pl
import pytest

EVENTS = [("view", 5), ("buy", 2)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A log with types in a file; ids are text."""
    rng, rows = np.random.default_rng(0), []
    for user in range(40):
        seen = rng.choice(15, 6, replace=False)
        for name, n in EVENTS:
            rows += [(f"u{user:02}", f"i{item:02}", name) for item in seen[:n]]
    path = tmp_path_factory.mktemp("shop") / "events.csv"
    pl.DataFrame(rows, schema=["user", "item", "event_type"], orient="row").write_csv(path)
    return path


@pytest.fixture(scope="module")
def folder(shop):
    from conv4rec import Conv4Rec

    model = shop.with_name("model")
    Conv4Rec().fit(str(shop)).save(model)
    return model


def test_fit_reads_types_and_names_the_next_command(say, shop, tmp_path):
    said = say("fit", shop, "--out", tmp_path / "m")
    assert said.code == 0, said.err
    assert "2 types: buy, view" in said.out
    assert "--by buy" in said.out.splitlines()[-1]
    facts = say("fit", shop, "--out", tmp_path / "m", "--json").json
    assert facts["config"]["types"] == ["buy", "view"]


def test_types_can_be_left_unread(say, shop, tmp_path, small_words):
    said = say("fit", shop, "--out", tmp_path / "m", "--no-types", *small_words)
    assert said.code == 0, said.err
    assert "2 types" not in said.out


def test_recommend_by_a_type_with_reasons(say, folder):
    said = say("recommend", folder, "--user", "u00", "--by", "buy", "-k", "2", "--reasons", "1")
    assert "P(buy)" in said.out
    assert "view of this item" in said.out
    rows = say("recommend", folder, "--user", "u00", "--by", "buy", "--exclude", "view", "--json")
    assert rows.json["recommendations"][0].keys() >= {"user_id", "item_id", "rank", "p_buy"}
    table = say("recommend", folder, "--user", "u00", "-k", "2")
    assert "P(next)" in table.out


def test_explain_says_in_words_what_a_view_is_worth(say, folder):
    said = say("explain", folder)
    assert "view, then buy: " in said.out
    assert "times likelier" in said.out
    assert "buy, then buy: not again on the same item." in said.out
    item = say("recommend", folder, "--user", "u00", "--by", "buy", "--json").json
    best = item["recommendations"][0]["item_id"]
    said = say("explain", folder, "--user", "u00", "--item", best, "--by", "buy")
    assert "times as likely as a typical item to be the next buy" in said.out


def test_predict_shows_both_readings(say, folder, tmp_path):
    pl.DataFrame({"user_id": ["u00"], "item_id": ["i03"]}).write_csv(tmp_path / "pairs.csv")
    said = say("predict", folder, tmp_path / "pairs.csv")
    assert "share_buy" in said.out
    found = say("predict", folder, tmp_path / "pairs.csv", "--json").json["predictions"][0]
    assert found["share_buy"] + found["share_view"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--by", "like"), "by must be one of buy, view, next; got 'like'"),
        (("--by", "buy", "--exclude", "wish"), "'wish'"),
        (("--by", "buy", "--novelty", "5"), "lists of ratings"),
    ],
)
def test_mistakes_end_in_one_sentence(say, folder, words, says):
    said = say("recommend", folder, "--user", "u00", *words)
    assert said.code == 2
    assert says in said.sentence


def test_duplicates_are_not_for_types(say, shop, tmp_path):
    said = say("fit", shop, "--out", tmp_path / "m", "--duplicates", "first")
    assert said.code == 2
    assert "events are counted" in said.sentence


def test_the_picture_of_types_is_the_same_on_every_run(say, folder, tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        assert say("plot", folder, "--out", tmp_path / name).code == 0
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")
    assert "not again" in text
    assert say("plot", folder, "--out", tmp_path / "c.png", "--json").json["associations"]


def test_quickstart_of_a_log_with_types_says_why(say, shop, tmp_path):
    said = say("quickstart", "--data", shop, "--out", tmp_path / "q")
    assert said.code == 0, said.err
    assert "The next buy, on the held-out events" in said.out
    assert "because of" in said.out
    assert "nll_type" in said.out
