"""Rated test pairs of randomly exposed items, each with its rank by P(consume).

The ranks come from one model, ours, for all models that are compared, so that all of them are
measured on the same pairs.
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
class ExposedPairs:
    """The rated test pairs of a split, as parallel arrays, user by user."""

    users: IntArray
    """Row of the user."""
    items: IntArray
    levels: IntArray
    """Level number of the rating given."""
    percentiles: FloatArray
    """Share of the user's items outside the history with a lower P(consume), in (0, 1); items
    of equal P(consume) share their mean rank."""
    ranks: IntArray
    """Number of these items with a higher P(consume)."""

    @property
    def deciles(self) -> IntArray:
        """Tenth of the user's items by P(consume), 0 the least likely."""
        return np.minimum((self.percentiles * N_DECILES).astype(np.int64), N_DECILES - 1)

    @property
    def is_unlikely(self) -> BoolArray:
        """Whether the pair is in the lower half of the user's items by P(consume)."""
        return self.deciles < N_DECILES // 2


@dataclass(frozen=True, eq=False)
class ListedPairs:
    """Which pairs of `ExposedPairs` our model's discovery lists may hold, and do hold."""

    candidates: BoolArray
    """Unlikely to be consumed, with the confidence asked for."""
    discoveries: BoolArray
    """Candidates that are listed: P(like) is at least one half."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's predictions for the pairs of `ExposedPairs`."""

    expected: FloatArray
    """Expected rating, clipped to the scale."""
    probabilities: FloatArray
    """Pairs × levels."""
    scores: FloatArray | None = None
    """Score by which discoveries are ranked, higher first; P(like) if left out."""


def exposed_pairs(scorer: Scorer, split: Split, max_memory_mb: float = 512.0) -> ExposedPairs:
    """The rated test pairs, each with its rank among the user's items by P(consume).

    Args:
        scorer: The model whose `rank_scores` define the ranks.
        split: Histories at inference and test interactions.
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
            raise DataError("discovery is measured with the ranks of a model that ranks items")
        scores = np.array(given, dtype=np.float64)
        scores[cells.seen] = np.nan
        n_open = np.count_nonzero(~np.isnan(scores), axis=1)
        middle = rankdata(scores, axis=1, nan_policy="omit")  # the least likely is 1
        highest = rankdata(scores, method="max", axis=1, nan_policy="omit")
        rated = cells.test_levels >= 0
        at = cells.test_rows[rated], cells.test_items[rated]
        percentiles = (middle[at] - 0.5) / n_open[at[0]]
        ranks = (n_open[at[0]] - highest[at]).astype(np.int64)
        found.append((block[at[0]], at[1], cells.test_levels[rated], percentiles, ranks))
    columns = [np.concatenate(parts) for parts in zip(*found, strict=True)] if found else []
    if not columns or len(columns[0]) == 0:
        raise DataError(f"split {split.name!r} has no rated test pair: nothing can be measured")
    return ExposedPairs(*columns)


def predictions_for(scorer: Scorer, split: Split, pairs: ExposedPairs) -> Predictions:
    """The predictions of any model for the pairs; discoveries are ranked by P(like).

    Raises:
        DataError: The model has no rating probabilities.
    """
    expected = scorer.expected_ratings(split.given, pairs.users, pairs.items)
    probabilities = scorer.rating_probabilities(split.given, pairs.users, pairs.items)
    if probabilities is None:
        raise DataError("discovery is measured on models with rating probabilities")
    values = np.asarray(split.train.levels.values, dtype=np.float64)
    if expected is None:
        expected = probabilities @ values
    return Predictions(np.clip(expected, values.min(), values.max()), probabilities)
