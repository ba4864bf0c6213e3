"""EASE, the linear autoencoder that every deeper one must beat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs
from scipy.sparse import csr_array

from conv4rec.baselines.base import check_fitted, check_items, parts
from conv4rec.data.interactions import Interactions
from conv4rec.data.splits import Split
from conv4rec.errors import SettingError
from conv4rec.evaluate import evaluate
from conv4rec.evaluate.blocks import positions
from conv4rec.evaluate.scorer import FloatArray, IntArray


class EASE:
    """Linear item-item autoencoder with a closed-form solution.

    Minimises, over matrices B with a zero diagonal,

        ||X - X B||_F^2 + reg * ||B||_F^2,

    with X[u, i] = 1 where user u consumed item i, whatever the rating. B is dense: 8 *
    n_items^2 bytes are kept and about four times that is used while fitting, so a catalogue
    above `max_items` is refused. Scores have no scale: there are no probabilities.

    Args:
        reg: Weight of the penalty, in squared interactions; larger is smoother. If left out,
            it climbs from 400 by factors of two to the best validation NDCG@20.
        max_items: Largest catalogue to accept; 20,000 items are 3.2 GB.

    Attributes:
        reg_: The penalty used.
        weights_: B, items × items. Column j predicts item j from the others.

    Reference:
        Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, eq. 8.
    """

    FIRST_REG = 400.0
    N_STEPS = 8

    reg_: float
    weights_: NDArray[np.float64]

    def __init__(self, reg: float | None = None, max_items: int = 20_000) -> None:
        self.reg = reg
        self.max_items = max_items

    def fit(
        self, train: Interactions, validation: Interactions | None = None, seed: int = 0
    ) -> EASE:
        """Choose the penalty on validation rows unless it is set, then solve for the weights.

        Raises:
            SettingError: `reg` is not positive, or the catalogue is larger than `max_items`.
        """
        if self.reg is not None and self.reg <= 0:
            raise SettingError(f"reg must be above 0, got {self.reg:g}")
        if train.n_items > self.max_items:
            size_gb = 8 * train.n_items**2 / 1e9
            raise SettingError(
                f"EASE would keep {size_gb:.1f} GB of weights for {train.n_items:,} items, and "
                f"max_items is {self.max_items:,}. Hint: raise max_items if they fit"
            )
        reg = self.reg
        if reg is None:
            part, held = parts(train, validation, seed)
            invert = _inverter(part)
            split = Split("validation", train=part, given=part, test=held)

            def ndcg(reg: float) -> float:
                found = evaluate(self._solve(invert, reg), split, ranking_metrics=["ndcg@20"])
                return found["ndcg@20"] or 0.0

            reg = _climb(ndcg, self.FIRST_REG, self.N_STEPS)
        return self._solve(_inverter(train), reg)

    def rank_scores(self, given: Interactions, rows: IntArray) -> FloatArray:
        """X B of some users: rows × items."""
        check_fitted(self, "weights_")
        check_items(given, len(self.weights_))
        owners, at = positions(given, rows)
        cells = (owners, given.item_numbers[at])
        x = csr_array((np.ones(len(at)), cells), shape=(len(rows), given.n_items))
        return x @ self.weights_

    def rank_log_probabilities(self, given: Interactions, rows: IntArray) -> None:
        """None: the scores are not chances."""

    def rating_probabilities(self, given: Interactions, rows: IntArray, items: IntArray) -> None:
        """None: a low rating and a high one are the same to EASE."""

    def expected_ratings(self, given: Interactions, rows: IntArray, items: IntArray) -> None:
        """None: a low rating and a high one are the same to EASE."""

    def _solve(self, invert: Callable[[float], NDArray[np.float64]], reg: float) -> EASE:
        self.reg_ = reg
        self.weights_ = np.ascontiguousarray(invert(reg))  # rows at a time, as scoring reads them
        self.weights_ /= -np.diag(self.weights_)  # broadcasts over rows: column j / -P_jj
        np.fill_diagonal(self.weights_, 0.0)
        return self


def _inverter(train: Interactions) -> Callable[[float], NDArray[np.float64]]:
    """Prepare reg -> (XᵀX + reg I)^-1, items × items, whichever way round is less work.

    With fewer users than items it is (I - Xᵀ (X Xᵀ + reg I)^-1 X) / reg, by Woodbury.
    """
    n_users, n_items = train.n_users, train.n_items
    x = csr_array(train.to_csr(), dtype=np.float64)
    if n_users >= n_items:
        item_gram = (x.T @ x).toarray()
        return lambda reg: _ridge_inverse(item_gram, reg)
    user_gram = (x @ x.T).toarray()

    def invert(reg: float) -> NDArray[np.float64]:
        half = x.T @ _ridge_inverse(user_gram, reg)
        inverse = (x.T @ half.T) / -reg
        inverse[np.diag_indices(n_items)] += 1 / reg
        return inverse

    return invert


def _ridge_inverse(gram: NDArray[np.float64], reg: float) -> NDArray[np.float64]:
    """(gram + reg I)^-1 by Cholesky, a third of the work of a general inverse."""
    matrix = np.array(gram, order="F")
    matrix[np.diag_indices_from(matrix)] += reg
    factorise, invert = get_lapack_funcs(("potrf", "potri"), (matrix,))
    factor, failed = factorise(matrix, lower=1, overwrite_a=1)
    if failed:
        raise SettingError(f"reg={reg:g} is too small: the items' Gram matrix is singular")
    inverse, _ = invert(factor, lower=1, overwrite_c=1)
    inverse += np.tril(inverse, -1).T  # LAPACK fills the lower triangle and leaves zeros above
    return inverse.T  # the same matrix, but row by row


def _climb(gain: Callable[[float], float], start: float, n_steps: int) -> float:
    """Double, or else halve, while the gain grows; at most n_steps in one direction."""
    best, best_gain = start, gain(start)
    for factor in (2.0, 0.5):
        for _ in range(n_steps):
            tried = gain(best * factor)
            if tried <= best_gain:
                break
            best, best_gain = best * factor, tried
        if best != start:
            break
    return best
