"""The share liked if shown: by hand, and in a world where it is known."""

import numpy as np
import polars as pl
import pytest

from conv4rec.data.ids import Ids
from conv4rec.data.interactions import Interactions
from conv4rec.data.levels import Levels
from conv4rec.data.splits import Split
from conv4rec.errors import SettingError
from conv4rec.evaluate import Propensity, liked_if_shown
from conv4rec.evaluate.off_policy import compare_shown, in_lists

LISTS = np.array([[2, 0], [1, -1], [0, 1]])
PEOPLE, ITEMS = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 1, 2])
LIKED = np.array([True, True, False, True, False])
P = np.array([0.5, 0.1, 0.2, 0.25, 0.5])


def estimate(lists=LISTS, p=P):
    return liked_if_shown(lists, PEOPLE, ITEMS, LIKED, p, min_hits=1)


def test_hits_are_weighted_by_inverse_propensity():
    """Hits: person 0 item 0 (liked), person 1 item 1 (not), person 2 item 1 (liked)."""
    found = estimate()
    assert found.hits == 3
    assert found.share == pytest.approx((1 / 0.5 + 1 / 0.25) / (1 / 0.5 + 1 / 0.2 + 1 / 0.25))
    assert found.hits_liked == 2 / 3
    assert found.effective_hits == pytest.approx((2 + 5 + 4) ** 2 / (2**2 + 5**2 + 4**2))
    assert found.weight.tolist() == [2, 5, 4]
    assert found.liked_weight.tolist() == [2, 0, 4]
    assert 0 <= found.low < found.share < found.high <= 1


def test_a_list_of_everything_gives_the_weighted_share_of_likes():
    found = estimate(np.tile([0, 1, 2], (3, 1)))
    assert found.share == pytest.approx((LIKED / P).sum() / (1 / P).sum())


def test_equal_propensities_give_the_plain_share():
    found = estimate(p=np.full(5, 0.03))
    assert found.share == pytest.approx(found.hits_liked)
    assert found.effective_hits == pytest.approx(found.hits)


def test_only_the_proportion_of_propensities_counts():
    assert estimate(p=P / 7).share == pytest.approx(estimate().share)


def test_the_order_of_people_changes_nothing_but_the_draws():
    new = np.array([2, 0, 1])  # person of each new row
    found = liked_if_shown(LISTS[new], np.argsort(new)[PEOPLE], ITEMS, LIKED, P, min_hits=1)
    assert found.share == pytest.approx(estimate().share)
    assert found.weight.tolist() == estimate().weight[new].tolist()


def test_without_a_hit_there_is_no_estimate():
    found = estimate(np.array([[2, -1], [-1, -1], [0, -1]]))
    assert (found.share, found.low, found.hits, found.hits_liked) == (None, None, 0, None)
    assert compare_shown(found, estimate()) is None


def test_too_few_hits_give_no_estimate():
    found = liked_if_shown(LISTS, PEOPLE, ITEMS, LIKED, P, min_hits=4)
    assert (found.share, found.low, found.high) == (None, None, None)
    assert (found.hits, found.hits_liked) == (3, 2 / 3)
    assert liked_if_shown(LISTS, PEOPLE, ITEMS, LIKED, P, min_hits=3).share is not None


def test_hits_that_are_all_liked_have_an_interval_below_one():
    """Of n trials without a failure, a share s of likes has the probability s^n."""
    both = [
        liked_if_shown(LISTS, PEOPLE, ITEMS, np.full(5, liked), P, min_hits=1)
        for liked in (True, False)
    ]
    n = (2 + 5 + 4) ** 2 / (2**2 + 5**2 + 4**2)
    far = 0.025 ** (1 / n)
    assert [found.share for found in both] == [1.0, 0.0]
    assert (both[0].low, both[0].high) == pytest.approx((far, 1))
    assert (both[1].low, both[1].high) == pytest.approx((0, 1 - far))


