"""A pair rated twice counts once, by the policy that was declared."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.data.duplicates import distinct_pairs
from conv4rec.errors import DataError

ROW = st.tuples(
    st.integers(0, 2), st.integers(0, 2), st.sampled_from([1.0, 2.0, np.nan]), st.integers(-2, 2)
)


def by_hand(rows, policy):
    """The same choice by a loop over pairs."""
    chosen, conflicts = [], 0
    for pair in sorted({row[:2] for row in rows}):
        copies = [(n, row) for n, row in enumerate(rows) if row[:2] == pair]
        rated = [copy for copy in copies if not np.isnan(copy[1][2])]
        conflicts += max(0, len({row[2] for _, row in rated}) - 1)
        in_time = sorted(rated or copies, key=lambda copy: (copy[1][3], copy[0]))
        chosen.append(in_time[-1 if policy == "last" else 0][0])
    return chosen, conflicts


@pytest.mark.parametrize("policy", ["last", "first"])
@given(rows=st.lists(ROW, min_size=1, max_size=12))
def test_the_kept_row_is_that_of_a_plain_loop(policy, rows):
    users, items, ratings, times = map(np.array, zip(*rows, strict=True))
    pairs = distinct_pairs(users, items, ratings, times, policy)
    chosen, conflicts = by_hand(rows, policy)
    assert pairs.rows.tolist() == chosen
    assert pairs.n_conflicting == conflicts


def test_numbers_too_large_for_one_key_are_sorted_all_the_same():
    users, items = np.array([2**31 - 2, 0, 2**31 - 2, 5]), np.array([2**31 - 2, 7, 2**31 - 2, 1])
    ratings = np.array([1.0, 2.0, 3.0, 4.0])
    assert distinct_pairs(users, items, ratings, None, "last").rows.tolist() == [1, 3, 2]
    assert distinct_pairs(users, items, ratings, None, "first").rows.tolist() == [1, 3, 0]


def test_without_timestamps_the_last_row_counts_and_a_missing_one_is_earliest():
    users = items = np.zeros(3, dtype=int)
    ratings = np.array([1.0, 2.0, 3.0])
    assert distinct_pairs(users, items, ratings, None, "last").rows.tolist() == [2]
    missing = np.array([5, 9, np.iinfo(np.int64).min])
    assert distinct_pairs(users, items, ratings, missing, "last").rows.tolist() == [1]
    assert distinct_pairs(users, items, ratings, missing, "first").rows.tolist() == [2]


def test_a_rated_row_beats_an_unrated_one():
    users = items = np.zeros(2, dtype=int)
    for ratings, row in (([4.0, np.nan], 0), ([np.nan, 4.0], 1)):
        for policy in ("last", "first"):
            pairs = distinct_pairs(users, items, np.array(ratings), None, policy)
            assert (pairs.rows.tolist(), pairs.n_conflicting) == ([row], 0)


def test_the_mean_is_over_the_ratings_alone():
    users, items = np.zeros(4, dtype=int), np.array([0, 0, 0, 1])
    pairs = distinct_pairs(users, items, np.array([1.0, 4.0, np.nan, 5.0]), None, "mean")
    np.testing.assert_array_equal(pairs.means, [2.5, np.nan])


def test_a_repeated_pair_can_be_refused_by_row():
    users, items = np.array([0, 1, 0, 0]), np.array([0, 0, 0, 1])
    with pytest.raises(DataError, match="repeated in row 3"):
        distinct_pairs(users, items, np.zeros(4), None, "error")
