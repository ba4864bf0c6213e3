"""What the explorer shows is what the Python calls answer."""

import io
import json

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec
from conv4rec.errors import Conv4RecError, SettingError, UnknownUserError
from conv4rec.recommender.answers import Answers
from conv4rec.recommender.views import VIEWS, View, view_of

pytestmark = pytest.mark.filterwarnings("ignore:.* lists are shorter than k=")
USER = "u03"


@pytest.fixture(scope="module")
def answers(fitted_model):
    return Answers(fitted_model, {"i00": "Dune"})


def shown(view):
    return json.loads(view.json())


def test_the_plane_is_every_item_and_the_lists_are_those_of_recommend(answers, fitted_model):
    view = view_of(answers, "person", {"user": USER, "k": "5"})
    items = fitted_model.interactions_.items.to_series()
    pairs = pl.DataFrame({"user_id": [USER] * len(items), "item_id": items})
    expected = fitted_model.predict(pairs, intervals=True)
    own = set(fitted_model.interactions_.to_frame().filter(user_id=USER)["item_id"])
    plane = view.tables["plane"]
    left = ~items.is_in(list(own))
    for name in ("p_consume", "p_like", "p_like_low", "p_like_high", "expected_rating"):
        assert plane[name].is_null().to_list() == (~left).to_list()
        np.testing.assert_allclose(
            plane[name].filter(left), expected[name].filter(left), rtol=1e-5, atol=1e-7
        )
    for by in ("consume", "discover"):
        listed = fitted_model.recommend(USER, 5, by=by, reasons=2)
        assert view.tables[by].equals(listed.drop("user_id"))
    assert set(view.tables["history"]["item_id"]) == own


def test_without_reasons_the_lists_are_the_same(answers, fitted_model):
    quick = view_of(answers, "person", {"user": USER, "k": "30", "reasons": "0"}).tables
    for by in ("consume", "discover"):
        found, listed = quick[by], fitted_model.recommend(USER, 30, by=by).drop("user_id")
        assert found.schema == listed.schema
        assert found["item_id"].equals(listed["item_id"])
        for name in listed.columns[1:]:  # sums over more items at once are rounded otherwise
            np.testing.assert_allclose(found[name], listed[name], rtol=1e-5)


def test_the_line_of_the_plane_parts_novel_items_from_the_rest(answers):
    view = view_of(answers, "person", {"user": USER, "novelty": "8"})
    p = np.sort(view.tables["plane"]["p_consume"].drop_nulls())[::-1]
    assert view.facts["novel_below"] == pytest.approx(p[8])
    assert (
        shown(view_of(answers, "person", {"user": USER, "novelty": "36"}))["discover"]["rank"] == []
    )


def test_a_history_is_read_without_what_is_unknown_and_empty_it_is_popularity(answers):
    facts = view_of(answers, "person", {"history": '{"i01": 5, "nope": null}'}).facts
    assert (facts["unknown_items"], facts["fallback"], facts["n_interactions"]) == (
        ["nope"],
        None,
        1,
    )
    for history in ("{}", '{"nope": 1}'):
        view = view_of(answers, "person", {"history": history})
        assert view.facts["fallback"] == "popularity"
        assert view.tables["history"].height == 0
        assert view.tables["plane"]["p_consume"].null_count() == 0
        view_of(answers, "rows", {"history": history})
        view_of(answers, "why", {"history": history, "item": "i01"})


def test_why_an_item_sums_to_its_chance(answers, fitted_model):
    own = set(fitted_model.interactions_.to_frame().filter(user_id=USER)["item_id"])
    item = next(i for i in fitted_model.interactions_.items.to_series() if i not in own)
    view = view_of(answers, "why", {"user": USER, "item": item})
    parts = view.tables["like"]
    log_odds = parts["contribution"].sum() + parts["others"][0]
    assert 1 / (1 + np.exp(-log_odds)) == pytest.approx(view.facts["p_like"], abs=1e-4)
    seen = view_of(answers, "why", {"user": USER, "item": min(own)})
    assert seen.facts["seen"]
    assert "consume" not in seen.tables


def test_the_dial_goes_from_the_picks_to_the_discoveries(answers, fitted_model):
    view = view_of(answers, "rows", {"user": "u09"})
    dial = view.tables["dial"]
    picks = fitted_model.recommend("u09", 10)
    bold = fitted_model.recommend("u09", 10, by="discover")
    assert dial["discoveries"].to_list() == list(range(bold.height + 1))
    assert dial["expected_likes"][0] == pytest.approx(picks["p_like"].sum(), rel=1e-5)
    assert dial["p_next"][0] == pytest.approx(picks["p_consume"].sum(), rel=1e-5)
    assert (dial["p_next"].diff().drop_nulls() < 0).all()
    assert (dial["would_miss"].diff().drop_nulls() > 0).all()
    missed = (1 - bold["p_consume"].to_numpy().astype(float)) ** 12  # 12 in the history
    n = bold.height
    safe = picks.filter(~pl.col("item_id").is_in(bold["item_id"].to_list()))["p_consume"][: 10 - n]
    whole = np.concatenate([missed, (1 - safe.to_numpy().astype(float)) ** 12])
    assert dial["would_miss"][n] == pytest.approx(whole.mean(), rel=1e-5)


