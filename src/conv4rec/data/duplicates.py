"""Repeated pairs of a user and an item: which row of the table counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from conv4rec.data.ids import rows_where
from conv4rec.errors import DataError

DuplicatePolicy: TypeAlias = Literal["last", "first", "mean", "error"]

POLICIES: dict[DuplicatePolicy, str] = {
    "last": "the last by timestamp is kept, else the last row; a rated row beats an unrated one",
    "first": "the first by timestamp is kept, else the first row; a rated row beats an unrated one",
    "mean": "the mean of the ratings is kept, moved to the nearest level, up from half way",
    "error": "a repeated pair is refused",
}


@dataclass(frozen=True)
class DistinctPairs:
    """The row kept for each pair of a user and an item, sorted by user and item."""

    rows: np.ndarray
    """int64: the row kept for each pair."""
    means: np.ndarray
    """float64: with the policy "mean", the mean of several ratings of a pair; else NaN."""
    n_conflicting: int
    """Over all pairs, the number of distinct ratings beyond the first."""


def distinct_pairs(
    user_numbers: np.ndarray,
    item_numbers: np.ndarray,
    ratings: np.ndarray,
    timestamps: np.ndarray | None,
    policy: DuplicatePolicy,
) -> DistinctPairs:
    """Choose one row for each pair of a user and an item.

    A rated row is preferred to an unrated one. Missing
    timestamps (the lowest int64) come before all others. Sorts: n log n time, about 30
    bytes a row.

    Args:
        user_numbers: The user of each row.
        item_numbers: The item of each row.
        ratings: The rating of each row, NaN where there is none.
        timestamps: When, in any unit; None makes the order of the rows decide.
        policy: What to keep: see `POLICIES`.

    Raises:
        DataError: The policy is "error" and a pair is repeated; the message names the rows.

    >>> users, items = np.array([0, 0, 0]), np.array([5, 5, 2])
    >>> distinct_pairs(users, items, np.array([4.0, 3.0, 1.0]), None, "last").rows.tolist()
    [2, 1]
    """
    order, pairs = _sorted_pairs(user_numbers, item_numbers)
    is_first = np.concatenate([[True], pairs[1:] != pairs[:-1]])[: len(pairs)]
    del pairs  # of a large log, as much memory as what is kept
    rows = order[is_first]
    means = np.full(len(rows), np.nan) if policy == "mean" else np.empty(0)
    if len(rows) == len(order):
        return DistinctPairs(rows, means, 0)

    if policy == "error":
        repeats = np.zeros(len(order), dtype=bool)
        repeats[order[~is_first]] = True
        raise DataError(
            f"the user and item of an earlier row are repeated in {rows_where(repeats)}: drop the "
            "repeats, or choose duplicates='last', 'first' or 'mean'"
        )
    is_repeated = ~is_first | np.concatenate([~is_first[1:], [False]])
    group = np.cumsum(is_first, dtype=np.int64)[is_repeated] - 1
    copies = order[is_repeated]
    del order
    is_rated = ~np.isnan(ratings[copies])
    when = np.zeros(len(copies), dtype=np.int64) if timestamps is None else timestamps[copies]
    # Best last within a group: rated, then late, then further down the file. (~t reverses the
    # order of integers without the overflow of -t.)
    if policy == "first":
        best_last = np.lexsort((-copies, ~when, is_rated, group))
    else:
        best_last = np.lexsort((copies, when, is_rated, group))
    is_best = np.concatenate([group[1:] != group[:-1], [True]])  # `group` is sorted already
    rows[group[is_best]] = copies[best_last][is_best]
    if policy == "mean":
        sums = np.bincount(group[is_rated], ratings[copies[is_rated]], minlength=len(rows))
        counts = np.bincount(group[is_rated], minlength=len(rows))
        means[counts > 1] = sums[counts > 1] / counts[counts > 1]
    return DistinctPairs(rows, means, _n_conflicting(group[is_rated], ratings[copies[is_rated]]))


def _sorted_pairs(
    user_numbers: np.ndarray, item_numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The rows, by user, item and row; and a number for the pair of each."""
    n_rows, n_items = len(user_numbers), int(item_numbers.max(initial=0)) + 1
    pairs = user_numbers.astype(np.int64)
    pairs *= n_items
    pairs += item_numbers
    if (int(user_numbers.max(initial=0)) + 1) * n_items * max(1, n_rows) >= 2**63:
        order = np.argsort(pairs, kind="stable")
        return order, pairs[order]
    pairs *= n_rows  # pair and row in one number, which is sorted where it is
    pairs += np.arange(n_rows)
    pairs.sort()
    order = pairs % max(1, n_rows)
    pairs //= max(1, n_rows)
    return order, pairs


def _n_conflicting(group: np.ndarray, ratings: np.ndarray) -> int:
    """Over all groups, the number of distinct ratings beyond the first."""
    order = np.lexsort((ratings, group))
    group, ratings = group[order], ratings[order]
    return int(np.count_nonzero((group[1:] == group[:-1]) & (ratings[1:] != ratings[:-1])))
