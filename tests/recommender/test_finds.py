"""Finds: how unlikely, how sure, and what each row says of it."""

import warnings
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec
from conv4rec.errors import SettingError

USER = "u07"


def everything(model, **options):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
        return model.recommend(k=model.interactions_.n_items, **options)


def test_finds_lie_outside_the_natural_picks_that_are_asked_for(fitted_model):
    picks = everything(fitted_model, by="consume")
    for n in (0, 1, 5, 20):
        found = everything(fitted_model, by="discover", unlikely=n)
        natural = picks.filter(pl.col("rank") <= n).select("user_id", "item_id")
        assert found.join(natural, on=["user_id", "item_id"]).height == 0
        assert found.height + natural.height == picks.height


def test_the_rank_of_a_pick_is_its_place_in_the_list_of_picks(fitted_model):
    picks = everything(fitted_model, by="consume").select("user_id", "item_id", "rank")
    found = everything(fitted_model, by="discover")
    joined = found.join(picks, on=["user_id", "item_id"], suffix="_of_pick")
    assert joined.height == found.height
    assert joined["pick_rank"].equals(joined["rank_of_pick"], check_names=False)


def test_the_lift_is_the_chance_over_that_of_picking_by_popularity(fitted_model, mixed):
    counts = dict(mixed.to_frame().group_by("item_id").len().rows())
    seen = set(mixed.to_frame().filter(pl.col("user_id") == USER)["item_id"])
    left = {i: counts.get(i, 0) + 1 for i in mixed.items.to_series() if i not in seen}
    found = everything(fitted_model, users=USER, by="discover")
    share = np.array([left[item] for item in found["item_id"]]) / sum(left.values())
    np.testing.assert_allclose(
        found["popularity_lift"], found["p_consume"].to_numpy() / share, rtol=1e-5
    )


def test_finds_can_be_ranked_by_the_lower_end_of_their_interval(fitted_model):
    found = everything(fitted_model, by="discover", sure=0.95)
    np.testing.assert_allclose(found["score"], found["p_like_low"], rtol=1e-5)
    assert (found["p_like_low"] < found["p_like"]).all()
    assert (found["p_like"] < found["p_like_high"]).all()
    assert found["p_like_low"].min() > 0
    assert found["p_like_high"].max() < 1


def test_the_surer_the_lower_the_score_and_half_sure_is_p_like(fitted_model):
    plain = everything(fitted_model, by="discover", sure=0.5)
    np.testing.assert_allclose(plain["score"], plain["p_like"], rtol=1e-5)
    scores = [
        everything(fitted_model, by="discover", sure=sure)
        .sort("user_id", "item_id")["score"]
        .to_numpy()
        for sure in (0.5, 0.75, 0.9, 0.99)
    ]
    assert all((low < high).all() for high, low in pairwise(scores))


def test_more_natural_picks_than_items_leave_no_find_and_a_reason(fitted_model):
    with pytest.warns(UserWarning, match="outside a person's 500 likeliest picks are finds"):
        assert fitted_model.recommend(USER, by="discover", unlikely=500).height == 0


@pytest.mark.parametrize("wrong", [-1, -3, 2.5, "top", None, True])
def test_what_is_unlikely_is_the_median_or_a_whole_number(fitted_model, wrong):
    with pytest.raises(SettingError, match="unlikely is 'median' or a whole number N"):
        fitted_model.recommend(USER, by="discover", unlikely=wrong)


@pytest.mark.parametrize("wrong", [0.49, 1.0, -1, "0.9", None, True, float("nan")])
def test_how_sure_is_a_chance_from_a_half_to_below_1(fitted_model, wrong):
    with pytest.raises(SettingError, match=r"sure lies from 0\.5 up to, not including, 1"):
        fitted_model.recommend(USER, by="discover", sure=wrong)


@pytest.mark.parametrize("options", [{"unlikely": 5}, {"sure": 0.9}])
def test_settings_of_finds_belong_to_finds(fitted_model, options):
    with pytest.raises(SettingError, match="unlikely and sure are of finds"):
        fitted_model.recommend(USER, by="like", **options)


def test_new_people_get_finds_with_the_same_columns(fitted_model):
    ours = fitted_model.recommend(USER, k=2, by="discover")
    new = fitted_model.recommend({"i03": 5, "i11": None}, k=2, by="discover")
    assert new.schema == ours.schema
    assert new.columns[4:9] == [
        "p_consume", "pick_rank", "popularity_lift", "p_like_low", "p_like_high",
    ]  # fmt: skip


def test_a_loaded_model_finds_the_same(fitted_model, tmp_path):
    fitted_model.save(tmp_path / "model")
    loaded = Conv4Rec.load(tmp_path / "model")
    assert loaded.recommend(k=3, by="discover").equals(fitted_model.recommend(k=3, by="discover"))
