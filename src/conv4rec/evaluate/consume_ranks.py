"""Rank of each item among what a person is likely to consume, by any model that ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from conv4rec.errors import DataError
from conv4rec.evaluate.blocks import positions
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from conv4rec.data.interactions import Interactions

BEYOND = 100
"""An item whose rank is above this number counts as unlikely to be consumed."""


class ConsumeRanker(Protocol):
    """A model that ranks items by how likely they are consumed: a `Scorer` or `Propensity`."""

    def rank_scores(self, given: Interactions, rows: IntArray, /) -> FloatArray | None:
        """Score every item for some users, rows × items; only the order matters."""
        ...


def consume_ranks(scores: FloatArray) -> IntArray:
    """Rank of each item by its score, from 1; of equal scores the smaller item number first.

    Items of the history, at -inf, come last.

    >>> consume_ranks(np.array([[0.1, -np.inf, 0.7, 0.1]]))
    array([[2, 4, 1, 3]])
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.arange(1, scores.shape[1] + 1)[None], axis=1)
    return ranks


def beyond_top(ranks: IntArray, beyond: int = BEYOND) -> BoolArray:
    """The items that a person is unlikely to consume: the candidates for a discovery.

    Args:
        ranks: Rank of each item, from 1 (see `consume_ranks`).
        beyond: An item counts if its rank is above this number.

    >>> beyond_top(np.array([[2, 1, 3]]), 2)
    array([[False, False,  True]])
    """
    return np.asarray(ranks) > beyond


def ranks_of(ranker: ConsumeRanker, given: Interactions, rows: IntArray) -> IntArray:
    """Rank of each item for some people: rows × items; items of the history come last.

    Raises:
        DataError: `ranker` does not rank.
    """
    scores = ranker.rank_scores(given, rows)
    if scores is None:
        raise DataError(
            "the ranker says what people are likely to consume, so it must rank; this one does not"
        )
    return consume_ranks(np.where(history_mask(given, rows), -np.inf, scores))


def history_mask(given: Interactions, rows: IntArray) -> BoolArray:
    """True at the items of each person's history: rows × items."""
    owners, at = positions(given, rows)
    mask = np.zeros((len(rows), given.n_items), dtype=bool)
    mask[owners, given.item_numbers[at]] = True
    return mask