def test_a_propensity_of_zero_is_refused():
    with pytest.raises(SettingError, match="propensities must be above 0"):
        estimate(p=P - 0.1)


def test_two_models_are_compared_over_the_same_people():
    everything = estimate(np.tile([0, 1, 2], (3, 1)))
    found = compare_shown(everything, estimate())
    assert found.mean == pytest.approx(everything.share - estimate().share)
    same = compare_shown(everything, everything)
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    with pytest.raises(SettingError, match="different people"):
        compare_shown(everything, estimate(np.tile([0, 1, 2], (4, 1))))


def test_the_padding_of_a_short_list_is_no_hit():
    assert in_lists(np.array([[0, -1]]), np.array([0, 0]), np.array([-2, 0])).tolist() == [0, 1]


def popular_world(seed, n_users=900, n_items=200, held_out=0.3):
    """A world in which popular items are liked more, and the active consume more of everything.

    Returns the split, P(in the test | not in training) of each pair, and the liked pairs.
    """
    rng = np.random.default_rng(seed)
    popularity = np.linspace(0.02, 0.5, n_items)
    activity = np.repeat([0.3, 0.6, 1.0, 1.4, 1.8], n_users // 5)
    q = activity[:, None] * popularity
    liked = rng.random(q.shape) < np.linspace(0.1, 0.9, n_items)
    consumed = rng.random(q.shape) < q
    in_test = rng.random(q.shape) < held_out
    parts = [table(consumed & ~in_test, liked), table(consumed & in_test, liked)]
    split = Split("world", parts[0], given=parts[0], test=parts[1])
    return split, q * held_out / (1 - q * (1 - held_out)), liked


def table(where, liked):
    users, items = np.nonzero(where)
    user_ids, item_ids = (Ids.from_values(pl.Series(range(size))) for size in where.shape)
    levels = np.where(liked[users, items], 4, 0)
    scale = Levels.given([1, 2, 3, 4, 5])
    return Interactions.from_numbers(user_ids, item_ids, scale, users, items, levels)


def test_the_neutral_propensity_is_near_the_true_one():
    split, truth, _ = popular_world(0)
    rows = np.arange(split.train.n_users)
    found = Propensity.of(split).rank_scores(split.given, rows)
    common = slice(50, None)  # of the rarest items, a handful of interactions tell
    of_items = found.mean(axis=0)[common] / truth.mean(axis=0)[common]
    of_people = [found[fifth].mean() / truth[fifth].mean() for fifth in np.split(rows, 5)]
    assert of_items == pytest.approx(np.ones(150), abs=0.3)
    assert of_people == pytest.approx(np.ones(5), abs=0.3)
    assert np.corrcoef(np.log(found).ravel(), np.log(truth).ravel())[0, 1] > 0.9


def test_the_estimate_is_near_the_truth_where_the_plain_share_is_not():
    """Lists of rare and of popular items alike: test ratings are mostly of the popular ones."""
    errors = []
    for seed in range(8):
        split, _, liked = popular_world(seed)
        rng = np.random.default_rng(100 + seed)
        train = split.train.to_csr().toarray() > 0
        scores = np.where(train, -1, rng.random(train.shape))
        lists = np.argsort(-scores, axis=1)[:, :20]
        truth = np.take_along_axis(liked, lists, axis=1).mean()
        test = split.test
        neutral = Propensity.of(split)
        p = neutral.at(split.given, test.user_numbers, test.item_numbers)
        likes = liked[test.user_numbers, test.item_numbers]
        found = liked_if_shown(lists, test.user_numbers, test.item_numbers, likes, p)
        assert found.low < truth < found.high or abs(found.share - truth) < 0.03
        errors.append((found.share - truth, found.hits_liked - truth))
    estimate, plain = np.mean(errors, axis=0)
    assert abs(estimate) < plain / 4
    assert plain > 0.1
