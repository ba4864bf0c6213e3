"""Blocks of users: arrays of users × items are held for a few users at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from conv4rec.checks import check_number
from conv4rec.errors import DataError, SettingError
from conv4rec.evaluate.scorer import BoolArray, IntArray

if TYPE_CHECKING:
    from conv4rec.data.events import Events
    from conv4rec.data.interactions import Interactions
    from conv4rec.data.splits import Split

_BYTES_PER_CELL = 48  # of users × items: scores, their copies and masks, at float64


def row_blocks(rows: IntArray, n_items: int, max_memory_mb: float) -> Iterator[IntArray]:
    """Cut rows into blocks that fit the memory budget, at 48 bytes for each user and item.

    Raises:
        SettingError: Not even one user fits.
    """
    check_number("max_memory_mb", max_memory_mb, above=0)
    size = int(min(max_memory_mb, 1e9) * 1e6) // (_BYTES_PER_CELL * max(n_items, 1))
    if size < 1:
        need = _BYTES_PER_CELL * n_items / 1e6
        raise SettingError(
            f"max_memory_mb={max_memory_mb:g} is too little for one user of {n_items:,} items: "
            f"set it to at least {need:.2g}"
        )
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class Block:
    """The history and the test interactions of some users, as (row in the block, item)."""

    def __init__(self, split: Split, rows: IntArray, like_level: int) -> None:
        self.rows = rows
        self.given = split.given
        self.values = np.asarray(split.train.levels.values, dtype=np.float64)
        self.like_level = like_level
        seen_rows, seen = positions(split.given, rows)
        self.seen = (seen_rows, split.given.item_numbers[seen])
        self.test_rows, test = positions(split.test, rows)
        self.test_items = split.test.item_numbers[test].astype(np.int64)
        self.test_levels = split.test.level_numbers[test].astype(np.int64)
        is_seen = self.mask(*self.seen)[self.test_rows, self.test_items]
        if is_seen.any():
            raise DataError(
                f"{int(is_seen.sum())} test interactions of split {split.name!r} are also in "
                "the given histories: remove them from one of the two"
            )

    def mask(self, rows: IntArray, items: IntArray) -> BoolArray:
        """True at these cells: rows × items."""
        mask = np.zeros((len(self.rows), self.given.n_items), dtype=bool)
        mask[rows, items] = True
        return mask


def positions(log: Interactions | Events, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Positions of the interactions of some users: (index of the user in rows, position)."""
    starts = log.starts[rows]
    counts = log.starts[rows + 1] - starts
    owners = np.repeat(np.arange(len(rows)), counts)
    first = np.cumsum(counts) - counts
    return owners, np.arange(len(owners)) - first[owners] + starts[owners]
