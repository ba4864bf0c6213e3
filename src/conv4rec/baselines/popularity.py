"""Popularity: the same ranking for all users."""

from __future__ import annotations

import numpy as np

from conv4rec.baselines.base import check_fitted, check_items
from conv4rec.data.interactions import Interactions
from conv4rec.evaluate.blocks import positions
from conv4rec.evaluate.scorer import FloatArray, IntArray


class Popularity:
    """Items ranked by their number of training users, less the items that a user has seen.

        P(i | x) = (n_i + 1) / sum over items j outside x of (n_j + 1)

    with n_i the number of training users of item i. It does not rate.

    Attributes:
        counts_: n_i of every item.
    """

    counts_: FloatArray

    def fit(
        self, train: Interactions, validation: Interactions | None = None, seed: int = 0
    ) -> Popularity:
        """Count the training users of every item; nothing is chosen or drawn."""
        del validation, seed
        self.counts_ = np.bincount(train.item_numbers, minlength=train.n_items).astype(np.float64)
        return self

    def rank_scores(self, given: Interactions, rows: IntArray) -> FloatArray:
        """The counts, for every user: rows × items."""
        check_fitted(self, "counts_")
        check_items(given, len(self.counts_))
        return np.tile(self.counts_, (len(rows), 1))

    def rank_log_probabilities(self, given: Interactions, rows: IntArray) -> FloatArray:
        """Log of the smoothed shares among the items not seen: rows × items."""
        shares = self.rank_scores(given, rows) + 1.0
        owners, at = positions(given, rows)
        shares[owners, given.item_numbers[at]] = 0.0
        total = np.maximum(shares.sum(axis=1, keepdims=True), 1.0)  # 0 if every item was seen
        with np.errstate(divide="ignore"):  # a seen item: log 0
            return np.log(shares / total)

    def rating_probabilities(self, given: Interactions, rows: IntArray, items: IntArray) -> None:
        """None: popularity does not rate."""

    def expected_ratings(self, given: Interactions, rows: IntArray, items: IntArray) -> None:
        """None: popularity does not rate."""
