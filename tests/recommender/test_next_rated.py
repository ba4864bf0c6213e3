"""P(consume) in a log with ratings and other types: to consume is what gets rated."""

import warnings
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec
from conv4rec.errors import DataError, SettingError
from conv4rec.recommender.answers import Answers
from conv4rec.recommender.views import view_of


def library(seed=0, kinds=("read",)):
    """Readers wish for books of one shelf and read, with a rating, books of another."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(60):
        shelf = user % 2 * 10
        wished = 20 + shelf + rng.choice(10, 6, replace=False)
        rows += [(user, int(item), "wish", None) for item in wished]
        read = shelf + rng.choice(10, 5, replace=False)
        rows += [
            (user, int(item), kinds[int(item) % len(kinds)], float(rng.integers(1, 6)))
            for item in read
        ]
    schema = {"user_id": pl.Int64, "item_id": pl.Int64, "type": pl.String, "rating": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.fixture(scope="module")
def model(small):
    return Conv4Rec(**small).fit(library())


@pytest.fixture(scope="module")
def two_rated(small):
    return Conv4Rec(**small).fit(library(kinds=("read", "heard")))


def everything(model, user=0):
    return model.predict(pl.DataFrame({"user_id": [user] * 40, "item_id": range(40)}))


def test_what_is_wished_is_not_what_is_read_next(model):
    """Half of all events are wishes, of other books: they may not fill the list."""
    listed = model.recommend(0, 5)
    assert (listed["item_id"] < 10).all()
    assert "p_like" in listed.columns


def test_it_is_the_next_event_with_a_rating_among_what_is_new(model):
    found = everything(model)
    is_new = found["p_consume"].to_numpy() > 0
    assert found["p_consume"].sum() == pytest.approx(1, abs=1e-5)
    assert is_new.sum() == 40 - 11  # wished books are in the history too
    of_read = found["p_read"].to_numpy() * is_new
    assert np.allclose(found["p_consume"], of_read / of_read.sum(), atol=1e-6)
    listed = model.recommend(0, 29)
    assert listed["p_consume"].to_list() == pytest.approx(
        found.sort("p_consume", "item_id", descending=[True, False])["p_consume"][:29].to_list()
    )


def test_several_types_with_ratings_are_mixed_by_their_chance(two_rated):
    found = everything(two_rated)
    is_new = found["p_consume"].to_numpy() > 0
    joint = found["p_next"] * (found["share_read"] + found["share_heard"])
    assert np.allclose(found["p_consume"], joint / joint.filter(is_new).sum() * is_new, atol=1e-5)
    with pytest.raises(SettingError, match="several types carry ratings"):
        two_rated.explain(0, 9 if is_new[9] else int(np.flatnonzero(is_new)[0]), by="consume")


def test_explanations_sum_to_the_listed_score(model):
    found = everything(model)
    item = int(found.filter(pl.col("p_consume") > 0)["item_id"][0])
    parts = model.explain(0, item, by="consume")
    log_p = found.filter(pl.col("p_consume") > 0).with_columns(pl.col("p_consume").log())
    score = log_p.filter(item_id=item)["p_consume"][0] - log_p["p_consume"].mean()
    assert parts["contribution"].sum() == pytest.approx(score, abs=1e-4)
    listed = model.recommend(0, 3, reasons=2)
    assert listed["reason_1"].null_count() < 3


def test_histories_are_read_with_their_types(model):
    """A rating alone is of the only type that has ratings; else it stands behind its type."""
    listed = model.recommend({0: 5, 1: ["read", 4], 2: ("wish", "read", 3), 21: "wish"}, 5)
    assert (listed["item_id"] < 10).all()
    assert listed.equals(model.recommend({0: 5, 1: 4, 2: ["wish", 3], 21: "wish"}, 5))
    untyped = replace(model.interactions_, events=None)
    with pytest.raises(SettingError, match="histories with a column for type"):
        model.scoring_.score(untyped, np.arange(3))
    with pytest.raises(DataError, match="the histories have no column for type"):
        model.recommend(untyped)


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ({0: "read"}, "item 0 has the type 'read', which always has a rating"),
        ({0: ["read", "heard", 4]}, "item 0 has the type 'read', which always has a rating"),
        ({0: 4}, "types with ratings are: heard or read; write a rating behind its type"),
        ({0: ["wish", 4]}, "write a rating behind its type"),
        ({0: ["read", 4, 5]}, "write a rating behind its type"),
        ({0: True}, "item 0 has the type True, which is not one of this model"),
        ({0: ["read", 9]}, "rating 9 is not on the scale"),
    ],
)
def test_ratings_without_a_type_and_types_without_a_rating_are_refused(two_rated, history, says):
    with pytest.raises(DataError, match=says):
        two_rated.recommend(history)


def test_a_saved_model_lists_the_same(model, tmp_path):
    model.save(tmp_path / "m")
    loaded = Conv4Rec.load(tmp_path / "m")
    for by in ("consume", "like", "discover"):
        with warnings.catch_warnings():  # of short lists
            warnings.simplefilter("ignore")
            assert loaded.recommend(by=by, k=3).equals(model.recommend(by=by, k=3)), by


def test_an_audience_is_of_those_who_would_read_it(model):
    found = model.audience(3, k=10, by="consume")
    readers = set(model.interactions_.users.ids(np.arange(60)).filter(np.arange(60) % 2 == 0))
    assert found.height == 10
    assert set(found["user_id"]) <= readers  # of this shelf


def test_parts_of_a_log_keep_their_types(model):
    """The explorer reads some ratings of some users without these."""
    log = model.interactions_
    part = log.take_users(np.array([0, 3])).select(np.arange(22) % 2 == 0)
    assert part.events is not None
    assert part.events.interactions().to_frame().equals(part.to_frame())
    with warnings.catch_warnings():  # of short lists
        warnings.simplefilter("ignore")
        for name in ("model", "person", "rows", "item"):
            asked = {"model": {}, "item": {"item": "3"}}.get(name, {"user": "0"})
            assert view_of(Answers(model), name, asked).tables, name


def test_seen_without_an_opinion_is_the_commonest_type_without_a_rating(model):
    history = '{"0": 5, "21": null}'
    found = view_of(Answers(model), "person", {"history": history})
    assert (found.facts["n_interactions"], found.facts["n_rated"]) == (2, 1)
