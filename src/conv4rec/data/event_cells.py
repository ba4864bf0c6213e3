"""Rows of events counted into cells: user, item and kind, with how often, first and last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conv4rec.data.event_types import EventTypes

NO_TIMESTAMP = np.iinfo(np.int64).min  # in `first` and `last`: no event of the cell has one


@dataclass(frozen=True)
class Cells:
    """One entry for each user, item and kind of some rows, in this order."""

    users: np.ndarray
    items: np.ndarray
    kinds: np.ndarray
    counts: np.ndarray
    first: np.ndarray | None
    last: np.ndarray | None
    n_replaced: int
    """Events of an exclusive group that a later one replaced."""


def count_cells(
    users: np.ndarray,
    items: np.ndarray,
    kinds: np.ndarray,
    counts: np.ndarray,
    times: np.ndarray | None,
    types: EventTypes,
) -> Cells:
    """Count rows by user, item and kind; of exclusive kinds a pair keeps the last.

    The last is the latest by timestamp, else the last row. Sorts: n log n time, about 60 bytes a
    row.

    >>> types = EventTypes.of(["buy", "view"])
    >>> rows = np.array([0, 0, 0]), np.array([5, 5, 5]), np.array([1, 0, 1])
    >>> cells = count_cells(*rows, np.array([1, 1, 3]), None, types)
    >>> cells.kinds.tolist(), cells.counts.tolist()
    ([0, 1], [1, 4])
    """
    pairs = users.astype(np.int64) * (int(items.max(initial=0)) + 1) + items
    keys = pairs * types.n_kinds + kinds
    order = np.lexsort((keys,) if times is None else (times, keys))  # stable: then by row
    keys = keys[order]
    firsts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
    lasts = np.append(firsts[1:], len(keys))[: len(firsts)] - 1
    at = order[lasts]  # the latest row of each cell
    sums = np.add.reduceat(counts[order], firsts) if len(firsts) else counts[:0]
    first = last = None
    if times is not None:
        last = times[at]
        known = np.where(times == NO_TIMESTAMP, np.iinfo(np.int64).max, times)
        first = np.minimum.reduceat(known[order], firsts) if len(firsts) else last
        first = np.where(last == NO_TIMESTAMP, NO_TIMESTAMP, first)
    kept = _last_of_groups(pairs[at], kinds[at], at if last is None else last, at, types)
    return Cells(
        users[at][kept],
        items[at][kept].astype(np.int32),
        kinds[at][kept].astype(np.int16),
        sums[kept],
        None if first is None else first[kept],
        None if last is None else last[kept],
        int(sums[~kept].sum()),
    )


def repeated_shares(
    pairs: np.ndarray, types: np.ndarray, counts: np.ndarray, n_types: int
) -> np.ndarray:
    """Of each type, the share of its events on a pair that had the type before; no order needed."""
    distinct = np.unique(pairs * n_types + types)
    n_first = np.bincount((distinct % n_types).astype(np.int64), minlength=n_types)
    n_events = np.bincount(types, weights=counts, minlength=n_types)
    return np.where(n_events > 0, 1 - n_first / np.maximum(n_events, 1), 0.0)


def seen_before_shares(
    pairs: np.ndarray, types: np.ndarray, counts: np.ndarray, times: np.ndarray, n_types: int
) -> np.ndarray:
    """Of each type, the share of its events on a pair that had any event before, in time order."""
    order = np.lexsort((times, pairs))
    is_first = np.concatenate([[True], pairs[order][1:] != pairs[order][:-1]])[: len(pairs)]
    n_first = np.bincount(types[order][is_first], minlength=n_types)
    n_events = np.bincount(types, weights=counts, minlength=n_types)
    return np.where(n_events > 0, 1 - n_first / np.maximum(n_events, 1), 0.0)


def _last_of_groups(
    pairs: np.ndarray, kinds: np.ndarray, last: np.ndarray, rows: np.ndarray, types: EventTypes
) -> np.ndarray:
    """Which cells stay if a pair keeps the latest cell of each exclusive group, as booleans."""
    kept = np.ones(len(pairs), dtype=bool)
    for group in types.exclusive:
        members = np.flatnonzero(np.isin(kinds, group))
        by_age = members[np.lexsort((rows[members], last[members], pairs[members]))]
        is_older = pairs[by_age][:-1] == pairs[by_age][1:]
        kept[by_age[:-1][is_older]] = False
    return kept
