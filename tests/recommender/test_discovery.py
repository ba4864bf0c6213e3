"""Discoveries: their novelty, their confidence, and the columns of each row."""

import re
import warnings
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from conv4rec import Conv4Rec
from conv4rec.errors import SettingError
from conv4rec.recommender.discovery import SORTED_FROM, DiscoveryCriteria, _ranks_of, short_head

USER = "u07"
HEADLESS = np.zeros(3000, dtype=bool)


def everything(model, **options):
    """All that may be listed; by default discoveries of any P(like)."""
    if options["by"] == "discover":
        options = {"min_p_like": 0, "limit_exposure": False} | options
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
        return model.recommend(k=model.interactions_.n_items, **options)


def test_discoveries_lie_outside_the_n_likeliest_items(fitted_model):
    consume = everything(fitted_model, by="consume")
    for n in (0, 1, 5, 20):
        found = everything(fitted_model, by="discover", novelty=n)
        natural = consume.filter(pl.col("rank") <= n).select("user_id", "item_id")
        assert found.join(natural, on=["user_id", "item_id"]).height == 0
        assert found.height + natural.height == consume.height


def test_the_consume_rank_is_the_rank_in_the_list_by_consume(fitted_model):
    consume = everything(fitted_model, by="consume").select("user_id", "item_id", "rank")
    found = everything(fitted_model, by="discover")
    joined = found.join(consume, on=["user_id", "item_id"], suffix="_of_pick")
    assert joined.height == found.height
    assert joined["consume_rank"].equals(joined["rank_of_pick"], check_names=False)


def test_the_lift_is_p_consume_over_the_share_by_popularity(fitted_model, mixed):
    counts = dict(mixed.to_frame().group_by("item_id").len().rows())
    seen = set(mixed.to_frame().filter(pl.col("user_id") == USER)["item_id"])
    left = {i: counts.get(i, 0) + 1 for i in mixed.items.to_series() if i not in seen}
    found = everything(fitted_model, users=USER, by="discover")
    share = np.array([left[item] for item in found["item_id"]]) / sum(left.values())
    np.testing.assert_allclose(
        found["popularity_lift"], found["p_consume"].to_numpy() / share, rtol=1e-5
    )


def test_with_confidence_095_the_score_is_the_lower_end_of_the_interval(fitted_model):
    found = everything(fitted_model, by="discover", confidence=0.95)
    np.testing.assert_allclose(found["score"], found["p_like_low"], rtol=1e-5, atol=1e-7)
    assert (found["p_like_low"] < found["p_like"]).all()
    assert (found["p_like"] < found["p_like_high"]).all()
    assert found["p_like_low"].min() > 0
    assert found["p_like_high"].max() < 1


def test_the_score_falls_with_confidence_and_is_p_like_at_one_half(fitted_model):
    plain = everything(fitted_model, by="discover", confidence=0.5)
    np.testing.assert_allclose(plain["score"], plain["p_like"], rtol=1e-5)
    scores = [
        everything(fitted_model, by="discover", novelty=9, confidence=confidence)
        .sort("user_id", "item_id")["score"]
        .to_numpy()
        for confidence in (0.5, 0.75, 0.9, 0.99)
    ]
    assert all((low < high).all() for high, low in pairwise(scores))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_min_p_like_is_the_least_p_like_of_a_discovery(fitted_model, share):
    every = everything(fitted_model, by="discover")
    of_all = every["p_like"].sort()
    place = int(share * every.height)
    least = 0 if share == 0 else float(of_all[place : place + 2].mean())
    found = everything(fitted_model, by="discover", min_p_like=least)
    # The last bit of a number may depend on where it stands in a block.
    assert_frame_equal(
        found.drop("rank"), every.filter(pl.col("p_like") >= least).drop("rank"), rel_tol=1e-5
    )
    assert 0 < found.height < every.height or least == 0


def test_a_short_list_says_that_min_p_like_is_required(fitted_model):
    few = everything(fitted_model, by="discover", users=USER)["p_like"].sort(descending=True)
    least = round(float(few[3:5].mean()), 6)  # between two of hers: four are left for a list of 20
    said = re.escape(f", with P(like) of at least {least:g}, are discoveries")
    with pytest.warns(UserWarning, match=said):
        found = fitted_model.recommend(USER, k=20, by="discover", min_p_like=least)
    assert 0 < found.height < 20
    assert found["p_like"].min() >= least


