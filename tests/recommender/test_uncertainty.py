"""Uncertainty of P(like): it moves with the latent value, and intervals cover the truth."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_ndtr
from scipy.stats import norm

from conv4rec import Conv4Rec
from conv4rec.recommender.uncertainty import (
    FAR,
    Latent,
    _log_odds,
    interval_columns,
    log_odds,
    probability,
)

THRESHOLDS = np.array([-1.5, -0.5, 0.4, 1.3])


def latent(mean, standard_error, deviation) -> Latent:
    return Latent(
        *(np.atleast_1d(np.float64(a)) for a in (mean, standard_error, deviation)), THRESHOLDS
    )


def test_where_the_probit_is_served_alone_its_own_quantiles_come_out():
    """Against 400,000 draws of the mean: the probability that 80% and 95% of them exceed."""
    mean, standard_error, deviation = 0.7, 0.4, 0.8
    draws = np.random.default_rng(0).normal(mean, standard_error, 400_000)
    likes = norm.cdf((draws - THRESHOLDS[2]) / deviation)
    at_mean = norm.cdf((mean - THRESHOLDS[2]) / deviation)
    for confidence in (0.8, 0.95):
        move = latent(mean, standard_error, deviation).log_odds_move(3, -norm.ppf(confidence))
        found = probability(log_odds(np.array([at_mean])) + move)[0]
        assert found == pytest.approx(np.quantile(likes, 1 - confidence), abs=0.003)


def test_a_rating_moves_as_its_expectation_does():
    found = latent(0.2, 0.5, 0.9).rating_move([1, 2, 3, 4, 5], -1.0)[0]

    def expected(x: float) -> float:
        return 1 + norm.cdf((x - THRESHOLDS) / 0.9).sum()

    assert found == pytest.approx(expected(-0.3) - expected(0.2), rel=1e-5)


@given(
    mean=st.floats(-8.0, 8.0), standard_error=st.floats(0.0, 3.0), deviation=st.floats(0.05, 3.0),
    near=st.floats(0.0, 3.0), far=st.floats(0.0, 3.0),
)  # fmt: skip
@settings(deadline=None, max_examples=200)
def test_the_further_off_the_less_is_liked_and_all_is_finite(
    mean, standard_error, deviation, near, far
):
    behind = latent(mean, standard_error, deviation)
    for way in (-1, 1):
        less, more = (way * behind.log_odds_move(3, way * z)[0] for z in (near, near + far))
        assert 0 <= less <= more + 1e-9
        assert np.isfinite(more)
        rating = way * behind.rating_move([1, 2, 3, 4, 5], way * (near + far))[0]
        assert -1e-9 <= rating <= 4


def test_where_every_rating_is_a_like_the_interval_is_1():
    columns = interval_columns(np.ones(2), 0, latent([0.1, 3.0], [1.0, 1.0], [1.0, 1.0]))
    assert (columns["p_like_low"] == 1).all()
    assert (columns["p_like_high"] == 1).all()


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


def test_intervals_cover_the_truth_about_nine_times_in_ten(world):
    model, truth, rated = world
    users, items = np.nonzero(~rated)
    contribution = model.predict(pl.DataFrame({"user_id": users, "item_id": items}), intervals=True)
    low, high = contribution["p_like_low"].to_numpy(), contribution["p_like_high"].to_numpy()
    held = (low <= truth[users, items]) & (truth[users, items] <= high)
    assert 0.85 < held.mean() < 0.97
    assert (low < contribution["p_like"].to_numpy()).all()
    assert (contribution["p_like"].to_numpy() < high).all()
    assert (high - low).mean() < 0.65


def test_a_longer_history_has_narrower_intervals(world):
    model, _, rated = world
    items = np.flatnonzero(~rated[0])
    few = {int(i): 4 for i in np.flatnonzero(rated[0])[:2]}
    many = {int(i): 4 for i in np.flatnonzero(rated[0])}
    widths = []
    for history in (few, many):
        pairs = pl.DataFrame({"user_id": [0] * len(items), "item_id": items})
        contribution = model.predict(pairs, users=history, intervals=True)
        widths.append((contribution["p_like_high"] - contribution["p_like_low"]).mean())
    assert widths[1] < widths[0] - 0.03


def test_a_list_and_a_prediction_say_the_same_of_a_pair(world):
    model, *_ = world
    listed = model.recommend([3, 7], k=4, by="like")
    contribution = model.predict(listed.select("user_id", "item_id"), intervals=True)
    for column in ("p_like_low", "p_like", "p_like_high"):
        np.testing.assert_allclose(listed[column], contribution[column], rtol=1e-4)


def test_without_draws_how_sure_p_like_is_is_not_said(fitted_model):
    plain = Conv4Rec(seed=0, n_steps=5, mf_draws=0).fit(fitted_model.interactions_)
    listed = plain.recommend(k=2, by="like")
    assert listed["p_like_low"].null_count() == listed.height
    pairs = listed.select("user_id", "item_id").head(3)
    assert plain.predict(pairs, intervals=True)["p_like_high"].null_count() == 3
    found = plain.recommend(k=2, by="discover", min_p_like=0)
    assert found["p_like_high"].dtype == pl.Float32


def test_log_odds_of_the_normal_distribution_are_those_of_scipy_however_far_out():
    places = np.concatenate([np.linspace(-40, 40, 4_001), [0.0, -0.0, FAR, -FAR, 1e4]])
    expected = log_ndtr(places) - log_ndtr(-places)
    for dtype in (np.float32, np.float64):
        found = _log_odds(places.astype(dtype))
        assert found.dtype == dtype
        off = 1e-5 * np.abs(expected) + 0.008 * (np.abs(places) > FAR) + 1e-6
        assert (np.abs(found - expected) <= off).all()
    assert (np.diff(_log_odds(np.linspace(-40, 40, 4_001))) > 0).all()
