"""Lists: their sums, their order, and what is never in them."""

import warnings

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from conv4rec import Conv4Rec
from conv4rec.errors import NotFittedError, SettingError, UnknownItemError, UnknownUserError
from conv4rec.recommender.list_scores import ORDERS

USER = "u07"


@pytest.fixture
def seen(mixed):
    """What each user has consumed: id -> set of item ids."""
    frame = mixed.to_frame()
    return {user: set(rows["item_id"]) for (user,), rows in frame.group_by("user_id")}


def all_items(model, users=None, **options):
    """Everything that may be listed, without the warning that lists are shorter than k."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
        return model.recommend(users, k=model.interactions_.n_items, **options)


def any_p_like(by):
    """The options under which discoveries of any P(like) are listed too."""
    return {"by": by, "min_p_like": 0} if by == "discover" else {"by": by}


def rating_columns(frame):
    return frame.select(pl.col("^p_rating_.*$")).to_numpy()


def test_p_consume_sums_to_one_over_what_was_not_consumed(fitted_model, seen):
    listed = all_items(fitted_model)
    for (user,), rows in listed.group_by("user_id"):
        assert not seen[user] & set(rows["item_id"])
        assert len(seen[user]) + rows.height == fitted_model.interactions_.n_items
        assert rows["p_consume"].sum() == pytest.approx(1.0, abs=1e-5)


def test_level_probabilities_sum_to_one_and_give_the_other_columns(fitted_model):
    listed = all_items(fitted_model)
    probabilities = rating_columns(listed)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-5)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_allclose(
        listed["expected_rating"], probabilities @ [1, 2, 3, 4, 5], rtol=1e-5
    )
    np.testing.assert_allclose(listed["p_like"], probabilities[:, 3:].sum(1), rtol=1e-5)


def test_an_item_of_the_history_has_p_consume_0(fitted_model, seen):
    listed = all_items(fitted_model, USER, exclude_seen=False)
    consumed = listed["item_id"].is_in(sorted(seen[USER]))
    assert listed.height == fitted_model.interactions_.n_items
    assert (listed.filter(consumed)["p_consume"] == 0).all()
    assert (listed.filter(~consumed)["p_consume"] > 0).all()


@pytest.mark.parametrize("by", ORDERS)
def test_scores_fall_and_ranks_count_from_one(fitted_model, by):
    listed = all_items(fitted_model, by=by)
    assert listed["user_id"].is_sorted()
    for _, rows in listed.group_by("user_id"):
        assert rows["rank"].to_list() == list(range(1, rows.height + 1))
        assert rows["score"].is_sorted(descending=True)
        assert rows["score"].is_finite().all()
        assert rows["item_id"].n_unique() == rows.height


@pytest.mark.parametrize(
    ("by", "score"),
    [
        ("consume", pl.col("p_consume")),
        ("like", pl.col("p_like")),
        ("rating", pl.col("expected_rating")),
        ("consume_and_like", pl.col("p_consume") * pl.col("p_like")),
    ],
)
def test_the_score_is_what_was_asked_for(fitted_model, by, score):
    plain = {"confidence": 0.5, "limit_exposure": False} if by in ("like", "rating") else {}
    listed = all_items(fitted_model, by=by, **plain).with_columns(expected=score)
    np.testing.assert_allclose(listed["score"], listed["expected"], rtol=1e-5)


@pytest.mark.parametrize("by", ORDERS)
def test_a_short_list_is_the_top_of_a_long_one(fitted_model, by):
    options = any_p_like(by)
    top = fitted_model.recommend(k=2, **options)
    whole = all_items(fitted_model, **options).filter(pl.col("rank") <= 2)
    assert_frame_equal(top, whole, rel_tol=1e-5)  # a last bit may depend on a block's size


def test_novelty_median_lists_what_is_below_the_median(fitted_model):
    every = all_items(fitted_model, by="consume")
    below_median = {"by": "discover", "novelty": "median", "min_p_like": 0, "confidence": 0.5}
    found = all_items(fitted_model, **below_median)
    median = every.group_by("user_id").agg(pl.col("p_consume").median().alias("median"))
    joined = found.join(median, on="user_id")
    assert (joined["p_consume"] < joined["median"]).all()
    below = every.join(median, on="user_id").filter(pl.col("p_consume") < pl.col("median"))
    assert below.height == found.height


def test_of_equal_scores_the_smaller_id_comes_first(mixed):
    """Unrated interactions alone, before a step of training: P(like) is the same for all."""
    unrated = mixed.to_frame().with_columns(rating=pl.lit(None, dtype=pl.Float64))
    model = Conv4Rec(n_steps=1, learning_rate=0.0, consume_reg_factors=()).fit(unrated)
    listed = all_items(model, by="like")
    assert listed["score"].n_unique() == 1
    for _, rows in listed.group_by("user_id"):
        assert rows["item_id"].is_sorted()


@pytest.mark.parametrize("by", ORDERS)
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_filters_are_never_weakened(fitted_model, seen, mixed, by, exclude_seen):
    items = mixed.items.to_series().to_list()
    allow, block = items[::2], items[:10]
    listed = all_items(
        fitted_model, by=by, exclude_seen=exclude_seen, allow=allow, block=block
    )  # fmt: skip
    assert set(listed["item_id"]) <= set(allow) - set(block)
    if exclude_seen:
        assert not any(
            item in seen[user] for user, item in listed.select("user_id", "item_id").rows()
        )
    elif by == "consume":
        assert listed.height == mixed.n_users * len(set(allow) - set(block))


def test_a_filter_changes_no_number_of_what_is_left(fitted_model, mixed):
    items = mixed.items.to_series().to_list()
    listed = all_items(fitted_model, block=items[:10]).drop("rank")
    every = all_items(fitted_model).filter(~pl.col("item_id").is_in(items[:10])).drop("rank")
    assert_frame_equal(listed, every, rel_tol=1e-5)


def test_short_lists_say_why(fitted_model, mixed, seen):
    items = mixed.items.to_series().to_list()
    with pytest.warns(UserWarning, match=r"1 of 1 lists are shorter than k=30: the history") as one:
        assert fitted_model.recommend(USER, k=30).height == 37 - len(seen[USER])
    assert "allow" not in str(one[0].message)
    assert one[0].filename == __file__
    with pytest.warns(UserWarning, match="allow and block leave 3 items"):
        fitted_model.recommend(k=4, allow=items[:3])
    with pytest.warns(UserWarning, match=r"60 of 60 .*: the catalogue has 37 items"):
        fitted_model.recommend(k=38, exclude_seen=False)
    with pytest.warns(UserWarning, match="median"):
        fitted_model.recommend(USER, k=30, by="discover", novelty="median")
    with pytest.warns(UserWarning, match="allow and block leave 0 items"):
        none = fitted_model.recommend(USER, k=1, allow=[])
    assert none.height == 0
    assert none.schema == fitted_model.recommend(USER, k=1).schema


@pytest.mark.parametrize("k", [0, -1, True, False, 1.5, 2.0, "3", None, float("nan")])
def test_k_is_a_whole_number_of_at_least_one(fitted_model, k):
    with pytest.raises(SettingError, match="whole number of at least 1"):
        fitted_model.recommend(USER, k=k)
    with pytest.raises(SettingError, match="whole number of at least 1"):
        fitted_model.similar_items("i03", k=k)


def test_a_huge_k_costs_nothing(fitted_model):
    with pytest.warns(UserWarning, match="shorter"):
        assert fitted_model.recommend(USER, k=10**9).height < 37
    assert fitted_model.recommend(USER, k=np.int64(3)).height == 3


def test_an_unknown_order_lists_the_known_ones(fitted_model):
    with pytest.raises(
        SettingError, match="by must be one of consume, like, rating, consume_and_like, discover"
    ):
        fitted_model.recommend(USER, by="popularity")


def test_unknown_ids_are_errors_with_hints(fitted_model):
    with pytest.raises(UnknownUserError, match="did you mean 'u"):
        fitted_model.recommend("u0")
    with pytest.raises(UnknownUserError, match=r"u99"):
        fitted_model.recommend(["u01", "u99"])
    for option in ("allow", "block"):
        with pytest.raises(UnknownItemError, match="did you mean 'i"):
            fitted_model.recommend(USER, **{option: ["i01", "i3"]})
    with pytest.raises(UnknownItemError, match="nope"):
        fitted_model.similar_items("nope")
    with pytest.raises(UnknownUserError, match="ids here are str, got the int 7"):
        fitted_model.recommend(7)


def test_the_string_1_is_not_the_number_1(small):
    log = pl.DataFrame({"user_id": [1, 1, 2], "item_id": ["1", "2", "1"], "rating": [1, 2, 2]})
    model = Conv4Rec(**small).fit(log)
    assert model.recommend(1, k=1, exclude_seen=False)["user_id"].to_list() == [1]
    with pytest.raises(UnknownUserError, match="ids here are int, got the str '1'"):
        model.recommend("1")
    with pytest.raises(UnknownItemError, match="ids here are str, got the int 1"):
        model.recommend(1, block=[1])
    with pytest.raises(UnknownUserError):
        model.recommend(True)


@pytest.mark.parametrize("by", ORDERS)
def test_the_memory_budget_changes_no_list(fitted_model, by, monkeypatch):
    options = any_p_like(by)
    whole = fitted_model.recommend(k=3, **options)
    blocks = []
    score = fitted_model.scoring_.score
    monkeypatch.setattr(fitted_model.scoring_, "max_memory_mb", 0.02)
    monkeypatch.setattr(
        fitted_model.scoring_,
        "score",
        lambda h, rows, **more: blocks.append(len(rows)) or score(h, rows, **more),
    )
    parts = fitted_model.recommend(k=3, **options)
    assert len(blocks) > 3
    assert parts.select("user_id", "item_id", "rank").equals(
        whole.select("user_id", "item_id", "rank")
    )
    numbers = [c for c in whole.columns[3:]]
    np.testing.assert_allclose(parts.select(numbers), whole.select(numbers), rtol=2e-5)


def test_too_little_memory_says_how_much_is_needed(fitted_model, monkeypatch):
    monkeypatch.setattr(fitted_model.scoring_, "max_memory_mb", 1e-4)
    with pytest.raises(SettingError, match=r"max_memory_mb=0.0001 is too little .* at least 0\.1"):
        fitted_model.recommend(USER)


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"k": 0}, SettingError, "k must be"),
        ({"by": "popular"}, SettingError, "by must be one of"),
        ({"users": "nobody"}, UnknownUserError, "nobody"),
        ({"allow": "i0"}, UnknownItemError, "'i0' is not in the catalogue"),
        ({"allow": 5}, UnknownItemError, "the ids here are str, got the int 5"),
        ({"exclude_seen": "no"}, SettingError, "exclude_seen must be True or False; got 'no'"),
    ],
)
def test_blocks_raise_at_the_call_not_at_the_first_block(fitted_model, wrong, error, said):
    with pytest.raises(error, match=said):
        fitted_model.recommend_blocks(**wrong)


def test_too_little_memory_is_an_error_at_the_call_for_blocks(fitted_model, monkeypatch):
    monkeypatch.setattr(fitted_model.scoring_, "max_memory_mb", 1e-4)
    with pytest.raises(SettingError, match="too little"):
        fitted_model.recommend_blocks()


def test_blocks_are_the_same_lists_in_parts(fitted_model):
    parts = list(fitted_model.recommend_blocks(k=3))
    assert pl.concat(parts).equals(fitted_model.recommend(k=3))


def test_users_may_be_listed_in_any_order_and_are_answered_in_theirs(fitted_model):
    listed = fitted_model.recommend(["u09", "u02", "u09"], k=2)
    assert listed["user_id"].to_list() == ["u02", "u02", "u09", "u09"]
    alone = fitted_model.recommend("u09", k=2)
    assert listed.filter(pl.col("user_id") == "u09")["item_id"].equals(alone["item_id"])


def test_before_fit_every_question_says_so():
    model = Conv4Rec()
    questions = [
        lambda: model.recommend(),
        lambda: model.predict(pl.DataFrame({"user_id": [1], "item_id": [1]})),
        lambda: model.profile(1),
        lambda: model.similar_items(1),
        lambda: model.kernels(),
        lambda: model.save("nowhere"),
        lambda: model.config_,
        lambda: model.n_parameters_,
        lambda: model.like_level_,
    ]
    for question in questions:
        with pytest.raises(NotFittedError, match="call fit"):
            question()
    assert "not fitted" in repr(model)


@pytest.mark.parametrize("name", ["mf_factors", "mf_features", "mf_sweeps"])
def test_the_gibbs_chain_needs_factors_features_and_sweeps(mixed, name):
    with pytest.raises(SettingError, match=f"{name} must be a whole number of at least 1; got 0"):
        Conv4Rec(**{name: 0}).fit(mixed)
