"""Predictions for given pairs, and the same user given in every way there is."""

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec, Interactions
from conv4rec.data import Ids
from conv4rec.errors import (
    Conv4RecError,
    DataError,
    UnknownItemError,
    UnknownUserError,
)
from conv4rec.recommender import as_scorer

USER = "u07"


def assert_same_numbers(found, expected):
    assert found.columns == expected.columns
    for column in expected.columns:
        if expected[column].dtype.is_float():
            np.testing.assert_allclose(found[column], expected[column], rtol=2e-5, atol=1e-7)
        elif column != "user_id":
            assert found[column].equals(expected[column]), column


def history_of(mixed, user):
    return mixed.to_frame().filter(pl.col("user_id") == user)


def test_pairs_get_the_numbers_that_lists_show_in_their_own_order(fitted_model, rng):
    listed = fitted_model.recommend(k=10)
    mixed_up = listed[rng.permutation(listed.height)]
    predicted = fitted_model.predict(mixed_up.select("item_id", "user_id"))
    assert_same_numbers(predicted, mixed_up.drop("rank", "score"))
    assert predicted["user_id"].equals(mixed_up["user_id"])


def test_pairs_may_repeat_and_come_under_usual_names(fitted_model):
    pairs = pl.DataFrame({"userId": ["u09", "u01", "u09"], "movieId": ["i01", "i01", "i01"]})
    predicted = fitted_model.predict(pairs)
    assert predicted["user_id"].to_list() == ["u09", "u01", "u09"]
    assert predicted.row(0) == predicted.row(2)


@pytest.mark.parametrize(
    "column",
    [pl.Series("rating", ["n/a"]), pl.Series("rating", [np.nan]), pl.Series("date", ["?"])],
)
def test_what_pairs_do_not_need_cannot_be_wrong(fitted_model, column):
    pairs = fitted_model.recommend(k=1).select("user_id", "item_id").head(1)
    assert fitted_model.predict(pairs.with_columns(column)).equals(fitted_model.predict(pairs))


def test_a_history_is_read_without_timestamps_that_are_not_understood(fitted_model):
    history = pl.DataFrame({"user": ["x"], "item": fitted_model.recommend(k=1)["item_id"].head(1)})
    doubtful = history.with_columns(date=pl.lit("01/02/2020"))
    with pytest.warns(UserWarning, match="which number is the month.*: it is left out"):
        found = fitted_model.recommend(doubtful, k=3)
    assert found.equals(fitted_model.recommend(history, k=3))


def test_a_consumed_item_is_not_consumed_again_but_has_a_rating(fitted_model, mixed):
    predicted = fitted_model.predict(history_of(mixed, USER))
    assert (predicted["p_consume"] == 0).all()
    np.testing.assert_allclose(predicted.select("^p_rating_.*$").sum_horizontal(), 1, atol=1e-5)


def test_unknown_ids_in_pairs_name_the_row(fitted_model):
    pairs = pl.DataFrame({"user_id": ["u01", "nobody"], "item_id": ["i01", "i01"]})
    with pytest.raises(UnknownUserError, match="row 2: user 'nobody'"):
        fitted_model.predict(pairs)
    with pytest.raises(UnknownItemError, match="row 1: item 'nothing'"):
        fitted_model.predict(pl.DataFrame({"user_id": ["u01"], "item_id": ["nothing"]}))
    with pytest.raises(DataError, match="user ids here are str"):
        fitted_model.predict(pl.DataFrame({"user_id": [1], "item_id": ["i01"]}))
    with pytest.raises(DataError, match="item_id"):
        fitted_model.predict(pl.DataFrame({"user_id": ["u01"]}))


def test_the_memory_budget_changes_no_prediction(fitted_model, mixed, monkeypatch):
    whole = fitted_model.predict(mixed.to_frame())
    monkeypatch.setattr(fitted_model.scoring_, "max_memory_mb", 0.01)
    assert_same_numbers(fitted_model.predict(mixed.to_frame()), whole)


def test_a_history_brings_the_lists_of_its_user(fitted_model, mixed, tmp_path):
    """As dict, frame, file or Interactions: the same numbers as the training user's."""
    expected = fitted_model.recommend(USER, k=10)
    frame = history_of(mixed, USER)
    frame.write_csv(tmp_path / "history.csv")
    number = mixed.users.number(USER)
    ways = {
        "dict": dict(frame.select("item_id", "rating").rows()),
        "polars": frame,
        "pandas": frame.to_pandas(),
        "arrow": frame.to_arrow(),
        "file": tmp_path / "history.csv",
        "name of a file": str(tmp_path / "history.csv"),
        "Interactions": mixed.take_users(np.array([number])),
        "Interactions of other ids": Interactions.from_frame(frame, levels=mixed.levels),
    }
    for way, history in ways.items():
        found = fitted_model.recommend(history, k=10)
        assert_same_numbers(found, expected)
        assert found["user_id"].unique().to_list() == ["new" if way == "dict" else USER], way


def test_predictions_may_be_of_users_never_seen_in_training(fitted_model, mixed):
    pairs = fitted_model.recommend(USER, k=5).select("user_id", "item_id")
    renamed = history_of(mixed, USER).with_columns(user_id=pl.lit("newcomer"))
    found = fitted_model.predict(pairs.with_columns(user_id=pl.lit("newcomer")), users=renamed)
    assert_same_numbers(found, fitted_model.predict(pairs))
    with pytest.raises(UnknownUserError, match="newcomer"):
        fitted_model.predict(pairs.with_columns(user_id=pl.lit("newcomer")))


