"""Ratings of items shown at random, and how unlikely each item was to be picked.

"Unlikely" is always told by ONE model's P(consume), ours, so that a rival without one is asked
about the same pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from conv4rec.errors import DataError
from conv4rec.evaluate.blocks import Block, row_blocks
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray, Scorer

if TYPE_CHECKING:
    from conv4rec.data.splits import Split

N_DECILES = 10


@dataclass(frozen=True, eq=False)
class Shown:
    """The rated test pairs of a split, and how unlikely each was: parallel arrays, user by user."""

    users: IntArray
    """Row of the user."""
    items: IntArray
    levels: IntArray
    """Level number of the rating given."""
    places: FloatArray
    """Share of the user's items (those outside the history) that were less likely to be picked
    than this one, in (0, 1); items of equal P(consume) share their mean place."""
    ranks: IntArray
    """Of the same items, how many were likelier: 0 is the most natural pick."""

    @property
    def deciles(self) -> IntArray:
        """Tenth of the user's items by P(consume), 0 the least likely."""
        return np.minimum((self.places * N_DECILES).astype(np.int64), N_DECILES - 1)

    @property
    def is_unlikely(self) -> BoolArray:
        """Whether the pair is in the lower half of the user's items by P(consume)."""
        return self.deciles < N_DECILES // 2


@dataclass(frozen=True, eq=False)
class Listed:
    """What our model's lists of finds hold of the pairs of a `Shown`."""

    hardly: BoolArray
    """Surely hardly picked: what finds are taken from."""
    finds: BoolArray
    """Of these, those that are listed: likelier liked than not."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of the pairs of a `Shown`."""

    expected: FloatArray
    """Expected rating, clipped to the scale."""
    probabilities: FloatArray
    """Pairs × levels."""
    scores: FloatArray | None = None
    """How gems are ranked, higher first; P(like) if left out."""


def shown_pairs(scorer: Scorer, split: Split, max_memory_mb: float = 512.0) -> Shown:
    """The rated test pairs, each with its place among the user's items by P(consume).

    Args:
        scorer: The model that says what is natural: only the order of its `rank_scores` counts.
        split: What was given and what is to be foretold.
        max_memory_mb: As in `evaluate`.

    Raises:
        DataError: No test pair is rated, or the model does not rank.
    """
    rows = np.flatnonzero(np.diff(split.test.starts))
    found = []
    for block in row_blocks(rows, split.train.n_items, max_memory_mb):
        cells = Block(split, block, like_level=0)
        given = scorer.rank_scores(cells.given, block)
        if given is None:
            raise DataError("discovery needs a model that ranks: it says what is hardly picked")
        scores = np.array(given, dtype=np.float64)
        scores[cells.seen] = np.nan
        n_open = np.count_nonzero(~np.isnan(scores), axis=1)
        middle = rankdata(scores, axis=1, nan_policy="omit")  # the least likely is 1
        highest = rankdata(scores, method="max", axis=1, nan_policy="omit")
        rated = cells.test_levels >= 0
        at = cells.test_rows[rated], cells.test_items[rated]
        places = (middle[at] - 0.5) / n_open[at[0]]
        ranks = (n_open[at[0]] - highest[at]).astype(np.int64)
        found.append((block[at[0]], at[1], cells.test_levels[rated], places, ranks))
    columns = [np.concatenate(parts) for parts in zip(*found, strict=True)] if found else []
    if not columns or len(columns[0]) == 0:
        raise DataError(
            f"split {split.name!r} has no rated test pair: there is nothing to foretell"
        )
    return Shown(*columns)


def answers_of(scorer: Scorer, split: Split, shown: Shown) -> Answers:
    """What a model without a score for gems says of the pairs; gems go by P(like).

    Raises:
        DataError: It does not rate.
    """
    expected = scorer.expected_ratings(split.given, shown.users, shown.items)
    probabilities = scorer.rating_probabilities(split.given, shown.users, shown.items)
    if probabilities is None:
        raise DataError("discovery needs a model with chances of ratings, and this one has none")
    values = np.asarray(split.train.levels.values, dtype=np.float64)
    if expected is None:
        expected = probabilities @ values
    return Answers(np.clip(expected, values.min(), values.max()), probabilities)
