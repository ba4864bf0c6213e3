"""Explanations: contributions of the items of the history sum to the score exactly."""

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec
from conv4rec.errors import SettingError, UnknownItemError
from conv4rec.recommender.discovery import CONFIDENCE

USER = "u07"
NEWCOMER = {"i03": 5, "i08": 1, "i11": None, "i20": 4}


def probability(log_odds):
    return 1 / (1 + np.exp(-log_odds))


@pytest.fixture(scope="module", params=["default", "paper"])
def model(request, mixed, small):
    """The served network is wider than the trained one: it holds several snapshots."""
    return Conv4Rec(preset=request.param, **(small | {"n_steps": 30})).fit(mixed)


def unseen_of(model, user):
    seen = model.interactions_.to_frame().filter(pl.col("user_id") == user)["item_id"]
    return [item for item in model.interactions_.items.to_series() if item not in set(seen)]


def test_the_served_network_that_is_explained_is_wider_than_the_trained_one(mixed, small):
    served = Conv4Rec(**(small | {"n_steps": 30})).fit(mixed).config_
    assert served["served"]["rate_size"] > served["network"]["rate_size"]


def test_contributions_to_like_sum_to_the_log_odds_of_p_like(model):
    items = unseen_of(model, USER)
    pairs = pl.DataFrame({"user_id": [USER] * len(items), "item_id": items})
    expected = model.predict(pairs)["p_like"]
    sums = [model.explain(USER, item)["contribution"].sum() for item in items]
    np.testing.assert_allclose(probability(np.array(sums)), expected, atol=1e-6)


def test_contributions_to_consume_sum_to_the_log_of_p_consume_over_a_typical_item(model):
    items = unseen_of(model, USER)
    pairs = pl.DataFrame({"user_id": [USER] * len(items), "item_id": items})
    log_p = np.log(model.predict(pairs)["p_consume"].to_numpy())
    sums = [model.explain(USER, item, by="consume")["contribution"].sum() for item in items]
    np.testing.assert_allclose(sums, log_p - log_p.mean(), atol=2e-5)


@pytest.mark.parametrize("confidence", [0.5, 0.95, CONFIDENCE])
def test_contributions_to_a_discovery_sum_to_the_log_odds_of_its_score(model, confidence):
    found = model.recommend(USER, k=3, by="discover", confidence=confidence, min_p_like=0)
    for item, score in found.select("item_id", "score").iter_rows():
        total = model.explain(USER, item, by="discover", confidence=confidence)[
            "contribution"
        ].sum()
        assert probability(total) == pytest.approx(score, abs=1e-6)


def test_new_users_are_explained_too(model):
    contribution = model.explain(NEWCOMER, "i05")
    pair = pl.DataFrame({"user_id": ["new"], "item_id": ["i05"]})
    expected = model.predict(pair, users=NEWCOMER)["p_like"][0]
    assert probability(contribution["contribution"].sum()) == pytest.approx(expected, abs=1e-6)
    assert dict(contribution.select("item_id", "rating").rows()) == {None: None} | NEWCOMER
    assert contribution.columns == ["item_id", "rating", "contribution"]
    assert contribution["contribution"][1:].is_sorted(descending=True)


def test_what_contributes_most_is_of_the_same_shelf(tribes):
    """Two tribes, two shelves: the largest contributions are of the item's own shelf."""
    model = Conv4Rec(consume_size=16, rate_size=8, consume_reg_factors=(1.0,)).fit(tribes)
    history = {"i00": 5, "i01": 5, "i12": 1}
    contribution = model.explain(history, "i03", by="consume")
    assert set(contribution["item_id"][1:3]) == {"i00", "i01"}
    own, other = (
        dict(model.explain(history, item).select("item_id", "contribution").rows())
        for item in ("i03", "i13")
    )
    for liked in ("i00", "i01"):
        assert own[liked] > max(0.05, other[liked] + 0.05)
    assert own["i12"] > other["i12"]  # who dislikes one shelf likes the other


def test_lists_name_what_explain_ranks_first(model):
    for by, options in (("consume", {}), ("like", {}), ("discover", {"min_p_like": 0})):
        listed = model.recommend([USER, "u20"], k=3, by=by, reasons=2, **options)
        for row in listed.iter_rows(named=True):
            contribution = model.explain(row["user_id"], row["item_id"], by=by)[1:3]
            for place, (item, _, adds) in enumerate(contribution.iter_rows(), start=1):
                if adds > 0:
                    assert row[f"reason_{place}"] == item
                    assert row[f"reason_{place}_adds"] == pytest.approx(adds, rel=1e-4, abs=1e-6)
                else:
                    assert row[f"reason_{place}"] is None
                    assert row[f"reason_{place}_adds"] is None


def test_reasons_change_no_other_column_and_are_null_where_they_run_out(fitted_model):
    plain = fitted_model.recommend(NEWCOMER, k=4, by="like")
    told = fitted_model.recommend(NEWCOMER, k=4, by="like", reasons=9)
    assert told.select(plain.columns).equals(plain)
    assert told["reason_9"].null_count() == 4
    assert told["reason_1"].dtype == pl.String


def test_an_empty_list_has_the_same_columns(fitted_model):
    full = fitted_model.recommend(USER, k=1, reasons=2)
    with pytest.warns(UserWarning, match="shorter"):
        none = fitted_model.recommend(USER, k=1, reasons=2, allow=[])
    assert none.height == 0
    assert none.schema == full.schema


def test_a_wrong_argument_gets_one_clear_sentence(fitted_model, mixed):
    with pytest.raises(
        SettingError, match="by must be one of consume, like, discover; got 'rating'"
    ):
        fitted_model.explain(USER, "i03", by="rating")
    with pytest.raises(
        SettingError, match="by must be one of consume, like, discover; got 'rating'"
    ):
        fitted_model.recommend(USER, by="rating", reasons=1)
    with pytest.raises(SettingError, match="of one user; got 2"):
        fitted_model.explain(["u01", "u02"], "i03")
    with pytest.raises(UnknownItemError, match="nope"):
        fitted_model.explain(USER, "nope")
    seen = mixed.to_frame().filter(pl.col("user_id") == USER)["item_id"][0]
    with pytest.raises(SettingError, match=f"item '{seen}' is in the history"):
        fitted_model.explain(USER, seen, by="consume")
    assert fitted_model.explain(USER, seen, by="like").height > 1
    with pytest.raises(SettingError, match="confidence must be"):
        fitted_model.explain(USER, "i03", confidence=1.0)
    for wrong in (-1, 1.5, True, None):
        with pytest.raises(SettingError, match="reasons must be a whole number of at least 0"):
            fitted_model.recommend(USER, reasons=wrong)


def test_where_every_rating_is_a_like_there_is_nothing_to_explain(mixed, small):
    model = Conv4Rec(like_threshold=1, **small).fit(mixed)
    with pytest.raises(SettingError, match="higher like_threshold"):
        model.explain(USER, "i03")
    with pytest.raises(SettingError, match="higher like_threshold"):
        model.recommend(USER, by="discover", reasons=1)
    assert model.recommend(USER, reasons=1, k=2).height == 2
