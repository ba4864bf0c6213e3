"""The rated test pairs of a split, and what a model says of many pairs, a few at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conv4rec.evaluate.blocks import Block, row_blocks
from conv4rec.evaluate.consume_ranks import Picks, ranks_of
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray, Scorer

if TYPE_CHECKING:
    from conv4rec.data.interactions import Interactions
    from conv4rec.data.splits import Split

_PAIRS_AT_ONCE = 100_000  # of probabilities of ratings: pairs × levels


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The rated test pairs: parallel arrays."""

    people: IntArray
    """Places in `rows`."""
    items: IntArray
    liked: BoolArray
    ranks: dict[str, IntArray]
    """Place among the picks, by who says so."""


def held_out(
    split: Split, rows: IntArray, level: int, judges: Mapping[str, Picks], max_memory_mb: float
) -> HeldOut:
    """The rated test pairs of some users, and how unlikely each was to be picked.

    Args:
        split: What was given and what is to be found.
        rows: The users with test interactions.
        level: First level that counts as liked.
        judges: Who says how likely a pick was, by name.
        max_memory_mb: As in `evaluate`.
    """
    people, items, liked = [], [], []
    ranks: dict[str, list[IntArray]] = {name: [] for name in judges}
    first = 0
    for block in row_blocks(rows, split.train.n_items, max_memory_mb):
        cells = Block(split, block, level)
        rated = cells.test_levels >= 0
        at = cells.test_rows[rated], cells.test_items[rated]
        people.append(first + at[0])
        items.append(at[1])
        liked.append(cells.test_levels[rated] >= level)
        for name, judge in judges.items():
            ranks[name].append(ranks_of(judge, split.given, block)[at])
        first += len(block)
    joined = {name: np.concatenate(parts) for name, parts in ranks.items()}
    return HeldOut(np.concatenate(people), np.concatenate(items), np.concatenate(liked), joined)


def p_like_of(
    scorer: Scorer, given: Interactions, rows: IntArray, items: IntArray, like_level: int
) -> FloatArray | None:
    """P(like) of parallel arrays of users and items, a few pairs at a time."""
    found = []
    for first in range(0, len(rows), _PAIRS_AT_ONCE):
        pair = slice(first, first + _PAIRS_AT_ONCE)
        probabilities = scorer.rating_probabilities(given, rows[pair], items[pair])
        if probabilities is None:
            return None
        found.append(probabilities[:, like_level:].sum(axis=1))
    return np.concatenate(found) if found else None


def expected_of(
    scorer: Scorer, given: Interactions, rows: IntArray, items: IntArray
) -> FloatArray | None:
    """Expected ratings of parallel arrays of users and items, a few pairs at a time."""
    found = []
    for first in range(0, len(rows), _PAIRS_AT_ONCE):
        pair = slice(first, first + _PAIRS_AT_ONCE)
        expected = scorer.expected_ratings(given, rows[pair], items[pair])
        if expected is None:
            return None
        found.append(expected)
    return np.concatenate(found) if found else None
