"""data show, evaluate and bench on a log with types: one line, or one table, for each type."""

import numpy as np
import polars as pl
import pytest

from conv4rec.recommender.fit_and_evaluate import EVENT_MODELS


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """60 users view 8 of 20 items, often twice, and buy some of them; one event a minute."""
    rng, rows = np.random.default_rng(0), []
    for user in range(60):
        viewed = rng.choice(20, 8, replace=False).tolist()
        rows += [(f"u{user:02}", item, kind) for item in viewed for kind in ("view", "view")]
        rows += [(f"u{user:02}", item, "buy") for item in viewed[:3]]
    rng.shuffle(rows)
    path = tmp_path_factory.mktemp("shop") / "events.csv"
    table = pl.DataFrame(rows, schema=["user", "item", "action"], orient="row")
    table.with_columns(time=60 * pl.int_range(pl.len())).write_csv(path)
    return path


def test_show_tells_how_each_type_is_understood(say, shop):
    told = say("data", "show", shop)
    assert told.code == 0, told.err
    assert "1,140 events on 480 pairs" in told.out
    assert "may come again on the same item: view" in told.out
    assert "not again, so not recommended again: buy" in told.out
    (line,) = [line.split() for line in told.out.splitlines() if line.startswith("view ")]
    assert line == ["view", "960", "0.842", "0.500", line[4], "yes"]
    facts = say("data", "show", shop, "--json").json
    assert [fact["repeats"] for fact in facts["types"]] == [False, True]
    assert facts["targets"] == ["buy", "view"]


def test_what_is_known_of_types_can_be_stated(say, shop, tmp_path):
    stated = ["--exclusive", "view,buy", "--repeats", "buy=yes", "--repeats", "view=no"]
    told = say("data", "show", shop, *stated).out
    assert "may come again on the same item: buy" in told
    assert "of these the last on an item counts: buy, view" in told
    assert say("evaluate", "--data", shop, "--model", "popularity", *stated).code == 0
    log = tmp_path / "plain.csv"
    log.write_text("user,item\n" + "".join(f"a,{n}\n" for n in range(20)))
    off = say("data", "show", shop, "--columns", "type=")
    assert "480 interactions" in off.out
    for words, sentence in (
        ([shop, "--exclusive", "view,love"], "'love' is not a type of this log; they are buy"),
        ([shop, "--repeats", "buy"], "--repeats takes TYPE=yes or TYPE=no; got 'buy'"),
        ([log, "--repeats", "buy=no"], "repeats= is for logs with types: this has none"),
    ):
        told = say("data", "show", *words)
        assert (told.code, told.sentence.count(sentence)) == (2, 1), told.err


@pytest.mark.parametrize("kind", ["r0", "time"])
def test_evaluate_has_a_line_for_each_type(say, shop, kind):
    told = say("evaluate", "--data", shop, "--split", kind, "--model", "popularity")
    assert told.code == 0, told.err
    assert "1,026 training events, 114 in the test" in told.out
    header, buy, view = [line for line in told.out.splitlines() if line[:4] in
                         ("type", "buy ", "view")]  # fmt: skip
    assert header.split()[1::2] == ["recall@10", "ndcg@10", "new_recall@10", "new_ndcg@10"]
    assert (buy.split()[0], view.split()[0]) == ("buy", "view")
    assert "nll_type 0." in told.out


def test_own_parts_and_folds_have_types_too(say, shop, tmp_path):
    table = pl.read_csv(shop)
    for name, part in (("a", table.head(900)), ("b", table.tail(240))):
        part.write_csv(tmp_path / f"{name}.csv")
    table.drop("action").write_csv(tmp_path / "plain.csv")
    parts = ["--train", tmp_path / "a.csv", "--test", tmp_path / "b.csv"]
    told = say("evaluate", *parts, "--model", "popularity", "--repeats", "buy=yes")
    assert "popularity on a/b, seed 0: 900 training events, 240 in the test" in told.out
    folds = say("evaluate", "--data", shop, "--folds", 3, "--model", "own-events", "--json").json
    assert [fold["sizes"]["test"] for fold in folds["folds"]] == [380, 380, 380]
    assert folds["mean"]["new_ndcg@10/view"] > 0.1
    for words, sentence in (
        ([*parts[:3], tmp_path / "plain.csv"], "column for type and the test has none: give both"),
        (["--data", tmp_path / "plain.csv", "--folds", 2, "--repeats", "buy=yes"], "this has none"),
        (["--dataset", "ml-100k", "--folds", 2, "--repeats", "buy=yes"], "for your own files"),
    ):
        told = say("evaluate", *words)
        assert (told.code, told.sentence.count(sentence)) == (2, 1), told.err


def test_evaluate_writes_metrics_by_name_and_by_user(say, shop, tmp_path):
    told = say("evaluate", "--data", shop, "--model", "own-events", "--json",
               "--per-user", tmp_path / "users.csv")  # fmt: skip
    assert told.code == 0, told.err
    record = told.json
    assert min(record["ndcg@10/buy"], record["ndcg@10/view"]) > 0.4
    assert record["nll_type"] is None
    assert record["sizes"] == {
        "users": 60, "items": 20, "types": 2, "levels": 0, "train": 1026, "test": 114
    }  # fmt: skip
    users = pl.read_csv(tmp_path / "users.csv")
    assert users["ndcg@10/buy"].mean() == pytest.approx(record["ndcg@10/buy"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "means"], "no model 'means' here: there are conv4rec, popularity"),
        (["--split", "new-users"], "no split 'new-users' of a log with types"),
        (["--model", "popularity", "--lists"], "--lists is for logs without types"),
    ],
)
def test_what_is_of_ratings_alone_is_refused_in_a_sentence(say, shop, words, sentence):
    told = say("evaluate", "--data", shop, *words)
    assert told.code == 2
    assert sentence in told.sentence


@pytest.mark.usefixtures("bench_in_process")
def test_a_bench_has_a_table_for_each_type_and_a_report_prints_them_again(say, shop, tmp_path):
    told = say("bench", "--data", shop, "--models", "own-events", "--seeds", 1,
               "--records", tmp_path / "kept")  # fmt: skip
    assert told.code == 0, told.err
    assert told.out.count("own-events") == 2
    assert "Next buy:" in told.out
    assert "Next view:" in told.out
    report = say("report", tmp_path / "kept")
    assert "| model | recall@10 | ndcg@10 | new_recall@10 |" in report.out
    assert say("report", tmp_path / "kept", "--json").json["tables"][0]["metrics"]["ndcg@10/buy"]
    refused = say("bench", "--data", shop, "--tune")
    assert (refused.code, "are for logs without types" in refused.sentence) == (2, True)


def test_every_rule_of_thumb_runs_by_its_name():
    assert {"own-events", "weighted-cosine", "ease-union"} <= set(EVENT_MODELS)
