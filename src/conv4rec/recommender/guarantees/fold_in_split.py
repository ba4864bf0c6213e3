"""Fold-in split: each history is cut into an observed half and a target half, at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conv4rec.data import Interactions, Split
from conv4rec.errors import DataError
from conv4rec.recommender import Conv4Rec, ConvScorer, evaluate_model


@dataclass(frozen=True, eq=False)
class UserLosses:
    """One number per user; NaN where a user has no target."""

    recall: np.ndarray
    """recall@k of the target half."""
    squared_error: np.ndarray
    """Mean over the rated targets, in squared units of the rating."""
    rating_log_loss: np.ndarray
    """Mean -log P(level | item, observed half) over the rated targets, in nats."""
    consume_log_loss: np.ndarray
    """Mean -log P(item | observed half) over the targets, in nats."""


def fold_in_split(log: Interactions, seed: int = 0) -> Split:
    """Cut each history: half of it, rounded up, is `given`; the rest is `test`.

    Users with fewer than two interactions are left out.

    Raises:
        DataError: No user has two interactions.
    """
    log = log.take_users(np.flatnonzero(np.diff(log.starts) >= 2))
    if len(log) == 0:
        raise DataError(
            "no user has two interactions: give at least one to observe and one to predict"
        )
    users = log.user_numbers
    shuffled = np.lexsort((np.random.default_rng(seed).random(len(log)), users))
    place = np.arange(len(log)) - log.starts[:-1][users]
    observed = np.zeros(len(log), dtype=bool)
    observed[shuffled] = place < np.ceil(np.diff(log.starts) / 2)[users]
    return Split("fold-in", train=log, given=log.select(observed), test=log.select(~observed))


def user_losses(model: Conv4Rec, split: Split, k: int = 20) -> UserLosses:
    """The losses of each user of `split.given`, in their order.

    The model observes `split.given` and nothing else of these users.
    """
    found = evaluate_model(model, split, ranking_metrics=(f"recall@{k}",))
    rows = np.flatnonzero(np.diff(split.test.starts))
    values = {}
    for name in (f"recall@{k}", "squared_error", "nll"):
        values[name] = np.full(split.test.n_users, np.nan)
        values[name][rows] = found.per_user.get(name, np.nan)
    consume = consume_log_losses(model, split.given, split.test)
    return UserLosses(values[f"recall@{k}"], values["squared_error"], values["nll"], consume)


def rating_log_losses(model: Conv4Rec, given: Interactions, test: Interactions) -> np.ndarray:
    """Mean -log P(level | item, given) of each user's rated test items; NaN for none."""
    rated = test.level_numbers >= 0
    users, items = test.user_numbers[rated], test.item_numbers[rated]
    p = ConvScorer(model).rating_probabilities(given, users, items).astype(np.float64)
    p_given = p[np.arange(len(users)), test.level_numbers[rated]]
    sums = np.bincount(users, -np.log(np.maximum(p_given, 1e-300)), minlength=given.n_users)
    counts = np.bincount(users, minlength=given.n_users)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def consume_log_losses(model: Conv4Rec, given: Interactions, test: Interactions) -> np.ndarray:
    """Mean -log P(item | given) of each user's test items, in nats; NaN for a user without any."""
    sums = np.zeros(given.n_users)
    counts = np.diff(test.starts)
    for first in range(0, given.n_users, 512):
        rows = np.arange(first, min(first + 512, given.n_users))
        log_p = ConvScorer(model).rank_log_probabilities(given, rows)
        cells = slice(test.starts[rows[0]], test.starts[rows[-1] + 1])
        users = test.user_numbers[cells]
        lost = -log_p[users - first, test.item_numbers[cells]].astype(np.float64)
        sums += np.bincount(users, lost, minlength=given.n_users)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
