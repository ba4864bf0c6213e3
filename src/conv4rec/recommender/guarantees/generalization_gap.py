"""The measured generalisation gap: the loss on fresh targets less that on training targets."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from conv4rec.data import Interactions
from conv4rec.errors import DataError
from conv4rec.recommender import Conv4Rec
from conv4rec.recommender.guarantees.fold_in_split import (
    consume_log_losses,
    fold_in_split,
    rating_log_losses,
)
from conv4rec.recommender.guarantees.leakage import check_leakage, known_users

Setting = Literal["A", "B"]
Side = Literal["consume", "rating"]
LOSSES = {"consume": consume_log_losses, "rating": rating_log_losses}
"""What is predicted: the item of a target, or its level."""


@dataclass(frozen=True)
class Gap:
    """A mean log-loss given the observed half, on training and on fresh targets, in nats.

    It is -log P(item | observed half), or -log P(level | item, observed half) for ratings.
    """

    setting: Setting
    """A: fresh users. B: fresh targets of the training users, with the same observed halves."""
    training: float
    fresh: float
    n: int
    """What the bounds count: training users (A) or target interactions (B)."""
    n_fresh: int
    """The same for the fresh side."""
    side: Side = "consume"

    @property
    def value(self) -> float:
        """Fresh minus training loss: its expectation is what the bounds bound."""
        return self.fresh - self.training

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON."""
        return {**vars(self), "gap": self.value}


def measured_gaps(model: Conv4Rec, held_out: Interactions, seed: int = 0) -> dict[Side, Gap]:
    """The gap of items and, where training and fresh data have rated targets, of ratings."""
    gaps: dict[Side, Gap] = {"consume": measured_gap(model, held_out, seed)}
    if (held_out.level_numbers >= 0).any() and training_n(model, "rating", seed):
        gaps["rating"] = measured_gap(model, held_out, seed, "rating")
    return gaps


def measured_gap(
    model: Conv4Rec, held_out: Interactions, seed: int = 0, side: Side = "consume"
) -> Gap:
    """Compare training targets with fresh targets.

    Every training history is cut by a fold-in split. If no held-out user is known, their
    histories are cut the same way, and the gap is between the mean over fresh users and the mean
    over training users (A). If all are known, their held-out rows are predicted from the same
    observed halves as the training targets, and the gap is between means over targets (B).

    The gap is that of the neural component alone, which the bounds are about.

    Raises:
        DataError: Some held-out users are known and some are not, or a held-out row is one of
            the training rows.
    """
    trained = model.interactions_
    known = known_users(trained, held_out)
    model = neural_component(model)
    if known.all():
        return _same_users(model, held_out, seed, side)
    if known.any():
        raise DataError(
            f"{int(known.sum()):,} of {held_out.n_users:,} users trained this model and the others "
            "did not: give fresh users alone, or fresh rows of training users alone"
        )
    check_leakage(trained, held_out)
    ours, theirs = fold_in_split(trained, seed), fold_in_split(held_out, seed)
    training = LOSSES[side](model, ours.given, ours.test)
    fresh = LOSSES[side](model, theirs.given, theirs.test)
    counts = [int((~np.isnan(losses)).sum()) for losses in (training, fresh)]
    if not all(counts):
        raise DataError(
            "no user has a rated target: give rated rows, or measure the gap of items alone"
        )
    means = [float(np.nanmean(losses)) for losses in (training, fresh)]
    return Gap("A", means[0], means[1], counts[0], counts[1], side)


def neural_component(model: Conv4Rec) -> Conv4Rec:
    """The same model without SLIM and Bayesian matrix factorisation, which no bound covers."""
    alone = copy(model)
    alone.scoring_ = model.scoring_.neural_component()
    return alone


def training_n(model: Conv4Rec, side: Side = "consume", seed: int = 0) -> int:
    """The n of setting A: training users with a target; for ratings, with a rated target."""
    test = fold_in_split(model.interactions_, seed).test
    if side == "consume":
        return test.n_users
    return len(np.unique(test.user_numbers[test.level_numbers >= 0]))


def _same_users(model: Conv4Rec, held_out: Interactions, seed: int, side: Side) -> Gap:
    trained = model.interactions_
    numbers = trained.users.numbers(held_out.users.to_series())
    if np.isin(_cells(held_out, numbers), _cells(trained, np.arange(trained.n_users))).any():
        raise DataError("some held-out rows trained this model: give rows that it has not seen")
    ours = fold_in_split(trained, seed)
    rows = ours.given.users.numbers(held_out.users.to_series())
    kept = held_out.take_users(np.flatnonzero(rows >= 0))
    given = ours.given.take_users(rows[rows >= 0])
    training, n = _mean_over_targets(model, ours.given, ours.test, side)
    fresh, n_fresh = _mean_over_targets(model, given, kept, side)
    return Gap("B", training, fresh, n, n_fresh, side)


def _mean_over_targets(
    model: Conv4Rec, given: Interactions, test: Interactions, side: Side
) -> tuple[float, int]:
    """The mean over targets, and how many there are: for ratings, only rated ones."""
    counted = test.level_numbers >= 0 if side == "rating" else np.ones(len(test), dtype=bool)
    counts = np.bincount(test.user_numbers[counted], minlength=test.n_users)
    if not counts.sum():
        raise DataError("no target is rated: give rated rows, or measure the gap of items alone")
    means = LOSSES[side](model, given, test)
    return float((np.nan_to_num(means) * counts).sum() / counts.sum()), int(counts.sum())


def _cells(log: Interactions, numbers: np.ndarray) -> np.ndarray:
    """One number per pair of a training user and an item, to compare pairs by."""
    return numbers[log.user_numbers].astype(np.int64) * log.n_items + log.item_numbers
