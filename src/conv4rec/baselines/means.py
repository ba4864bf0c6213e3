"""Means of items and users: the baseline for ratings."""

from __future__ import annotations

import numpy as np

from conv4rec.baselines.base import check_fitted, check_items, parts
from conv4rec.data.interactions import Interactions
from conv4rec.errors import DataError, SettingError
from conv4rec.evaluate import DiscretisedGaussian
from conv4rec.evaluate.blocks import positions
from conv4rec.evaluate.scorer import FloatArray, IntArray


class Means:
    """The overall mean, plus how much an item is liked, plus how generous a user is.

        r(u, i) = μ + b_i + b_u,
        b_i = sum_u (r_ui - μ - b_u) / (n_i + reg_item),
        b_u = sum_i (r_ui - μ - b_i) / (n_u + reg_user),

    alternated. Only μ and b_i are kept: b_u is computed from the history that is given, so
    new users work. Level probabilities are the discretised Gaussian whose width is fitted on
    validation. It does not rank. A penalty left out is chosen by validation RMSE.

    Args:
        reg_item: Number of zero residuals added to each item.
        reg_user: Number of zero residuals added to each user.

    Attributes:
        mean_: μ.
        item_biases_: b_i; 0 for an item without ratings.
        gaussian_: Turns a predicted rating into level probabilities.

    Reference:
        Koren, "Factorization meets the neighborhood", KDD 2008, section 2.1.
    """

    REGS = (2.0, 5.0, 10.0, 20.0)
    N_SWEEPS = 5

    mean_: float
    item_biases_: FloatArray
    gaussian_: DiscretisedGaussian

    def __init__(self, reg_item: float | None = None, reg_user: float | None = None) -> None:
        self.reg_item = reg_item
        self.reg_user = reg_user

    def fit(
        self, train: Interactions, validation: Interactions | None = None, seed: int = 0
    ) -> Means:
        """Choose the penalties and the Gaussian's width on validation rows, then fit.

        Raises:
            DataError: There are no ratings.
            SettingError: A penalty is negative, or no validation row is rated.
        """
        for name, reg in (("reg_item", self.reg_item), ("reg_user", self.reg_user)):
            if reg is not None and reg < 0:
                raise SettingError(f"{name} must be at least 0, got {reg:g}")
        if train.n_rated == 0:
            raise DataError("the means need ratings, and none of these interactions is rated")
        part, held = parts(train, validation, seed)
        values = np.asarray(train.levels.values, dtype=np.float64)
        rated = np.flatnonzero(held.level_numbers >= 0)
        users, items = held.user_numbers[rated], held.item_numbers[rated]
        levels = held.level_numbers[rated].astype(np.int64)

        def loss(regs: tuple[float, float]) -> float:
            predictions = self._solve(part, *regs)._predict(part, users, items)
            return float(((predictions - values[levels]) ** 2).mean())

        best = min(
            (
                (reg_item, reg_user)
                for reg_item in (self.REGS if self.reg_item is None else [self.reg_item])
                for reg_user in (self.REGS if self.reg_user is None else [self.reg_user])
            ),
            key=loss,
        )
        predictions = self._solve(part, *best)._predict(part, users, items)
        self.gaussian_ = DiscretisedGaussian.fit(train.levels.values, predictions, levels)
        return self._solve(train, *best)

    def rank_scores(self, given: Interactions, rows: IntArray) -> None:
        """None: the means do not rank."""

    def rank_log_probabilities(self, given: Interactions, rows: IntArray) -> None:
        """None: the means do not rank."""

    def expected_ratings(self, given: Interactions, rows: IntArray, items: IntArray) -> FloatArray:
        """μ + b_i + b_u of every pair, clipped to the scale."""
        check_fitted(self, "gaussian_")
        check_items(given, len(self.item_biases_))
        return self._predict(given, rows, items)

    def rating_probabilities(
        self, given: Interactions, rows: IntArray, items: IntArray
    ) -> FloatArray:
        """The discretised Gaussian around the expected rating: pairs × levels."""
        return self.gaussian_.probabilities(self.expected_ratings(given, rows, items))

    def _solve(self, train: Interactions, reg_item: float, reg_user: float) -> Means:
        rated = train.level_numbers >= 0
        items, users = train.item_numbers[rated], train.user_numbers[rated]
        ratings = np.asarray(train.levels.values)[train.level_numbers[rated]]
        self.reg_user_ = reg_user
        self.mean_ = float(ratings.mean())
        b_user = np.zeros(train.n_users)
        for _ in range(self.N_SWEEPS):
            residuals = ratings - self.mean_ - b_user[users]
            self.item_biases_ = _shrunk_means(residuals, items, train.n_items, reg_item)
            residuals = ratings - self.mean_ - self.item_biases_[items]
            b_user = _shrunk_means(residuals, users, train.n_users, reg_user)
        return self

    def _predict(self, given: Interactions, rows: IntArray, items: IntArray) -> FloatArray:
        values = np.asarray(given.levels.values, dtype=np.float64)
        users, pair_users = np.unique(rows, return_inverse=True)
        owners, at = positions(given, users)
        rated = given.level_numbers[at] >= 0
        owners, at = owners[rated], at[rated]
        seen = given.item_numbers[at]
        residuals = values[given.level_numbers[at]] - self.mean_ - self.item_biases_[seen]
        b_user = _shrunk_means(residuals, owners, len(users), self.reg_user_)
        predictions = self.mean_ + self.item_biases_[items] + b_user[pair_users]
        return np.clip(predictions, values.min(), values.max())


def _shrunk_means(values: FloatArray, groups: IntArray, n_groups: int, reg: float) -> FloatArray:
    sums = np.bincount(groups, weights=values, minlength=n_groups)
    counts = np.bincount(groups, minlength=n_groups)
    return sums / np.maximum(counts + reg, 1e-12)  # an empty group with no penalty: 0, not 0/0
