"""What people are likely to pick anyway, by whoever ranks it, and what is unlikely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from conv4rec.errors import DataError
from conv4rec.evaluate.blocks import positions
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from conv4rec.data.interactions import Interactions

BEYOND = 100
"""An item outside so many of a person's likeliest picks is unlikely to be picked."""


class Picks(Protocol):
    """Whatever ranks a person's picks: any `Scorer` that ranks, or `Propensity`."""

    def rank_scores(self, given: Interactions, rows: IntArray) -> FloatArray | None:
        """Score every item for some users, rows × items; only the order matters."""
        ...


def consume_ranks(scores: FloatArray) -> IntArray:
    """Each item's place among a person's picks, from 1; of equal scores the smaller number first.

    Items of the history, at -inf, come last.

    >>> consume_ranks(np.array([[0.1, -np.inf, 0.7, 0.1]]))
    array([[2, 4, 1, 3]])
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.arange(1, scores.shape[1] + 1)[None], axis=1)
    return ranks


def equally_unlikely(ranks: IntArray, beyond: int = BEYOND) -> BoolArray:
    """The items outside each person's likeliest picks: what every model discovers from.

    Args:
        ranks: Place of each item among a person's picks, from 1 (see `consume_ranks`).
        beyond: How many picks are likely.

    >>> equally_unlikely(np.array([[2, 1, 3]]), 2)
    array([[False, False,  True]])
    """
    return np.asarray(ranks) > beyond


def ranks_of(picks: Picks, given: Interactions, rows: IntArray) -> IntArray:
    """Place of each item among some people's picks: rows × items; the history comes last.

    Raises:
        DataError: `picks` does not rank.
    """
    scores = picks.rank_scores(given, rows)
    if scores is None:
        raise DataError(
            "whoever says what people are likely to pick must rank, and this one does not"
        )
    return consume_ranks(np.where(history_mask(given, rows), -np.inf, scores))


def history_mask(given: Interactions, rows: IntArray) -> BoolArray:
    """True at what each person has consumed: rows × items."""
    owners, at = positions(given, rows)
    mask = np.zeros((len(rows), given.n_items), dtype=bool)
    mask[owners, given.item_numbers[at]] = True
    return mask
