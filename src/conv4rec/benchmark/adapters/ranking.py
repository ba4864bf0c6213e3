"""The base of all adapters that rank."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from conv4rec.baselines.base import check_fitted, check_items
from conv4rec.benchmark.adapters.isolation import check_same_histories, contained
from conv4rec.data.interactions import Interactions
from conv4rec.errors import Conv4RecError
from conv4rec.evaluate.blocks import positions
from conv4rec.evaluate.scorer import FloatArray, IntArray


class RankingAdapter:
    """Another library's ranker as a baseline; adapters define `_learn` and `_score`.

    Attributes:
        train_: What it was fitted on.
    """

    folds_in = True
    """Whether `_score` reads the history; else it knows users by their row in training."""
    multinomial = False
    """Whether the scores are log probabilities, up to a constant for each user."""

    train_: Interactions

    def _learn(self, train: Interactions, seed: int) -> None:
        """Fit the library's model on the implicit-feedback matrix."""
        raise NotImplementedError

    def _score(self, given: Interactions, rows: IntArray) -> FloatArray:
        """Score every item for some users: rows × items."""
        raise NotImplementedError

    def fit(
        self, train: Interactions, validation: Interactions | None = None, seed: int = 0
    ) -> RankingAdapter:
        """Fit on the implicit-feedback matrix; nothing is chosen on validation rows."""
        del validation
        with contained():
            self._learn(train, seed)
        self.train_ = train
        return self

    def rank_scores(self, given: Interactions, rows: IntArray) -> FloatArray:
        """The library's scores of some users: rows × items.

        Raises:
            DataError: Other histories than those of training, and the model cannot fold in.
            Conv4RecError: The library answered NaN or infinity.
        """
        check_fitted(self, "train_")
        check_items(given, self.train_.n_items)
        name = type(self).__name__
        if not self.folds_in:
            check_same_histories(name, self.train_, given)
        with contained():
            scores = np.asarray(self._score(given, np.asarray(rows)))
        if not np.isfinite(scores).all():
            raise Conv4RecError(f"{name} scored some items NaN or infinite")
        return scores

    def rank_log_probabilities(self, given: Interactions, rows: IntArray) -> FloatArray | None:
        """Log probabilities among the unseen items; None unless the model is multinomial."""
        if not self.multinomial:
            return None
        scores = self.rank_scores(given, rows).astype(np.float64)
        owners, at = positions(given, np.asarray(rows))
        scores[owners, given.item_numbers[at]] = -np.inf
        left = np.isfinite(scores).any(axis=1)  # a user may have seen every item
        scores[left] = log_softmax(scores[left], axis=1)
        return scores

    def rating_probabilities(self, given: Interactions, rows: IntArray, items: IntArray) -> None:
        """None: it learns from the implicit-feedback matrix alone."""

    def expected_ratings(self, given: Interactions, rows: IntArray, items: IntArray) -> None:
        """None: it learns from the implicit-feedback matrix alone."""
