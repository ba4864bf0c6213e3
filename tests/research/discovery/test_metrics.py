"""Metrics of discovery against values worked out by hand."""

import numpy as np
import polars as pl
import pytest

from conv4rec.data import Interactions, Split
from conv4rec.errors import DataError
from research.discovery.exposed_pairs import (
    ExposedPairs,
    ListedPairs,
    Predictions,
    exposed_pairs,
    predictions_for,
)
from research.discovery.metrics import measure_discovery

VALUES = (1.0, 2.0, 3.0, 4.0, 5.0)
LIKE = 3  # ratings of 4 and 5


def pairs_of(users, levels, percentiles, ranks=None):
    n = len(users)
    ranks = np.zeros(n, dtype=np.int64) if ranks is None else np.asarray(ranks)
    return ExposedPairs(
        np.asarray(users), np.arange(n), np.asarray(levels), np.asarray(percentiles), ranks
    )


def answers(p_like, scores=None, expected=None):
    """Predictions that only ratings of 1 and 5 occur."""
    p_like = np.asarray(p_like, dtype=np.float64)
    probabilities = np.zeros((len(p_like), 5))
    probabilities[:, 0], probabilities[:, 4] = 1 - p_like, p_like
    expected = probabilities @ VALUES if expected is None else np.asarray(expected)
    return Predictions(expected, probabilities, scores)


def figures(*words, **more):
    return measure_discovery(pairs_of(*words), answers(**more), VALUES, LIKE)


class Ranks:
    """A model with given scores and a uniform distribution of ratings."""

    ranks, rates = True, True

    def __init__(self, scores):
        self.scores = np.asarray(scores, dtype=np.float64)

    def rank_scores(self, _, rows):
        return self.scores[rows] if self.ranks else None

    def expected_ratings(self, *_):
        return None

    def rating_probabilities(self, _, rows, __):
        return np.full((len(rows), 5), 0.2) if self.rates else None


@pytest.fixture
def split():
    """Users a and b of six items; a was given item 0 and tested on 1, 2 and 5, b on 0."""
    log = Interactions.from_frame(
        pl.DataFrame(
            {
                "user_id": list("aaaabb"),
                "item_id": [0, 1, 2, 5, 0, 3],
                "rating": [5, 1, 4, 2, 3, 5],
            }
        ),
        levels=[1, 2, 3, 4, 5],
    )
    in_test = np.array([0, 1, 1, 1, 1, 0]) == 1
    return Split("made/up", log.select(~in_test), log.select(~in_test), log.select(in_test))


def test_precision_is_over_the_best_scored_unlikely_pairs_of_each_user():
    """Users 0 and 1 have 4 and 1 unlikely pairs.

    By P(like) user 0's are: not liked, liked, liked, not liked; user 1's is not liked.
    """
    found = figures(
        [0, 0, 0, 0, 0, 1, 1],
        [4, 0, 3, 4, 1, 4, 0],
        [0.9, 0.1, 0.2, 0.3, 0.49, 0.8, 0.4],
        p_like=[0.99, 0.9, 0.8, 0.7, 0.1, 0.99, 0.5],
    ).metrics
    assert found["discovery_precision@1"] == pytest.approx((0 / 1 + 0 / 1) / 2)
    assert found["discovery_precision@3"] == pytest.approx((2 / 3 + 0 / 1) / 2)
    assert found["discovery_precision@5"] == pytest.approx((2 / 4 + 0 / 1) / 2)
    assert found["base"] == pytest.approx((2 / 4 + 0 / 1) / 2)
    assert found["best@1"] == pytest.approx((1 / 1 + 0 / 1) / 2)
    assert found["lift@3"] == pytest.approx((1 / 3) / (1 / 4))


def test_precision_ranks_by_the_scores_where_they_are_given():
    found = figures([0, 0], [4, 0], [0.1, 0.2], p_like=[0.2, 0.6], scores=np.array([2.0, 1.0]))
    assert found.metrics["discovery_precision@1"] == 1.0
    assert found.per_user["discovery_precision@1"].tolist() == [1.0]


