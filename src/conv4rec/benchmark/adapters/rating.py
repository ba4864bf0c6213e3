"""The base of all adapters that rate."""

from __future__ import annotations

import numpy as np

from conv4rec.baselines.base import check_fitted, check_items, parts
from conv4rec.benchmark.adapters.isolation import check_same_histories, contained
from conv4rec.data.interactions import Interactions
from conv4rec.errors import Conv4RecError, DataError
from conv4rec.evaluate import DiscretisedGaussian
from conv4rec.evaluate.scorer import FloatArray, IntArray


class RatingAdapter:
    """Another library's rating model as a baseline; adapters define `_learn` and `_answer`.

    `_answer` gives predicted ratings, which get level probabilities from a discretised Gaussian.
    Its width is fitted on validation rows by a first model that has not seen them. An adapter
    with `own_distribution` answers level probabilities instead, and is fitted once.

    Attributes:
        train_: What it was fitted on.
        gaussian_: Turns a predicted rating into level probabilities.
    """

    folds_in = False
    """Whether `_answer` reads the history; else it knows users by their row in training."""
    own_distribution = False
    """Whether `_answer` gives probabilities, pairs × levels, rather than ratings."""

    train_: Interactions
    gaussian_: DiscretisedGaussian

    def _learn(self, train: Interactions, seed: int) -> None:
        """Fit the library's model."""
        raise NotImplementedError

    def _answer(self, given: Interactions, rows: IntArray, items: IntArray) -> FloatArray:
        """Predicted ratings of pairs, or the probabilities of their levels."""
        raise NotImplementedError

    def fit(
        self, train: Interactions, validation: Interactions | None = None, seed: int = 0
    ) -> RatingAdapter:
        """Fit the width of the Gaussian on validation rows if there is one, then on all of train.

        Raises:
            DataError: There are no ratings.
            SettingError: No validation row is rated.
        """
        if train.n_rated == 0:
            name = type(self).__name__
            raise DataError(f"{name} needs ratings, and none of these interactions is rated")
        self._last: tuple[IntArray, IntArray, FloatArray] | None = None
        part, held = (train, None) if self.own_distribution else parts(train, validation, seed)
        if held is not None:
            self._fit_part(part, seed)
            rated = np.flatnonzero(held.level_numbers >= 0)
            users, items = held.user_numbers[rated], held.item_numbers[rated]
            self.gaussian_ = DiscretisedGaussian.fit(
                train.levels.values,
                self._ask(part, users, items),
                held.level_numbers[rated].astype(np.int64),
            )
        if held is None or part is not train:
            self._fit_part(train, seed)
        self._last = None
        return self

    def rank_scores(self, given: Interactions, rows: IntArray) -> None:
        """None: the model does not rank."""

    def rank_log_probabilities(self, given: Interactions, rows: IntArray) -> None:
        """None: the model does not rank."""

    def expected_ratings(self, given: Interactions, rows: IntArray, items: IntArray) -> FloatArray:
        """The predicted rating of pairs, clipped to the scale.

        Raises:
            DataError: Other histories than those of training, and the model cannot fold in.
            Conv4RecError: The library answered NaN or infinity.
        """
        answers = self._ask(given, rows, items)
        values = np.asarray(given.levels.values, dtype=np.float64)
        ratings = answers @ values if self.own_distribution else answers
        return np.clip(ratings, values.min(), values.max())

    def rating_probabilities(
        self, given: Interactions, rows: IntArray, items: IntArray
    ) -> FloatArray:
        """Level probabilities of pairs: pairs × levels."""
        if self.own_distribution:
            return self._ask(given, rows, items)
        return self.gaussian_.probabilities(self.expected_ratings(given, rows, items))

    def _fit_part(self, part: Interactions, seed: int) -> None:
        with contained():
            self._learn(part, seed)
        self.train_ = part

    def _ask(self, given: Interactions, rows: IntArray, items: IntArray) -> FloatArray:
        """`_answer`, kept: the same pairs are asked for ratings and then for probabilities."""
        check_fitted(self, "train_")
        check_items(given, self.train_.n_items)
        name = type(self).__name__
        if not self.folds_in:
            check_same_histories(name, self.train_, given)
        rows, items = np.array(rows, dtype=np.int64), np.array(items, dtype=np.int64)
        if self._last is not None and not self.folds_in:
            last_rows, last_items, answers = self._last
            if np.array_equal(rows, last_rows) and np.array_equal(items, last_items):
                return answers
        with contained():
            answers = np.asarray(self._answer(given, rows, items), dtype=np.float64)
        if not np.isfinite(answers).all():
            raise Conv4RecError(f"{name} answered NaN or infinity for some pairs")
        self._last = rows, items, answers
        return answers
