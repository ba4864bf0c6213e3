"""The model recovers the distribution of the data where the guarantee holds."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from conv4rec.recommender import as_scorer
from research.theory.charts import recovery_picture
from research.theory.recovery import CURVES, learned_distribution, recover
from research.theory.sampling_schemes import (
    GROUP,
    SCHEMES,
    correlated,
    drift,
    restricted,
    self_selection,
)


@pytest.fixture(scope="module")
def found():
    return recover(["uniform"], seeds=(0,), sizes=(6, 18, 48))[0]


def test_distance_from_the_truth_ends_below_half_of_each_baselines(found):
    last = {curve: found.means(curve)[-1][1] for curve in CURVES}
    assert last["model"] <= last["table"] / 2
    assert last["model"] <= last["popularity"] / 2
    assert last["model"] < 0.75 * last["pooled"]  # the strongest that does not use the user


def test_the_baselines_are_what_they_are_called():
    """Without replacement a user's own table is uniform over unseen items; pooled is shared."""
    sampled = SCHEMES["uniform"].sample(40, 20, 5, 2)
    log, truth = sampled.log, restricted(sampled.truth, sampled.log)
    even = restricted(np.ones_like(truth), log)
    counts = np.zeros(truth.shape[1:])
    np.add.at(counts, (log.level_numbers, log.item_numbers), 1)
    pooled = restricted(np.broadcast_to(counts + 1 / counts.size, truth.shape), log)
    (found,) = recover(["uniform"], seeds=(2,), sizes=(5,), n_users=40, n_items=20)
    for baseline, name in ((even, "table"), (pooled, "pooled")):
        distance = np.abs(truth - baseline).sum(axis=(1, 2)).mean() / 2
        assert getattr(found.points[0], name) == pytest.approx(distance)


def test_distance_falls_with_interactions_and_the_baselines_does_not(found):
    distances = [value for _, value in found.means()]
    assert distances == sorted(distances, reverse=True)
    assert found.slope().slope < -0.1
    assert abs(found.slope("popularity").slope) < 0.1


def test_the_picture_is_svg_that_names_every_curve(found):
    picture = recovery_picture([found])
    words = " ".join(ET.fromstring(picture).itertext())
    for name in ("uniform", "popularity × histogram", "Conv4Rec", "interactions", "slope"):
        assert name in words


@pytest.mark.parametrize("name", list(SCHEMES))
def test_each_world_gives_everyone_the_rows_asked_for(name):
    sampled = SCHEMES[name].sample(60, 30, 8, 1)
    assert (np.diff(sampled.log.starts) == 8).all()
    assert sampled.log.n_rated == len(sampled.log)
    p = restricted(sampled.truth, sampled.log)
    np.testing.assert_allclose(p.sum(axis=(1, 2)), 1.0)
    assert p[sampled.log.user_numbers, :, sampled.log.item_numbers].max() == 0


def test_restriction_keeps_the_odds_of_unseen_items():
    sampled = SCHEMES["uniform"].sample(5, 10, 3, 0)
    p, left = restricted(sampled.truth, sampled.log), sampled.log.to_csr().toarray()[2] == 0
    first, second = np.flatnonzero(left)[:2]
    odds = sampled.truth[2, :, first] / sampled.truth[2, :, second]
    np.testing.assert_allclose(p[2, :, first] / p[2, :, second], odds)


def test_users_select_what_they_like():
    sampled = self_selection(50, 20, 5, 0)
    levels = np.arange(3)
    observed = (sampled.truth.sum(axis=2) * levels).sum(axis=1)
    assert (observed > (sampled.before_selection.sum(axis=2) * levels).sum(axis=1)).all()


def test_copiers_agree_with_their_leader_and_still_follow_the_distribution():
    sampled = correlated(4000, 12, 1, 5)
    log = sampled.log
    agree = log.item_numbers.reshape(-1, GROUP)
    assert (agree[:, 1:] == agree[:, :1]).mean() > 0.8
    shares = np.bincount(log.item_numbers, minlength=12) / len(log)
    np.testing.assert_allclose(shares, sampled.truth.sum(axis=1).mean(axis=0), atol=0.06)


def test_drifters_have_rows_of_another_taste():
    """The first rows are likely under the distribution of the previous user."""
    sampled = drift(400, 40, 10, 3)
    p = sampled.truth.sum(axis=1)
    of = lambda users: p[users, sampled.log.item_numbers].mean()  # noqa: E731
    users = sampled.log.user_numbers
    own, past, other = of(users), of((users - 1) % 400), of((users + 7) % 400)
    assert own > other
    assert past - other > 0.5 * (own - other)


def test_the_learned_distribution_is_joint_over_item_and_level(fitted_model, mixed):
    p = learned_distribution(fitted_model, mixed)
    np.testing.assert_allclose(p.sum(axis=(1, 2)), 1.0)
    log_p = as_scorer(fitted_model).rank_log_probabilities(mixed, np.arange(mixed.n_users))
    np.testing.assert_allclose(p.sum(axis=1), np.exp(log_p), atol=1e-5)
    item = int(np.flatnonzero(p[4].sum(axis=0))[0])
    ratings = as_scorer(fitted_model).rating_probabilities(mixed, np.array([4]), np.array([item]))[
        0
    ]
    np.testing.assert_allclose(p[4, :, item] / p[4, :, item].sum(), ratings, atol=1e-5)