def test_a_random_ranking_has_a_lift_of_one(rng):
    n_users, n_each = 3000, 8
    users = np.repeat(np.arange(n_users), n_each)
    levels = rng.integers(0, 5, len(users))
    found = figures(users, levels, rng.random(len(users)) / 2, p_like=rng.random(len(users)))
    for k in (1, 3, 5):
        assert found.metrics[f"lift@{k}"] == pytest.approx(1.0, abs=0.05)
        assert found.metrics[f"best@{k}"] >= found.metrics[f"discovery_precision@{k}"]


def listed(candidates, discoveries):
    return ListedPairs(np.array(candidates) == 1, np.array(discoveries) == 1)


def test_listed_precision_takes_as_many_as_ours_by_p_like_at_most_three_per_user():
    """Of the candidates, user 0 has five discoveries and user 1 has one: n = 3 + 1.

    The four of highest P(like), at most three per user, are user 0's .9 .8 .7 (liked: yes, no,
    yes) and user 1's .4 (yes), although user 0's .6 is above it.
    """
    users = [0, 0, 0, 0, 0, 0, 1, 1]
    ratings = [4, 0, 4, 4, 4, 0, 4, 0]
    probabilities = [0.9, 0.8, 0.7, 0.6, 0.99, 0.5, 0.4, 0.95]
    candidates = [1, 1, 1, 1, 0, 1, 1, 0]
    pairs = pairs_of(users, ratings, [0.1] * 7 + [0.9])
    ours = listed(candidates, [1, 1, 1, 1, 0, 1, 1, 0])
    found = measure_discovery(pairs, answers(probabilities), VALUES, LIKE, ours)
    assert found.metrics["n_listed"] == 4
    assert found.metrics["listed_precision@3"] == pytest.approx(3 / 4)
    assert found.metrics["listed_p_like"] == pytest.approx((0.9 + 0.8 + 0.7 + 0.4) / 4)
    assert found.metrics["listed_base"] == pytest.approx(4 / 6)
    assert found.metrics["listed_lift@3"] == pytest.approx((3 / 4) / (4 / 6))
    assert found.metrics["n_listed_users"] == 2
    assert found.per_user["listed_precision@3"].tolist() == [2.0, 1.0]


def test_without_a_discovery_listed_precision_is_none():
    pairs = pairs_of([0, 1], [4, 0], [0.1, 0.2])
    found = measure_discovery(pairs, answers([0.3, 0.2]), VALUES, LIKE, listed([1, 1], [0, 0]))
    assert found.metrics["listed_precision@3"] is found.metrics["listed_lift@3"] is None
    assert found.metrics["listed_base"] == 0.5
    assert found.metrics["n_listed"] == found.metrics["n_listed_users"] == 0
    assert found.per_user["listed_precision@3"].tolist() == [0.0, 0.0]
    assert (
        "listed_precision@3"
        not in measure_discovery(pairs, answers([0.3, 0.2]), VALUES, LIKE).metrics
    )


def test_the_mean_square_error_is_the_squared_mean_error_and_a_rest():
    """Errors 1, 0 and 2: a mean of 1, a mean square of 5 / 3, 2 / 3 left."""
    found = figures(
        [0, 0, 0], [0, 1, 2], [0.1, 0.2, 0.3], p_like=[0.1, 0.2, 0.3], expected=[2.0, 2.0, 5.0]
    ).metrics
    assert found["mse"] == pytest.approx(5 / 3)
    assert found["shifted"] == pytest.approx(1.0)
    assert found["mse_unshifted"] == pytest.approx(2 / 3)
    assert found["mae"] == pytest.approx((0 + 1 + 2) / 3)  # the median level is 1 each time