def test_many_new_users_are_served_as_each_alone(fitted_model, mixed):
    frame = mixed.to_frame().filter(pl.col("user_id") < "u05")
    together = fitted_model.recommend(frame, k=5)
    assert_same_numbers(together, fitted_model.recommend([f"u0{n}" for n in range(5)], k=5))
    users = frame.partition_by("user_id")
    alone = pl.concat(fitted_model.recommend(rows, k=5) for rows in users)
    assert_same_numbers(together, alone)


def test_unknown_items_of_a_history_are_left_out_and_reported(fitted_model, mixed):
    frame = history_of(mixed, USER)
    extra = frame.head(2).with_columns(item_id=pl.Series(["x1", "x2"]))
    with pytest.warns(UserWarning, match="2 of 14 interactions .* 'x1': they were left out") as w:
        found = fitted_model.recommend(pl.concat([extra, frame]), k=5)
    assert_same_numbers(found, fitted_model.recommend(USER, k=5))
    assert len(w) == 1
    with pytest.raises(UnknownItemError, match="x1"):
        fitted_model.recommend({"x1": 5})


@pytest.mark.parametrize(
    "history",
    [{}, {"i01": "5"}, {"i01": True}, {"i01": float("nan")}, {"i01": 3.5}, {"i01": [5]}, [], 1.5],
)
def test_a_history_that_makes_no_sense_is_an_error(fitted_model, history):
    with pytest.raises(Conv4RecError):
        fitted_model.recommend(history)


def test_a_history_without_interactions_gets_the_prior(fitted_model, mixed):
    empty = mixed.select(np.zeros(len(mixed), dtype=bool)).take_users(np.array([3]))
    listed = fitted_model.recommend(empty, k=37)
    assert listed["p_consume"].sum() == pytest.approx(1.0, abs=1e-5)
    bias = fitted_model.scoring_.network.consume_bias.softmax(0)
    order = np.argsort(-bias.numpy(), kind="stable")
    assert listed["item_id"].to_list() == mixed.items.ids(order).to_list()


def test_a_history_moves_the_lists(fitted_model):
    liked, hated = (fitted_model.recommend({"i01": r, "i02": r}, k=20) for r in (5, 1))
    joined = liked.join(hated, on="item_id")
    assert joined["expected_rating"].mean() > joined["expected_rating_right"].mean()
    assert not liked["p_consume"].equals(fitted_model.recommend({"i03": 5}, k=20)["p_consume"])


def test_int_ids_are_served_with_a_dict_too(small):
    log = pl.DataFrame({"user_id": [1, 1, 2], "item_id": [-5, 2**40, 7], "rating": [1, 2, 2]})
    model = Conv4Rec(**small).fit(log)
    listed = model.recommend({7: 2, -5: None}, k=1)
    assert listed["user_id"].to_list() == [0]
    assert listed["item_id"].to_list() == [2**40]


def test_a_wider_catalogue_of_the_same_ids_is_read_by_id(fitted_model, mixed):
    """Interactions over other items: the same film has another number there."""
    frame = history_of(mixed, USER)
    more = Ids.from_values(pl.concat([pl.Series(["a", "zz"]), mixed.items.to_series()]), "item")
    wider = Interactions.from_frame(frame, items=more, levels=mixed.levels)
    assert_same_numbers(fitted_model.recommend(wider, k=5), fitted_model.recommend(USER, k=5))


def test_the_scorer_gives_the_numbers_of_predict(fitted_model, mixed):
    rows, items = np.array([3, 1, 3]), np.array([0, 5, 36])
    pairs = pl.DataFrame({"user_id": mixed.users.ids(rows), "item_id": mixed.items.ids(items)})
    predicted, scorer = fitted_model.predict(pairs), as_scorer(fitted_model)
    probabilities = scorer.rating_probabilities(mixed, rows, items)
    np.testing.assert_allclose(probabilities, predicted.select("^p_rating_.*$"), rtol=2e-5)
    expected = scorer.expected_ratings(mixed, rows, items)
    np.testing.assert_allclose(expected, predicted["expected_rating"], rtol=2e-5)
    logs = scorer.rank_log_probabilities(mixed, np.array([1, 3]))
    np.testing.assert_allclose(np.exp(logs[[1, 0, 1], items]), predicted["p_consume"], rtol=2e-5)
    assert np.array_equal(scorer.rank_scores(mixed, np.array([1, 3])), logs)


def test_intervals_are_those_of_discoveries_and_the_rest_stays(fitted_model):
    with pytest.warns(UserWarning, match="shorter"):
        found = fitted_model.recommend(k=99, by="discover", novelty=0)
    found = found.sample(fraction=1.0, shuffle=True, seed=1)
    contribution = fitted_model.predict(found.select("user_id", "item_id"), intervals=True)
    assert_same_numbers(
        contribution, found.drop("rank", "score", "consume_rank", "popularity_lift")
    )
    plain = fitted_model.predict(found.select("user_id", "item_id"))
    assert_same_numbers(contribution.drop("p_like_low", "p_like_high"), plain)


def test_intervals_of_new_users_too(fitted_model):
    pairs = pl.DataFrame({"user_id": ["new", "new"], "item_id": ["i01", "i02"]})
    contribution = fitted_model.predict(pairs, users={"i03": 5, "i11": None}, intervals=True)
    assert (contribution["p_like_low"] < contribution["p_like"]).all()
    assert (contribution["p_like"] < contribution["p_like_high"]).all()
