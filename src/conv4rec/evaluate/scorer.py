"""The interface between the evaluator and any model: four arrays."""

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
    """A fitted model, as the evaluator sees it: rows and items are numbers, not ids.

    `given` holds the histories that the model may read, one row per user; its items and levels
    are those of training. The model must answer from `given` alone, so that users who are not
    in training are scored in the same way. An answer of None means that the model has no such
    output; the metrics that need it are then None.
    """

    def rank_scores(self, given: Interactions, rows: IntArray, /) -> FloatArray | None:
        """Score every item for some users: rows × items, higher is more likely consumed.

        Items of the history need not be masked: the evaluator does that, for all models
        alike. Only the order of the scores matters.
        """
        ...

    def rank_log_probabilities(self, given: Interactions, rows: IntArray, /) -> FloatArray | None:
        """Log P(i | x): rows × items; the probabilities sum to one over items outside the history.

        Items of the history have -inf.
        """
        ...

    def rating_probabilities(
        self, given: Interactions, rows: IntArray, items: IntArray, /
    ) -> FloatArray | None:
        """P(k | i, x) for parallel arrays of users and items: pairs × levels."""
        ...

    def expected_ratings(
        self, given: Interactions, rows: IntArray, items: IntArray, /
    ) -> FloatArray | None:
        """The predicted rating of parallel arrays of users and items, on the rating scale."""
        ...