def test_knowing_who_is_generous_raises_the_auc_over_all_pairs_and_not_within_users():
    """User 0 likes everything but one; the model knows who is generous and nothing else."""
    users, levels = [0, 0, 0, 1, 1, 1], [4, 4, 0, 0, 0, 4]
    found = figures(users, levels, [0.1] * 6, p_like=[0.8] * 3 + [0.2] * 3).metrics
    assert found["auc_like"] == pytest.approx((2 * (2 + 0.5) + 2 * 0.5) / 9)
    assert found["auc_within"] == pytest.approx(0.5)


def test_ndcg_of_liking_ranks_each_users_own_test_items():
    """Liked at places 2 and 3 of three, and a user who liked nothing and is left out."""
    found = figures([0, 0, 0, 1], [0, 4, 3, 0], [0.1] * 4, p_like=[0.9, 0.8, 0.7, 0.5]).metrics
    ideal = 1 / np.log2(2) + 1 / np.log2(3)
    assert found["ndcg_like@5"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(4)) / ideal)


def test_deciles_hold_predicted_and_observed_shares():
    found = figures([0] * 4, [4, 0, 4, 4], [0.01, 0.09, 0.1, 0.999], p_like=[0.6, 0.2, 0.5, 0.7])
    table = found.deciles
    assert table["n"] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert table["predicted"][:3] == [pytest.approx(0.4), pytest.approx(0.5), None]
    assert table["observed"][:2] == [pytest.approx(0.5), pytest.approx(1.0)]
    assert table["auc"][:2] == [1.0, None]


def test_the_calibration_error_is_of_the_lower_half_alone():
    """Two unlikely pairs with P(like) .5, one liked; two likely ones with 0, both liked."""
    found = figures([0] * 4, [4, 0, 4, 4], [0.1, 0.2, 0.9, 0.8], p_like=[0.5, 0.5, 0.0, 0.0])
    assert found.metrics["ece_low"] == pytest.approx(0.0)
    assert found.metrics["auc_low"] == pytest.approx(0.5)


def test_auc_far_is_over_pairs_of_rank_500_or_more():
    found = figures([0] * 4, [4, 0, 4, 0], [0.1] * 4, [499, 499, 500, 900], p_like=[0, 1, 1, 0])
    assert found.metrics["auc_far@500"] == 1.0
    assert figures([0], [4], [0.1], p_like=[0.5]).metrics["auc_far@500"] is None


def test_percentiles_are_over_the_users_items_outside_the_history(split):
    """User a's items 1, 2, 3, 5 (0 is given; there is no 4): 1 is least likely, 2 and 5 tie."""
    likely = Ranks([[9, 1, 3, 2, 3], [5, 1, 2, 0, 4]])
    found = exposed_pairs(likely, split)
    assert found.users.tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(found.percentiles, [0.5 / 4, 3.0 / 4, 3.0 / 4, 3.5 / 4])
    assert found.ranks.tolist() == [3, 0, 0, 0]
    assert found.deciles.tolist() == [1, 7, 7, 8]
    assert found.is_unlikely.tolist() == [True, False, False, False]
    blocks = exposed_pairs(likely, split, max_memory_mb=48 * 5 / 1e6)  # a user at a time
    np.testing.assert_array_equal(blocks.percentiles, found.percentiles)


def test_a_model_that_cannot_rank_or_rate_is_refused(split):
    model = Ranks([[9, 1, 3, 2, 3], [5, 1, 2, 0, 4]])
    found = exposed_pairs(model, split)
    assert predictions_for(model, split, found).expected.tolist() == pytest.approx([3.0] * 4)
    model.ranks = model.rates = False
    with pytest.raises(DataError, match="a model that ranks items"):
        exposed_pairs(model, split)
    with pytest.raises(DataError, match="rating probabilities"):
        predictions_for(model, split, found)


def test_a_split_without_a_rated_test_pair_is_refused(split):
    nothing = Split("made/up", split.train, split.given, split.test.select(np.zeros(4, bool)))
    with pytest.raises(DataError, match="no rated test pair"):
        exposed_pairs(Ranks(np.zeros((2, 5))), nothing)