def test_discoveries_are_liked_no_less_than_what_is_consumed_and_more_than_by_others(fitted_model):
    """Against every P(like) of the model: generosity alone makes no discoveries."""
    model = fitted_model
    found = everything(model, by="discover", min_p_like=None)
    every = everything(model, by="consume", exclude_seen=True)
    consumed = every.group_by("user_id").agg(
        (pl.col("p_consume") * pl.col("p_like")).sum().clip(upper_bound=0.5).alias("least")
    )
    assert found.height > 20
    assert (found.join(consumed, on="user_id").select(pl.col("p_like") >= pl.col("least")))[
        "p_like"
    ].all()
    pairs = everything(model, by="consume", exclude_seen=False)
    log_odds = (pl.col("p_like") / (1 - pl.col("p_like"))).log()
    table = pairs.with_columns(log_odds.alias("l")).with_columns(
        lift=pl.col("l")
        - pl.col("l").mean().over("user_id")
        - pl.col("l").mean().over("item_id")
        + pl.col("l").mean()
    )
    lifts = found.join(table.select("user_id", "item_id", "lift"), on=["user_id", "item_id"])
    assert lifts["lift"].min() > -1e-3
    assert table["lift"].min() < -0.25  # -0.3 to -1.8, by the seed of the fit


@pytest.mark.parametrize("novelty", [0.8, 0.98])
def test_novel_items_are_missed_with_that_probability_in_as_many_interactions_again(novelty):
    """Step by step, for a history of 7, which counts as 10, and one of 400, which counts as 100."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(3000, 0.1), size=2)
    novel = DiscoveryCriteria(novelty=novelty).novel(
        np.log(np.maximum(p, 1e-300)), np.array([7, 400]), HEADLESS
    )
    for row, n in ((0, 10), (1, 100)):
        missed = np.ones(3000)
        for _ in range(n):
            missed *= 1 - p[row]
        assert (missed[novel[row]] > novelty - 1e-9).all()
        below = np.argsort(p[row])[: int(0.33 * 3000)]  # below the median with confidence: always
        assert novel[row][below].all()
        rest = np.setdiff1d(np.flatnonzero(missed > novelty + 1e-9), below)
        assert novel[row][rest].all()


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
def test_novelty_median_means_below_the_median_with_confidence(fitted_model, confidence):
    """Below it by as many standard errors, half a normal score, as `confidence` means: a share."""
    share = {0.5: 0.5, 0.8: 0.3369, 0.95: 0.2054}[confidence]
    consume = everything(fitted_model, by="consume")
    n_left = pl.len().over("user_id")
    last = n_left - (share * n_left).floor()
    novel = consume.filter(pl.col("rank") > last).select("user_id", "item_id")
    found = everything(fitted_model, by="discover", novelty="median", confidence=confidence)
    assert set(found.select("user_id", "item_id").rows()) == set(novel.rows())


@pytest.mark.parametrize(("n_left", "n_novel"), [(0, 0), (1, 0), (2, 1), (3, 1), (6, 2), (9, 3)])
def test_of_few_items_at_least_the_less_likely_of_two_is_novel(n_left, n_novel):
    probabilities = np.array([[-np.inf] * (9 - n_left) + [-float(n) for n in range(n_left)]])
    novel = DiscoveryCriteria("median").novel(probabilities, np.array([9 - n_left]), HEADLESS[:9])[
        0, 9 - n_left :
    ]
    assert novel.tolist() == [False] * (n_left - n_novel) + [True] * n_novel


def test_of_equal_probabilities_no_item_is_novel():
    probabilities = np.array([[-1.0, -1.0, -1.0, -np.inf], [-np.inf] * 4])
    assert (
        not DiscoveryCriteria("median").novel(probabilities, np.array([1, 4]), HEADLESS[:4]).any()
    )


@pytest.mark.parametrize("novelty", ["median", 3])
def test_an_item_of_the_history_is_never_a_discovery(fitted_model, novelty):
    asked = {"by": "discover", "novelty": novelty}
    found = everything(fitted_model, exclude_seen=False, **asked)
    assert found.equals(everything(fitted_model, **asked))


def test_a_rank_beyond_the_catalogue_leaves_no_discovery_and_says_why(fitted_model):
    with pytest.warns(UserWarning, match="only items outside a user's 500 likeliest, "):
        assert fitted_model.recommend(USER, by="discover", novelty=500).height == 0


@pytest.mark.parametrize(
    "wrong", [-1, -3, 2.5, 0.0, 1.0, "top", None, True, float("nan"), np.ones(2)]
)
def test_novelty_is_a_probability_the_median_or_a_whole_number(fitted_model, wrong):
    with pytest.raises(
        SettingError, match="novelty must be a probability between 0 and 1, 'median', or a"
    ):
        fitted_model.recommend(USER, by="discover", novelty=wrong)


@pytest.mark.parametrize("wrong", [0.49, 1.0, -1, "0.9", None, True, float("nan")])
def test_confidence_is_a_probability_from_a_half_to_below_1(fitted_model, wrong):
    with pytest.raises(
        SettingError, match=r"confidence must be a number from 0\.5 up to, not including, 1"
    ):
        fitted_model.recommend(USER, by="discover", confidence=wrong)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, "0.5", True, float("nan")])
def test_min_p_like_is_a_probability(fitted_model, wrong):
    with pytest.raises(SettingError, match="min_p_like must be a probability from 0 to 1"):
        fitted_model.recommend(USER, by="discover", min_p_like=wrong)


@pytest.mark.parametrize("options", [{"novelty": 5}, {"min_p_like": 0}])
def test_criteria_of_discoveries_are_refused_elsewhere(fitted_model, options):
    with pytest.raises(SettingError, match="novelty and min_p_like are for by='discover'"):
        fitted_model.recommend(USER, by="like", **options)


@pytest.mark.parametrize("options", [{"confidence": 0.9}, {"limit_exposure": False}])
def test_confidence_and_exposure_are_refused_for_lists_by_consume(fitted_model, options):
    with pytest.raises(SettingError, match="confidence and limit_exposure are for by like, rating"):
        fitted_model.recommend(USER, by="consume", **options)


def test_new_users_get_discoveries_with_the_same_columns(fitted_model):
    ours = fitted_model.recommend(USER, k=2, by="discover", min_p_like=0)
    new = fitted_model.recommend({"i03": 5, "i11": None}, k=2, by="discover", min_p_like=0)
    assert new.schema == ours.schema
    assert new.columns[4:9] == [
        "p_consume", "consume_rank", "popularity_lift", "p_like_low", "p_like_high",
    ]  # fmt: skip


def test_a_loaded_model_lists_the_same_discoveries(fitted_model, tmp_path):
    fitted_model.save(tmp_path / "model")
    loaded = Conv4Rec.load(tmp_path / "model")
    options = {"k": 3, "by": "discover", "min_p_like": 0}
    assert loaded.recommend(**options).equals(fitted_model.recommend(**options))


def test_an_item_of_the_short_head_is_no_discovery():
    """The few items that take a fifth of all interactions; any other item can be one."""
    counts = np.array([35, 30, 45, 10, 10, 10, 10, 10, 30, 30])  # a fifth is 44
    assert short_head(counts).tolist() == [False, False, True] + [False] * 7
    probabilities = np.log(np.full((1, 10), 0.001))
    head = short_head(counts)
    assert (
        DiscoveryCriteria().novel(probabilities, np.array([20]), head)[0].tolist()
        == (~head).tolist()
    )
    assert (
        DiscoveryCriteria(3).novel(probabilities, np.array([20]), head)[0].tolist()
        == [False] * 3 + [True] * 7
    )


def test_a_catalogue_of_equal_popularity_has_no_short_head():
    assert not short_head(np.full(20, 7)).any()
    assert not short_head(np.zeros(3)).any()


def test_ranks_by_sorting_are_those_by_counting(rng):
    """Many ranks of a row are found by sorting it, few by counting what is before each."""
    log_p = rng.normal(size=(2, 300)).round(1)  # with ties
    log_p[0, :5] = -np.inf
    rows, items = (pairs.ravel() for pairs in np.indices(log_p.shape))
    few = [_ranks_of(log_p, rows[i : i + 1], items[i : i + 1])[0] for i in range(len(rows))]
    assert len(rows) > SORTED_FROM * len(log_p)
    assert _ranks_of(log_p, rows, items).tolist() == few