def test_rows_because_of_an_item_name_one_that_is_liked(answers, fitted_model):
    log = fitted_model.interactions_.to_frame()
    n_rows = 0
    for user in log["user_id"].unique().sort()[:6]:
        found = view_of(answers, "rows", {"user": user}).tables["because"]
        own = dict(log.filter(user_id=user)["item_id", "rating"].rows())
        assert all(own[item] is None or own[item] >= 4 for item in found["reason_1"])
        n_rows += found.height
    assert n_rows > 0


def test_what_fans_love_is_counted_in_the_log(answers, fitted_model):
    log = fitted_model.interactions_.to_frame().filter(pl.col("rating").is_not_null())
    n_checked = 0
    for item in fitted_model.interactions_.items.to_series()[:6]:
        view = view_of(answers, "item", {"item": item})
        fans = log.filter((pl.col("item_id") == item) & (pl.col("rating") >= 4))["user_id"]
        for row in view.tables["liked_too"].iter_rows(named=True):
            theirs = log.filter(
                (pl.col("item_id") == row["item_id"]) & pl.col("user_id").is_in(fans.to_list())
            )
            assert (theirs.height, (theirs["rating"] >= 4).mean()) == (row["n"], row["share"])
            n_checked += 1
        assert sum(view.tables["ratings"]["n"]) == view.facts["n_rated"]
    assert n_checked > 0


def test_a_model_counts_its_lists_and_holds_ratings_out(answers, fitted_model):
    view = view_of(answers, "model", {"k": "4"})
    listed = fitted_model.recommend(k=4)["item_id"]
    consume = view.tables["coverage"].row(0, named=True)
    assert consume["items"] == listed.n_unique()
    for name in ("interactions", "consume", "like", "discover"):
        assert view.tables["exposure"][name].sum() == pytest.approx(1)
    pairs = view.tables["pairs"]
    log = fitted_model.interactions_.to_frame()
    rated = log.filter(pl.col("rating").is_not_null()).join(pairs, on=["user_id", "item_id"])
    assert rated.height == pairs.height > 20
    assert ((rated["rating"] >= 4) == rated["liked"]).all()
    # A pair is predicted without it: one that is in the history is never consumed again.
    assert (pairs["p_consume"] > 0).all()


def test_tables_are_csv_and_json_of_the_same_values(answers):
    for name, texts in (
        ("catalogue", {}), ("users", {"start": "u0"}), ("person", {"user": USER}),
        ("why", {"user": USER, "item": "i02"}), ("rows", {"user": USER}), ("item", {"item": "i02"}),
        ("model", {}),
    ):  # fmt: skip
        view = view_of(answers, name, texts)
        whole = shown(view)
        assert set(whole) == set(view.facts) | set(view.tables)
        for table, frame in view.tables.items():
            read = pl.read_csv(io.StringIO(view.csv(table)), infer_schema=False)
            assert (read.height, read.columns) == (frame.height, frame.columns)
            assert list(whole[table]) == frame.columns
    assert shown(view_of(answers, "catalogue", {}))["items"]["title"][:2] == ["Dune", None]


def test_ids_that_a_browser_would_round_are_text():
    table = pl.DataFrame({"item_id": [1, 2**60], "n": [1, 2], "p": [float("nan"), 0.5]})
    assert shown(View({}, {"t": table}))["t"] == {
        "item_id": ["1", str(2**60)], "n": [1, 2], "p": [None, 0.5],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "texts", "sentence"),
    [
        ("nothing", {}, "a view is one of"),
        ("person", {}, "say who"),
        ("person", {"user": USER, "history": "{}"}, "say who"),
        ("person", {"user": USER, "kk": "1"}, "got 'kk'"),
        ("person", {"user": USER, "k": "0"}, "k must be a whole number from 1 to 100"),
        ("person", {"user": USER, "k": "-1"}, "k must be"),
        ("person", {"user": USER, "novelty": "new"}, "novelty"),
        ("person", {"user": USER, "confidence": "2"}, "confidence"),
        ("person", {"user": USER, "confidence": "high"}, "numbers"),
        ("person", {"history": "[1]"}, "JSON"),
        ("person", {"history": "[" * 5000}, "JSON"),
        ("person", {"history": '{"i01": "five"}'}, "rating of item"),
        ("person", {"history": '{"i01": 17}'}, "not on the scale"),
        ("why", {"user": USER}, "say which item"),
        ("item", {"item": "nothing"}, "nothing"),
    ],
)
def test_mistakes_are_sentences(answers, name, texts, sentence):
    with pytest.raises(Conv4RecError, match="(?i)" + sentence.replace("[", r"\[")):
        view_of(answers, name, texts)


def test_an_unknown_person_and_table_are_said(answers):
    with pytest.raises(UnknownUserError, match="send their history"):
        view_of(answers, "person", {"user": "nobody"})
    with pytest.raises(SettingError, match="discover, consume, history, plane"):
        view_of(answers, "person", {"user": USER}).csv("lists")


def test_a_log_without_ratings_has_views_too():
    log = pl.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [1, 2, 3, 1, 2]})
    answers = Answers(Conv4Rec(n_steps=2, consume_reg_factors=()).fit(log))
    with pytest.raises(SettingError, match="a log without types: its view is person"):
        view_of(answers, "types", {"user": "1"})
    for name in set(VIEWS) - {"types"}:
        texts = {"user": "1", "item": "1"}
        view = view_of(answers, name, {k: texts[k] for k in texts if k in VIEWS[name].reads})
        shown(view)
