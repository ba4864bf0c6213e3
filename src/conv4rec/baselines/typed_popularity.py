"""Popularity of each type: the same ranking for all users, and the types usual of an item."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from conv4rec.baselines.base import check_fitted
from conv4rec.data.events import Events
from conv4rec.evaluate.scorer import FloatArray, IntArray

DAY = 86_400
HALF_LIVES = (np.inf, *(2.0**power for power in range(8, -3, -1)))
"""In days: those that `TypedPopularity(recent=True)` chooses from."""


class TypedPopularity:
    """Items ranked by the number of training users with an event of the target type.

    With `recent`, a user counts the less the longer ago: half after the half-life under which the
    latest tenth of the training events is likeliest. A log without timestamps has no half-life.

    The kinds of an item are as usual for it, smoothed towards those of all items:

        P(k | i) = (n_ik + a p_k) / (n_i + a),

    with n_ik the events of kind k on item i, n_i their sum and p_k the share of k in the log. The
    weight a is that of the highest leave-one-out likelihood.

    Args:
        recent: Whether later events count more.

    Attributes:
        users_: Of each type, the (weighted) number of users of every item: types × items.
        half_life_: In days; infinite without `recent`.
        kind_shares_: P(k | i): items × K.
        smoothing_: a.
    """

    users_: FloatArray
    half_life_: float
    kind_shares_: FloatArray
    smoothing_: float

    def __init__(self, *, recent: bool = False) -> None:
        self.recent = recent

    def fit(self, train: Events, seed: int = 0) -> TypedPopularity:
        """Count users and events; nothing is drawn."""
        del seed
        times = train.last if self.recent else None
        self.half_life_ = np.inf if times is None else _half_life(train, times)
        self.users_ = _users(train, times, self.half_life_)
        cells = train.item_numbers.astype(np.int64) * train.n_kinds + train.kind_numbers
        size = train.n_items * train.n_kinds
        counts = np.bincount(cells, weights=train.counts, minlength=size)
        self.kind_shares_, self.smoothing_ = smoothed_shares(counts.reshape(-1, train.n_kinds))
        return self

    def target_scores(self, given: Events, rows: IntArray, target: str) -> FloatArray:
        """The number of users of each item, for every user: rows × items."""
        check_fitted(self, "users_")
        return np.tile(self.users_[given.types.number(target)], (len(rows), 1))

    def kind_probabilities(self, given: Events, rows: IntArray, items: IntArray) -> FloatArray:
        """P(k | i), whoever the user is: pairs × K."""
        del given, rows
        check_fitted(self, "kind_shares_")
        return self.kind_shares_[items]


def _users(events: Events, times: NDArray[np.int64] | None, half_life: float) -> FloatArray:
    """The weighted number of users of each type and item: types × items."""
    keys = events.type_numbers * events.n_items + events.item_numbers
    weights = None
    if times is not None:
        weights = 0.5 ** ((times.max(initial=0) - times.astype(np.float64)) / DAY / half_life)
    size = len(events.types.names) * events.n_items
    return np.bincount(keys, weights, minlength=size).reshape(-1, events.n_items).astype(np.float64)


def _half_life(train: Events, times: NDArray[np.int64]) -> float:
    """The half-life under which the latest tenth of the events is likeliest."""
    is_late = times > np.quantile(times, 0.9)
    early, late = train.select(~is_late), train.select(is_late)
    wanted = _users(late, None, np.inf)

    def likelihood(half_life: float) -> float:
        users = _users(early, times[~is_late], half_life)
        smoothed = [users + a for a in (1e-4, 1e-3, 1e-2, 0.1, 1.0)]
        shares = [each / each.sum(axis=1, keepdims=True) for each in smoothed]
        return max(float((wanted * np.log(each)).sum()) for each in shares)

    return max(HALF_LIVES, key=likelihood)


def smoothed_shares(counts: FloatArray | IntArray) -> tuple[FloatArray, float]:
    """The shares of each row of counts, smoothed towards those of all rows.

    Args:
        counts: rows × columns.

    Returns:
        The shares, (n_rk + a p_k) / (n_r + a), and a: of the powers of two from 1/16 to 65,536
        the one under which each event is likeliest, given all other events.

    >>> shares, a = smoothed_shares(np.array([[9.0, 1.0], [0.0, 0.0]]))
    >>> shares[1].round(2)
    array([0.9, 0.1])
    """
    prior = counts.sum(axis=0) / max(1.0, counts.sum())
    totals = counts.sum(axis=1, keepdims=True)
    seen = counts > 0

    def likelihood(a: float) -> float:
        others = (counts - 1 + a * prior) / np.maximum(totals - 1 + a, 1e-12)
        return float(counts[seen] @ np.log(np.maximum(others[seen], 1e-300)))

    best = max((2.0**power for power in range(-4, 17)), key=likelihood)
    return (counts + best * prior) / (totals + best), best
