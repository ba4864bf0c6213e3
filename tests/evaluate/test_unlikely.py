"""Metrics over unlikely pairs: worked out by hand, against loops, and resampled."""

import numpy as np
import pytest

from conv4rec.errors import SettingError
from conv4rec.evaluate.calibration import auc
from conv4rec.evaluate.consume_ranks import beyond_top, consume_ranks
from conv4rec.evaluate.resample import auc_bootstrap, drawn_weights, ratio_bootstrap
from conv4rec.evaluate.unlikely import compare_unlikely, evaluate_unlikely

USERS = np.array([0, 0, 0, 0, 1, 1, 1, 2])
LIKED = np.array([1, 0, 1, 0, 0, 1, 1, 1]) == 1
SCORES = np.array([0.9, 0.8, 0.5, 0.5, 0.7, 0.6, 0.2, 0.4])
RANKS = np.array([101, 300, 120, 999, 101, 100, 400, 500])


def test_only_pairs_with_a_consume_rank_above_beyond_count():
    """Left out is the pair of place 100; left are 4 likes and 3 others."""
    found = evaluate_unlikely(SCORES, LIKED, USERS, RANKS, beyond=100)
    facts = found.to_dict()
    assert (facts["pairs"], facts["people"], facts["liked"]) == (7, 3, 4 / 7)
    wins = 3 + (0 + 0.5 + 0) + 0 + 0  # of .9, .5, .2 and .4 over .8, .5 and .7
    assert found.auc == pytest.approx(wins / (4 * 3))
    assert evaluate_unlikely(SCORES, LIKED, USERS, RANKS, beyond=99).to_dict()["pairs"] == 8


def test_within_people_every_person_counts_once():
    found = evaluate_unlikely(SCORES, LIKED, USERS, RANKS)
    first = (2 + 0.5) / 4  # .9 beats both, .5 ties one
    assert found.within == pytest.approx([first, 0.0, np.nan], nan_ok=True)
    assert found.auc_within == pytest.approx((first + 0.0) / 2)


def test_ndcg_ranks_each_persons_own_pairs():
    found = evaluate_unlikely(SCORES, LIKED, USERS, RANKS)
    discount = 1 / np.log2([2, 3, 4])
    ties_stay = (discount[0] + discount[2]) / (discount[0] + discount[1])  # liked at 1 and 3
    assert found.gain == pytest.approx([ties_stay, discount[1] / discount[0], 1.0])
    assert found.ndcg == pytest.approx(found.gain.mean())


def test_the_order_of_pairs_of_different_people_changes_nothing(rng):
    users, liked = rng.integers(9, size=80), rng.random(80) < 0.5
    scores, ranks = rng.random(80), rng.integers(1, 300, size=80)
    order = rng.permutation(80)
    first = evaluate_unlikely(scores, liked, users, ranks)
    second = evaluate_unlikely(scores[order], liked[order], users[order], ranks[order])
    assert first.to_dict() == pytest.approx(second.to_dict())


def test_without_an_unlikely_pair_every_metric_is_none():
    found = evaluate_unlikely(SCORES, LIKED, USERS, RANKS, beyond=5000)
    assert (found.auc, found.auc_within, found.ndcg) == (None, None, None)
    assert compare_unlikely(found, found) == {}


def test_models_are_compared_on_the_same_pairs_alone():
    ours = evaluate_unlikely(SCORES, LIKED, USERS, RANKS)
    best = evaluate_unlikely(LIKED.astype(float), LIKED, USERS, RANKS)
    found = compare_unlikely(best, ours)
    assert list(found) == ["auc", "auc_within", "ndcg@10"]
    assert found["auc"].mean == pytest.approx(1 - ours.auc)
    assert found["auc_within"].mean == pytest.approx(1 - ours.auc_within)
    assert found["ndcg@10"].mean == pytest.approx(1 - ours.ndcg)
    with pytest.raises(SettingError, match="different pairs"):
        compare_unlikely(evaluate_unlikely(SCORES, LIKED, USERS, RANKS, beyond=200), ours)


def test_resampled_aucs_are_those_of_repeated_pairs(rng):
    users, liked = rng.integers(6, size=50), rng.random(50) < 0.4
    scores = rng.integers(8, size=50) / 8  # with ties
    (weights,) = drawn_weights(6, 40, seed=3)
    drawn = []
    for row in weights.astype(int):
        again = np.repeat(np.arange(50), row[users])
        drawn.append(auc(scores[again], liked[again]))
    found = auc_bootstrap(scores, liked, users, n_resamples=40, seed=3)
    assert found.mean == pytest.approx(auc(scores, liked))
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]))


def test_a_model_does_not_differ_from_itself():
    found = auc_bootstrap(SCORES, LIKED, USERS, SCORES)
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_people_are_resampled_with_all_their_pairs(rng):
    """Copies of a user's pairs add no information: the interval stays as wide."""
    users, liked = np.arange(300), rng.random(300) < 0.5
    scores = rng.random(300) + 0.3 * liked
    once = auc_bootstrap(scores, liked, users)
    often = auc_bootstrap(np.tile(scores, 5), np.tile(liked, 5), np.tile(users, 5))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_the_interval_of_a_ratio_is_that_of_the_delta_method(rng):
    down = rng.uniform(0.5, 1.5, size=1000)
    up = down * 0.4 + rng.normal(0, 0.2, size=1000)
    found = ratio_bootstrap((up, down), n_resamples=2000)
    ratio = up.sum() / down.sum()
    margin = 1.96 * (up - ratio * down).std() / down.mean() / np.sqrt(1000)
    assert found.mean == pytest.approx(ratio)
    assert found.low == pytest.approx(ratio - margin, abs=0.15 * margin)
    assert found.high == pytest.approx(ratio + margin, abs=0.15 * margin)


def test_a_difference_of_ratios_has_its_own_weights():
    first, second = (np.array([1.0, 0.0]), np.ones(2)), (np.array([0.0, 3.0]), np.array([1.0, 3.0]))
    assert ratio_bootstrap(first, second).mean == pytest.approx(1 / 2 - 3 / 4)


def test_consume_ranks_start_at_one_and_the_history_comes_last():
    ranks = consume_ranks(np.array([[0.1, -np.inf, 0.7, 0.1], [4.0, 3.0, 2.0, 1.0]]))
    assert ranks.tolist() == [[2, 4, 1, 3], [1, 2, 3, 4]]
    assert beyond_top(ranks, 2).tolist() == [[0, 1, 0, 1], [0, 0, 1, 1]]
