"""The interface between the evaluator of logs with types and any model: two arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from conv4rec.evaluate.scorer import FloatArray, IntArray

if TYPE_CHECKING:
    from conv4rec.data.events import Events


class EventScorer(Protocol):
    """A fitted model of a log with types; rows and items are numbers, not ids.

    `given` holds the histories that the model may read, one row per user. An answer of None means
    that the model has no such output; the metrics that need it are then None.
    """

    def target_scores(self, given: Events, rows: IntArray, target: str, /) -> FloatArray | None:
        """Score every item for some users: rows × items, higher is likelier.

        The question is of which item the user's next event of the type `target` is. No item need
        be masked: the evaluator does that, for all models alike.
        """
        ...

    def kind_probabilities(
        self, given: Events, rows: IntArray, items: IntArray, /
    ) -> FloatArray | None:
        """P(kind | item, history) for parallel arrays of users and items: pairs × K."""
        ...
