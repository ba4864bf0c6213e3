"""What the evaluator asks of any model, ours or a rival's: four arrays and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from conv4rec.data.interactions import Interactions

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
BoolArray: TypeAlias = NDArray[np.bool_]


class Scorer(Protocol):
    """A model seen from its answers, in row and column numbers.

    `given` holds the histories that the model may look at, one row per user; its items and
    levels are those of training. The model must answer from `given`, not from a memory of
    who the user is, so that users who were never in training are scored alike. An answer of
    None means that the model has no such part: its metrics are then None too.
    """

    def rank_scores(self, given: Interactions, rows: IntArray) -> FloatArray | None:
        """Score every item for some users: rows × items, higher is consumed sooner.

        Items of the history need not be masked: the evaluator does that, for all models
        alike. Only the order of the scores matters.
        """
        ...

    def rank_log_probabilities(self, given: Interactions, rows: IntArray) -> FloatArray | None:
        """Compute log P(i | x): rows × items, summing to one over the items outside the history.

        Items of the history have -inf.
        """
        ...

    def rating_probabilities(
        self, given: Interactions, rows: IntArray, items: IntArray
    ) -> FloatArray | None:
        """P(k | i, x) for parallel arrays of users and items: pairs × levels."""
        ...

    def expected_ratings(
        self, given: Interactions, rows: IntArray, items: IntArray
    ) -> FloatArray | None:
        """The predicted rating of parallel arrays of users and items, on the rating scale."""
        ...
