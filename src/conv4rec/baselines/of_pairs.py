"""Baselines of logs without types on a log with types: the target alone, or all types as one."""

from __future__ import annotations

from collections.abc import Callable

from conv4rec.baselines.base import Baseline, check_fitted
from conv4rec.data.events import Events
from conv4rec.data.interactions import Interactions
from conv4rec.evaluate.scorer import FloatArray, IntArray


class OfPairs:
    """A baseline fitted on pairs: of each target type alone, or one for the union of all types.

    Args:
        make: Makes the baseline, not yet fitted.
        union: Whether every event makes an interaction, or those of the target alone.
    """

    models_: dict[str, Baseline]

    def __init__(self, make: Callable[[], Baseline], *, union: bool = False) -> None:
        self.make = make
        self.union = union

    def fit(self, train: Events, seed: int = 0) -> OfPairs:
        """Fit one model, or one for each target."""
        self.models_ = {}
        shared = self.make().fit(train.interactions(), seed=seed) if self.union else None
        for target in train.types.targets:
            log = self._pairs(train, target)
            if len(log):
                self.models_[target] = shared or self.make().fit(log, seed=seed)
        return self

    def target_scores(self, given: Events, rows: IntArray, target: str) -> FloatArray | None:
        """The scores of the baseline: rows × items."""
        check_fitted(self, "models_")
        if target not in self.models_:
            return None
        return self.models_[target].rank_scores(self._pairs(given, target), rows)

    def kind_probabilities(self, given: Events, rows: IntArray, items: IntArray) -> None:
        """None: it ranks only."""

    def _pairs(self, events: Events, target: str) -> Interactions:
        return events.interactions(None if self.union else [target])
