"""The neutral guess of who consumes what, by hand on two groups of people."""

import numpy as np
import polars as pl
import pytest

from conv4rec.data.ids import Ids
from conv4rec.data.interactions import Interactions
from conv4rec.data.levels import Levels
from conv4rec.data.splits import Split
from conv4rec.evaluate import Propensity
from conv4rec.evaluate.propensity import SMOOTHING


def log(rows, n_items=4):
    users = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    items = np.concatenate([np.array(row, dtype=np.int64) for row in rows])
    user_ids, item_ids = (Ids.from_values(pl.Series(range(size))) for size in (len(rows), n_items))
    return Interactions.from_numbers(user_ids, item_ids, Levels.given([1, 2]), users, items)


GIVEN = [[0], [0], [1], [0, 1, 2], [0, 1, 2], []]
TEST = [[1], [], [], [3], [], [0]]


@pytest.fixture
def split():
    train = log(GIVEN)
    return Split("hand", train, given=train, test=log(TEST))


def test_popularity_in_a_group_is_shrunk_to_popularity_among_all(split):
    """Activity 1, 1, 1, 3, 3 of five people with a history: groups of up to one, and above."""
    found = Propensity.of(split)
    assert found.groups(split.given, np.arange(6)).tolist() == [0, 0, 0, 1, 1, 0]
    share = np.array([4, 3, 2, 0]) / 5
    for group, (n, size, t) in enumerate([([2, 1, 0, 0], 3, 2 / 1), ([2, 2, 2, 0], 2, 1 / 3)]):
        prior = share * (sum(n) / size) / (9 / 5)
        c = (n + SMOOTHING * prior) / (size + SMOOTHING)
        c = np.clip(c, 1 / 5, 1 - 1e-9)
        assert found.table[group] == pytest.approx(np.minimum(t * c / (1 - c), 1))


def test_an_item_that_nobody_consumed_counts_as_consumed_by_one(split):
    found = Propensity.of(split)
    assert found.table[1, 3] == pytest.approx(1 / 3 * (1 / 5) / (4 / 5))


def test_values_at_pairs_equal_the_table(split):
    found = Propensity.of(split)
    everything = found.rank_scores(split.given, np.array([5, 3]))
    assert everything.tolist() == found.table[[0, 1]].tolist()
    some = found.at(split.given, np.array([3, 0]), np.array([2, 1]))
    assert some.tolist() == [found.table[1, 2], found.table[0, 1]]


def test_new_people_belong_to_the_group_of_their_history(split):
    fresh = Split("new", split.train, given=log([[0, 1, 2], [3]]), test=log([[3], [0]]))
    assert Propensity.of(fresh).groups(fresh.given, np.arange(2)).tolist() == [1, 0]


def test_equally_active_people_are_one_group():
    train = log([[0, 1], [0, 2], [1, 3]])
    found = Propensity.of(Split("even", train, given=train, test=log([[3], [], []])))
    assert found.groups(train, np.arange(3)).tolist() == [0, 0, 0]
