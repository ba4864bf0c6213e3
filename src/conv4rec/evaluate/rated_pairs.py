"""The rated test pairs of a split, and a model's predictions for pairs, in blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conv4rec.evaluate.blocks import Block, row_blocks
from conv4rec.evaluate.consume_ranks import ConsumeRanker, ranks_of
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray, Scorer

if TYPE_CHECKING:
    from conv4rec.data.interactions import Interactions
    from conv4rec.data.splits import Split

_PAIRS_AT_ONCE = 100_000  # bounds the level probabilities: pairs × levels


@dataclass(frozen=True, eq=False)
class RatedTestPairs:
    """The rated test pairs of a split, as parallel arrays."""

    people: IntArray
    """Index into the `rows` asked for."""
    items: IntArray
    liked: BoolArray
    ranks: dict[str, IntArray]
    """Consume rank, by the name of the ranker."""


def rated_test_pairs(
    split: Split,
    rows: IntArray,
    like_level: int,
    rankers: Mapping[str, ConsumeRanker],
    max_memory_mb: float,
) -> RatedTestPairs:
    """The rated test pairs of some users, each with its consume ranks.

    Args:
        split: Histories at inference and test interactions.
        rows: The users with test interactions.
        like_level: Number of the first level that counts as liked.
        rankers: Define the consume ranks, by name.
        max_memory_mb: As in `evaluate`.
    """
    people, items, liked = [], [], []
    ranks: dict[str, list[IntArray]] = {name: [] for name in rankers}
    first = 0
    for block in row_blocks(rows, split.train.n_items, max_memory_mb):
        cells = Block(split, block, like_level)
        rated = cells.test_levels >= 0
        at = cells.test_rows[rated], cells.test_items[rated]
        people.append(first + at[0])
        items.append(at[1])
        liked.append(cells.test_levels[rated] >= like_level)
        for name, ranker in rankers.items():
            ranks[name].append(ranks_of(ranker, split.given, block)[at])
        first += len(block)
    joined = {name: np.concatenate(parts) for name, parts in ranks.items()}
    return RatedTestPairs(
        np.concatenate(people), np.concatenate(items), np.concatenate(liked), joined
    )


def p_like_of(
    scorer: Scorer, given: Interactions, rows: IntArray, items: IntArray, like_level: int
) -> FloatArray | None:
    """P(like) of parallel arrays of users and items; None from a model without it."""

    def likes(block: slice) -> FloatArray | None:
        probabilities = scorer.rating_probabilities(given, rows[block], items[block])
        return None if probabilities is None else probabilities[:, like_level:].sum(axis=1)

    return _in_blocks(likes, len(rows))


def expected_of(
    scorer: Scorer, given: Interactions, rows: IntArray, items: IntArray
) -> FloatArray | None:
    """Expected ratings of parallel arrays of users and items; None from a model without them."""

    def expected(block: slice) -> FloatArray | None:
        return scorer.expected_ratings(given, rows[block], items[block])

    return _in_blocks(expected, len(rows))


def _in_blocks(predict: Callable[[slice], FloatArray | None], n_pairs: int) -> FloatArray | None:
    found = []
    for first in range(0, n_pairs, _PAIRS_AT_ONCE):
        values = predict(slice(first, first + _PAIRS_AT_ONCE))
        if values is None:
            return None
        found.append(values)
    return np.concatenate(found) if found else None
