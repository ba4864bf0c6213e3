"""How sure P(like) is: wide where little was rated, and right about as often as it says."""

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec, Interactions
from conv4rec.data.worlds import low_rank_world, two_tribes
from conv4rec.recommender.doubt import Doubt
from conv4rec.recommender.posterior import posterior_covariances, prior_variances

WIDE = 3.29  # standard errors from end to end of a 90% interval


@pytest.fixture(scope="module")
def world():
    return low_rank_world(250, 120, rank=3, seed=4, popularity=0.7)


@pytest.fixture(scope="module")
def model(world):
    log = world.sample(25, np.random.default_rng(4))
    return Conv4Rec(consume_size=16, rate_size=16, regs=(1.0,)).fit(log)


def errors(model, histories=None):
    people = model.interactions_ if histories is None else histories
    rows = np.arange(people.n_users)
    reading, _ = model.scoring_.read(people, rows)
    return Doubt(model.scoring_, model.interactions_, model.like_level_).errors(
        reading, people, rows
    )


def test_nine_intervals_in_ten_hold_the_truth_in_a_made_up_world(model, world):
    log = model.interactions_
    level = model.like_level_
    truth = world.level_probabilities[:, level:].sum(1)
    users, items = (pairs.ravel() for pairs in np.indices(truth.shape))
    likes = model.rating_probabilities(log, users, items)[:, level:].sum(1).reshape(truth.shape)
    off = np.abs(np.log(truth / (1 - truth)) - np.log(likes / (1 - likes)))
    held = off < WIDE / 2 * errors(model)
    unseen = log.to_csr().toarray() == 0
    rated = np.bincount(log.item_numbers, minlength=log.n_items)
    assert 0.85 < held[unseen].mean() < 0.99
    for part in (rated <= np.quantile(rated, 0.25), rated >= np.quantile(rated, 0.75)):
        assert 0.82 < held[:, part][unseen[:, part]].mean() < 0.995


def test_an_item_that_few_rated_is_less_sure(model):
    log = model.interactions_
    rated = np.bincount(log.item_numbers, minlength=log.n_items)
    typical = np.median(errors(model), axis=0)
    rare, common = rated <= np.quantile(rated, 0.1), rated >= np.quantile(rated, 0.9)
    assert np.median(typical[rare]) > 1.3 * np.median(typical[common])


def test_the_more_a_person_rated_the_surer():
    """Two tribes: a few ratings tell which one a person is of."""
    log = two_tribes(100, 40, crossing=0.2).sample(16, np.random.default_rng(1))
    model = Conv4Rec(consume_size=16, rate_size=8, regs=(1.0,)).fit(log)
    place = np.arange(len(log)) - np.repeat(log.starts[:-1], np.diff(log.starts))
    sure = [errors(model, log.select(place % 8 < n)).mean() for n in (1, 3, 8)]
    assert sure[0] > 1.05 * sure[1] > 1.1 * sure[2]


def test_items_consumed_and_not_rated_say_nothing_about_how_sure(model):
    """An unrated history leaves a person as unsure as no ratings do."""
    log = model.interactions_
    frame = log.to_frame().with_columns(rating=pl.lit(None, dtype=pl.Float64))
    unrated = Interactions.from_frame(frame, levels=log.levels, items=log.items)
    assert (errors(model, unrated) > 0.9 * errors(model)).mean() > 0.9


def test_it_is_the_same_for_one_person_and_for_all(model):
    log = model.interactions_
    alone = errors(model, log.take_users(np.array([17])))
    np.testing.assert_allclose(alone[0], errors(model)[17], rtol=1e-3)


def test_where_nothing_was_rated_next_to_nothing_is_known():
    frame = pl.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [1, 2, 2, 3, 1]})
    model = Conv4Rec(n_steps=3, regs=()).fit(frame, levels=[1, 2, 3, 4, 5])
    found = model.recommend(3, k=1, by="discover", min_p_like=0)
    assert found["p_like_high"][0] - found["p_like_low"][0] > 0.5


def test_on_a_scale_of_one_level_liking_is_certain():
    frame = pl.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [1, 2, 2, 3, 1]})
    model = Conv4Rec(n_steps=3, regs=()).fit(frame)
    found = model.recommend(3, k=1, by="discover")
    assert found.select("score", "p_like_low", "p_like_high").row(0) == (1.0, 1.0, 1.0)


def test_no_find_costs_the_making_of_intervals_twice(model, monkeypatch):
    model.recommend(k=1, by="discover", min_p_like=0)
    monkeypatch.setattr("conv4rec.recommender.conv4rec.Doubt", None)
    model.recommend(k=1, by="discover", sure=0.6, min_p_like=0)


@pytest.mark.parametrize("size", [1, 3])
def test_the_variance_of_the_law_behind_noisy_effects_is_found(size, rng):
    """Effects around 0.7, each known through 4 units of information in each part."""
    truth = np.array([0.5, 2.0, 1.0])[:size]
    information = np.broadcast_to(4.0 * np.eye(size), (1500, size, size)).copy()
    drawn = 0.7 + rng.normal(size=(1500, size)) * np.sqrt(truth)
    seen = drawn + rng.normal(size=(1500, size)) / 2.0
    found = prior_variances(4.0 * seen, information, np.ones(size), np.zeros(size))
    np.testing.assert_allclose(found, truth, rtol=0.15)


def test_without_data_the_prior_is_what_was_assumed():
    nothing = np.zeros((50, 2, 2))
    unknown = np.array([1.0, 0.25])
    found = prior_variances(np.zeros((50, 2)), nothing, unknown, np.array([0.3, 0.1]))
    np.testing.assert_allclose(found, unknown)
    left = posterior_covariances(nothing, found)
    np.testing.assert_allclose(left[7], np.diag(unknown))
