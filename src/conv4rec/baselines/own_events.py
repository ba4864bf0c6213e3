"""A user's own events first: what was viewed or carted may be bought next."""

from __future__ import annotations

import numpy as np

from conv4rec.baselines.base import check_fitted
from conv4rec.baselines.typed_popularity import TypedPopularity, smoothed_shares
from conv4rec.data.events import Events
from conv4rec.evaluate.blocks import positions
from conv4rec.evaluate.scorer import FloatArray, IntArray

MOST_TYPES = 20  # of a set: later ones count as one type


class OwnEvents:
    """Items that the user has had events on, in order of what usually follows; then popularity.

    "Own cart, then own views, then the most bought", for any types. The score of an item in the
    history is the share of training pairs with the same other types that also have the target:
    learnt, never set. Where the target repeats, it is one of the types, and the share is that of
    pairs that have it twice. Of ties the latest comes first; all other items, and ties in a log
    without timestamps, are ranked by recent popularity.

    Args:
        converting: Multiply the share by that of the item: of its training pairs with other types,
            how many have the target, smoothed (see `smoothed_shares`).

    Attributes:
        shares_: Of each target, the share for each set of types, as a sum of 2 to the type number.
        conversion_: Of each target, the factor of every item.
        popularity_: A `TypedPopularity`.
    """

    shares_: dict[str, FloatArray]
    conversion_: dict[str, FloatArray]
    popularity_: TypedPopularity

    def __init__(self, *, converting: bool = False) -> None:
        self.converting = converting

    def fit(self, train: Events, seed: int = 0) -> OwnEvents:
        """Count pairs by their types; nothing is drawn."""
        del seed
        self.shares_, self.conversion_ = {}, {}
        self.popularity_ = TypedPopularity(recent=True).fit(train)
        for target in train.types.targets:
            items, others, has_target = _pairs(train, target)
            n_sets = 2 ** min(len(train.types.names), MOST_TYPES + 1)
            n_pairs = np.bincount(others, minlength=n_sets)
            n_both = np.bincount(others, weights=has_target, minlength=n_sets)
            self.shares_[target] = n_both / np.maximum(n_pairs, 1)
            self.shares_[target][0] = 0.0  # of pairs without another type: not in a history
            had = others > 0  # a pair with the target alone says nothing of what follows
            yes = np.bincount(items[had], weights=has_target[had], minlength=train.n_items)
            no = np.bincount(items[had], minlength=train.n_items) - yes
            shares, _ = smoothed_shares(np.stack([yes, no], axis=1))
            self.conversion_[target] = shares[:, 0] / max(shares[:, 0].max(), 1e-12)
        return self

    def target_scores(self, given: Events, rows: IntArray, target: str) -> FloatArray:
        """Popularity, below one; and above it the shares of own items: rows × items."""
        check_fitted(self, "shares_")
        scores = self.popularity_.target_scores(given, rows, target)
        scores = scores / (1 + scores.max(initial=0.0))
        owners, at = positions(given, rows)
        cells = (owners, given.item_numbers[at])
        types = np.zeros(scores.shape, dtype=np.int64)
        np.bitwise_or.at(types, cells, _counted_types(given, target)[at])
        share, order = self.shares_[target][types], scores
        if self.converting:
            share = share * self.conversion_[target]
        elif given.last is not None:
            low, high = np.quantile(given.last, [0, 1])
            order = np.zeros(scores.shape)
            np.maximum.at(order, cells, (given.last[at] - low) / max(1, high - low))
        # A millionth breaks ties; a share that was learnt stands above popularity.
        return np.where(share > 0, 1 + share + 1e-6 * order, scores)

    def kind_probabilities(self, given: Events, rows: IntArray, items: IntArray) -> None:
        """None: it ranks only."""


def _counted_types(events: Events, target: str) -> IntArray:
    """2 to the type number of each cell; 0 for a target that does not repeat."""
    numbers = 2 ** np.minimum(events.type_numbers, MOST_TYPES)
    if events.types.repeats(target):
        return numbers
    return np.where(events.type_numbers == events.types.number(target), 0, numbers)


def _pairs(events: Events, target: str) -> tuple[IntArray, IntArray, FloatArray]:
    """Of each pair: its item, its other types, and whether it has the target (again)."""
    keys = events.user_numbers.astype(np.int64) * events.n_items + events.item_numbers
    distinct, pair = np.unique(keys, return_inverse=True)
    others = np.zeros(len(distinct), dtype=np.int64)
    np.bitwise_or.at(others, pair, _counted_types(events, target))
    is_target = events.type_numbers == events.types.number(target)
    often = np.bincount(pair[is_target], events.counts[is_target], minlength=len(distinct))
    least = 2 if events.types.repeats(target) else 1
    return distinct % events.n_items, others, (often >= least).astype(np.float64)
