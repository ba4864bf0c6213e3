"""How sure P(like) is: moved as the mean moves, and intervals that hold the truth."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from conv4rec import Conv4Rec
from conv4rec.recommender.uncertainty import interval_columns, moved_log_odds, moved_rating

T = np.array([-1.8, -0.9, 0.0, 0.9, 1.8])


def tilted(p: np.ndarray, theta: float) -> np.ndarray:
    q = p * np.exp(theta * T)
    return q / q.sum()


def log_odds(p: np.ndarray, like_level: int = 3) -> float:
    return float(np.log(p[like_level:].sum() / p[:like_level].sum()))


@pytest.mark.parametrize("delta", [-0.3, -0.1, 0.1, 0.3])
def test_log_odds_move_as_they_do_when_the_mean_is_tilted_that_far(delta):
    p = np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    theta = brentq(lambda x: tilted(p, x) @ T - p @ T - delta, -20, 20)
    found = moved_log_odds(p[None], T, 3, np.array([delta]))[0]
    moved = log_odds(tilted(p, theta)) - log_odds(p)
    assert found - log_odds(p) == pytest.approx(moved, rel=0.15)


def test_no_move_is_no_move_and_log_odds_are_those_of_liking():
    p = np.array([[0.1, 0.2, 0.3, 0.25, 0.15], [0.0, 0.0, 0.0, 0.0, 1.0]])
    found = moved_log_odds(p, T, 3, np.zeros(2))
    assert found[0] == pytest.approx(np.log(0.4 / 0.6), rel=1e-6)
    assert 10 < found[1] < 20  # certain, and yet finite


@given(
    seed=st.integers(0, 2**32 - 1), spread=st.floats(0.0, 20.0), near=st.floats(0.0, 1.0),
    far=st.floats(0.0, 3.0),
)  # fmt: skip
@settings(deadline=None, max_examples=200)
def test_the_further_down_the_less_is_liked_whatever_the_distribution(seed, spread, near, far):
    logits = np.random.default_rng(seed).standard_normal((30, 5)) * spread
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    near, far = sorted((near, near + far))
    for way in (-1, 1):
        less, more = (moved_log_odds(p, T, 3, np.full(30, way * d)) for d in (near, far))
        assert np.isfinite(more).all()
        assert (way * (more - less) >= -1e-6).all()


def test_who_rates_all_things_alike_is_not_thought_unsure_of_everything():
    """To first order, a move of delta / V = 14, this one would go from 99.9% to 1 in 10^8."""
    p = np.array([[0.0, 0.0, 0.001, 0.009, 0.99]])
    columns = interval_columns(p, T, 3, np.array([0.1]))
    assert columns["p_like_low"][0] > 0.2
    assert columns["p_like_high"][0] > 0.999


def test_where_every_rating_is_a_like_there_is_no_doubt():
    columns = interval_columns(np.full((2, 5), 0.2), T, 0, np.array([0.1, 3.0]))
    assert (columns["p_like_low"] == 1).all()
    assert (columns["p_like_high"] == 1).all()


def test_a_rating_moves_in_its_own_units():
    p = np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    stars = moved_rating(p[None], T, [1, 2, 3, 4, 5], np.array([-0.9]))[0]
    assert stars == pytest.approx(p @ [1, 2, 3, 4, 5] - 1, rel=1e-5)


@pytest.fixture(scope="module")
def world():
    """Tastes of two dimensions, and the truth: P(4 or 5) of every pair."""
    rng = np.random.default_rng(5)
    users, items = rng.standard_normal((160, 2)), rng.standard_normal((60, 2))
    liking = users @ items.T + 0.6 * rng.standard_normal(60)
    cuts = np.array([-2.0, -0.8, 0.4, 1.6])
    below = 1 / (1 + np.exp(-(cuts - liking[:, :, None])))
    level = (rng.random(liking.shape)[:, :, None] > below).sum(2)
    rated = rng.random(liking.shape) < 0.3
    who, what = np.nonzero(rated)
    log = pl.DataFrame({"user_id": who, "item_id": what, "rating": level[who, what] + 1.0})
    return Conv4Rec(seed=0, n_steps=30).fit(log), 1 - below[:, :, 2], rated


def test_intervals_hold_the_truth_about_as_often_as_they_say(world):
    model, truth, rated = world
    users, items = np.nonzero(~rated)
    said = model.predict(pl.DataFrame({"user_id": users, "item_id": items}), intervals=True)
    low, high = said["p_like_low"].to_numpy(), said["p_like_high"].to_numpy()
    held = (low <= truth[users, items]) & (truth[users, items] <= high)
    assert 0.85 < held.mean() < 0.97
    assert (low < said["p_like"].to_numpy()).all()
    assert (said["p_like"].to_numpy() < high).all()
    assert (high - low).mean() < 0.6


def test_of_whom_more_is_known_more_is_sure(world):
    model, _, rated = world
    items = np.flatnonzero(~rated[0])
    few = {int(i): 4 for i in np.flatnonzero(rated[0])[:2]}
    many = {int(i): 4 for i in np.flatnonzero(rated[0])}
    widths = []
    for history in (few, many):
        pairs = pl.DataFrame({"user_id": [0] * len(items), "item_id": items})
        said = model.predict(pairs, histories=history, intervals=True)
        widths.append((said["p_like_high"] - said["p_like_low"]).mean())
    assert widths[1] < widths[0] - 0.03


def test_a_list_and_a_prediction_say_the_same_of_a_pair(world):
    model, *_ = world
    listed = model.recommend([3, 7], k=4, by="like")
    said = model.predict(listed.select("user_id", "item_id"), intervals=True)
    for column in ("p_like_low", "p_like", "p_like_high"):
        np.testing.assert_allclose(listed[column], said[column], rtol=1e-4)


def test_without_draws_how_sure_p_like_is_is_not_said(fitted_model):
    plain = Conv4Rec(seed=0, n_steps=5, draws=0).fit(fitted_model.interactions_)
    listed = plain.recommend(k=2, by="like")
    assert listed["p_like_low"].null_count() == listed.height
    pairs = listed.select("user_id", "item_id").head(3)
    assert plain.predict(pairs, intervals=True)["p_like_high"].null_count() == 3
    found = plain.recommend(k=2, by="discover", min_p_like=0)
    assert found["p_like_high"].dtype == pl.Float32
