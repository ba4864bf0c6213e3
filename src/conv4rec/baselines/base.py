"""The interface of a baseline, and the checks that all baselines share."""

from __future__ import annotations

from typing import Protocol

from conv4rec.data.events import Events
from conv4rec.data.interactions import Interactions
from conv4rec.data.splits import random_split
from conv4rec.errors import DataError, NotFittedError
from conv4rec.evaluate import EventScorer, Scorer

VALIDATION_SHARE = 0.1
"""Share of the training rows held out to choose penalties and widths."""


class Baseline(Scorer, Protocol):
    """A scorer that fits itself, choosing its own penalties on validation rows only."""

    def fit(
        self, train: Interactions, validation: Interactions | None = None, seed: int = 0
    ) -> Baseline:
        """Fit on training rows.

        Args:
            train: The training rows.
            validation: Other rows of the same users, items and levels to choose penalties on.
                If left out, a tenth of `train` is drawn with `seed`, and once the choice is
                made the model is fitted again on all of `train`.
            seed: Seed of that draw.
        """
        ...


class EventBaseline(EventScorer, Protocol):
    """A scorer of logs with types that fits itself."""

    def fit(self, train: Events, seed: int = 0) -> EventBaseline:
        """Fit on training events; what is chosen is chosen on a part of them, drawn with `seed`."""
        ...


def parts(
    train: Interactions, validation: Interactions | None, seed: int
) -> tuple[Interactions, Interactions]:
    """The rows to fit on and the rows to choose on, before the final fit on all of `train`."""
    if validation is None:
        return random_split(train, test_share=VALIDATION_SHARE, seed=seed)
    return train, validation


def check_fitted(model: object, attribute: str) -> None:
    """Raise NotFittedError unless `fit` has set the attribute."""
    if not hasattr(model, attribute):
        name = type(model).__name__
        raise NotFittedError(f"this {name} has not been fitted: call fit(train) first")


def check_items(given: Interactions, n_items: int) -> None:
    """Raise DataError unless the histories are over as many items as the model was fitted on."""
    if given.n_items != n_items:
        raise DataError(
            f"the histories are over {given.n_items:,} items, the model was fitted on {n_items:,}"
        )
