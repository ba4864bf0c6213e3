"""The measured gap: how much more the model loses on what it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from conv4rec.bench.theory.halves import halves, pick_log_losses
from conv4rec.bench.theory.strangers import check_strangers, known_users
from conv4rec.data import Interactions
from conv4rec.errors import DataError
from conv4rec.recommender import Conv4Rec

Setting = Literal["A", "B"]


@dataclass(frozen=True)
class Gap:
    """Mean -log P(item | input half) on training and on fresh targets, in nats."""

    setting: Setting
    """A: fresh users. B: fresh targets of the training users, with the same input halves."""
    training: float
    fresh: float
    n: int
    """What the bounds count: training users (A) or target interactions (B)."""
    n_fresh: int
    """The same for the fresh side."""

    @property
    def value(self) -> float:
        """Fresh minus training loss: what the bounds bound the expectation of."""
        return self.fresh - self.training

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON."""
        return {**vars(self), "gap": self.value}


def measured_gap(model: Conv4Rec, held_out: Interactions, seed: int = 0) -> Gap:
    """Compare the targets that trained the model with targets that did not.

    Every training history is cut in two by a seeded draw. If no held-out user is known, their
    histories are cut the same way, and the gap is between the average fresh user and the
    average training user (A). If all are known, their held-out rows are foretold from the
    same input halves as the training targets, and the gap is between the average targets (B).

    Raises:
        DataError: Some held-out users are known and some are not, or a held-out row is one of
            the training rows.
    """
    trained = model.interactions_
    known = known_users(trained, held_out)
    if known.all():
        return _same_users(model, held_out, seed)
    if known.any():
        raise DataError(
            f"{int(known.sum()):,} of {held_out.n_users:,} users trained this model and the others "
            "did not: give fresh users alone, or fresh rows of training users alone"
        )
    check_strangers(trained, held_out)
    ours, theirs = halves(trained, seed), halves(held_out, seed)
    training = pick_log_losses(model, ours.given, ours.test)
    fresh = pick_log_losses(model, theirs.given, theirs.test)
    return Gap(
        "A", float(np.nanmean(training)), float(np.nanmean(fresh)), len(training), len(fresh)
    )


def training_users(model: Conv4Rec) -> int:
    """How many training users have two interactions: the n of setting A."""
    return int((np.diff(model.interactions_.starts) >= 2).sum())


def _same_users(model: Conv4Rec, held_out: Interactions, seed: int) -> Gap:
    trained = model.interactions_
    numbers = trained.users.numbers(held_out.users.to_series())
    if np.isin(_cells(held_out, numbers), _cells(trained, np.arange(trained.n_users))).any():
        raise DataError("some held-out rows trained this model: give rows that it has not seen")
    ours = halves(trained, seed)
    rows = ours.given.users.numbers(held_out.users.to_series())
    kept = held_out.take_users(np.flatnonzero(rows >= 0))
    given = ours.given.take_users(rows[rows >= 0])
    training = _mean_over_targets(model, ours.given, ours.test)
    fresh = _mean_over_targets(model, given, kept)
    return Gap("B", training, fresh, len(ours.test), len(kept))


def _mean_over_targets(model: Conv4Rec, given: Interactions, test: Interactions) -> float:
    means, counts = pick_log_losses(model, given, test), np.diff(test.starts)
    return float((np.nan_to_num(means) * counts).sum() / counts.sum())


def _cells(log: Interactions, numbers: np.ndarray) -> np.ndarray:
    """One number per pair of a training user and an item."""
    return numbers[log.user_numbers].astype(np.int64) * log.n_items + log.item_numbers
