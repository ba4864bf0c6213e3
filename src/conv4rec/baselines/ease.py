"""EASE, a linear item-item autoencoder: the baseline for ranking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs
from scipy.sparse import csr_array

from conv4rec.baselines.base import VALIDATION_SHARE, check_fitted, check_items, parts
from conv4rec.data.ids import Ids
from conv4rec.data.interactions import Interactions
from conv4rec.data.splits import Split
from conv4rec.errors import SettingError
from conv4rec.evaluate import evaluate
from conv4rec.evaluate.blocks import positions
from conv4rec.evaluate.scorer import FloatArray, IntArray

MOST_SEARCHED = 4_000
"""Items of the search for the penalty: of a larger catalogue the most consumed ones."""
BLOCK = 1024  # rows of a matrix that are copied at a time


class EASE:
    """Linear item-item autoencoder with a closed-form solution.

    Minimises, over matrices B with a zero diagonal,

        ||X - X B||_F^2 + reg * ||B||_F^2,

    with X[u, i] = 1 where user u consumed item i, whatever the rating. B is dense and has single
    precision: 4 * n_items^2 bytes, the only such matrix while fitting too, unless there are fewer
    users than items, which adds 8 * n_users * n_items bytes. A catalogue above `max_items` is
    refused. Scores have no scale: there are no probabilities.

    Args:
        reg: Weight of the penalty, in squared interactions; larger is smoother. If left out,
            it climbs from 400 by factors of two to the best validation NDCG@20, on the 4,000 most
            consumed items; of a log too small to hold anything out it is 400.
        max_items: Largest catalogue to accept; 20,000 items are 1.6 GB.

    Attributes:
        reg_: The penalty used.
        weights_: B, items × items. Column j predicts item j from the others.

    Reference:
        Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, eq. 8.
    """

    FIRST_REG = 400.0
    N_STEPS = 8

    reg_: float
    weights_: NDArray[np.float32]

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
            size_gb = 4 * train.n_items**2 / 1e9
            raise SettingError(
                f"EASE would keep {size_gb:.1f} GB of weights for {train.n_items:,} items, and "
                f"max_items is {self.max_items:,}. Hint: raise max_items if they fit"
            )
        reg = self.reg
        if reg is None and validation is None and len(train) * VALIDATION_SHARE < 1:
            reg = self.FIRST_REG
        if reg is None:
            part, held = parts(train, validation, seed)
            reg = _best_reg(*_most_consumed(part, held, MOST_SEARCHED))
        return self._solve(train, reg)

    def rank_scores(self, given: Interactions, rows: IntArray) -> FloatArray:
        """X B of some users: rows × items."""
        check_fitted(self, "weights_")
        check_items(given, len(self.weights_))
        owners, at = positions(given, rows)
        cells = (owners, given.item_numbers[at])
        ones = np.ones(len(at), dtype=np.float32)
        x = csr_array((ones, cells), shape=(len(rows), given.n_items))
        return (x @ self.weights_).astype(np.float64)

    def rank_log_probabilities(self, given: Interactions, rows: IntArray) -> None:
        """None: the scores are not probabilities."""

    def rating_probabilities(self, given: Interactions, rows: IntArray, items: IntArray) -> None:
        """None: EASE does not read ratings."""

    def expected_ratings(self, given: Interactions, rows: IntArray, items: IntArray) -> None:
        """None: EASE does not read ratings."""

    def _solve(self, train: Interactions, reg: float) -> EASE:
        self.reg_ = reg
        self.weights_ = _inverse(train, reg)
        self.weights_ /= -np.diag(self.weights_)  # broadcasts over rows: column j / -P_jj
        np.fill_diagonal(self.weights_, 0.0)
        return self


def _best_reg(part: Interactions, held: Interactions) -> float:
    """Double the penalty, or else halve it, while the validation NDCG@20 grows."""
    split = Split("validation", train=part, given=part, test=held)

    def ndcg(reg: float) -> float:
        model = EASE()._solve(part, reg)
        return evaluate(model, split, ranking_metrics=["ndcg@20"])["ndcg@20"] or 0.0

    return _climb(ndcg, EASE.FIRST_REG, EASE.N_STEPS)


def _most_consumed(
    part: Interactions, held: Interactions, n_items: int
) -> tuple[Interactions, Interactions]:
    """Two logs without all but the most consumed items: a principal part of the Gram matrix.

    The solution costs n_items^3: at 10,000 items a search over all of them takes minutes.
    """
    if part.n_items <= n_items:
        return part, held
    counts = np.bincount(part.item_numbers, minlength=part.n_items)
    kept = np.sort(np.argsort(-counts, kind="stable")[:n_items])
    return _take_items(part, kept), _take_items(held, kept)


def _take_items(log: Interactions, item_numbers: IntArray) -> Interactions:
    """The interactions with some items, over these items only; same users and levels."""
    places = np.full(log.n_items, -1, dtype=np.int32)
    places[item_numbers] = np.arange(len(item_numbers))
    chosen = log.select(places[log.item_numbers] >= 0)
    ids = Ids(log.items.ids(item_numbers), log.items.what)
    return replace(chosen, items=ids, item_numbers=places[chosen.item_numbers])


def _inverse(train: Interactions, reg: float) -> NDArray[np.float32]:
    """(XᵀX + reg I)^-1, items × items, whichever way round is less work.

    With fewer users than items it is (I - Xᵀ (X Xᵀ + reg I)^-1 X) / reg, by Woodbury.
    """
    n_users, n_items = train.n_users, train.n_items
    x = csr_array(train.to_csr(), dtype=np.float32)
    transposed = csr_array(x.T)
    if n_users >= n_items:
        return _ridge_inverse(_dense_product(transposed, x, n_items), reg)
    half = transposed @ _ridge_inverse(_dense_product(x, transposed, n_users), reg)
    inverse = np.asarray(transposed @ half.T, dtype=np.float32)
    inverse /= -reg
    inverse[np.diag_indices(n_items)] += 1 / reg
    return inverse


def _dense_product(a: csr_array, b: csr_array, size: int) -> NDArray[np.float32]:
    """A B, size × size, a block of rows at a time: a sparse product could take more memory."""
    product = np.empty((size, size), dtype=np.float32)
    for start in range(0, size, BLOCK):
        rows = slice(start, start + BLOCK)
        product[rows] = (a[rows] @ b).toarray()
    return product


def _ridge_inverse(gram: NDArray[np.float32], reg: float) -> NDArray[np.float32]:
    """(gram + reg I)^-1 in the memory of `gram`, by Cholesky: a third of a general inverse."""
    gram[np.diag_indices_from(gram)] += reg
    # LAPACK wants columns one after another, which the transpose of a symmetric matrix has.
    factorise, invert = get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, failed = factorise(gram.T, lower=1, overwrite_a=1)
    if failed:
        raise SettingError(f"reg={reg:g} is too small: the items' Gram matrix is singular")
    inverse = invert(factor, lower=1, overwrite_c=1)[0].T
    for start in range(0, len(inverse), BLOCK):  # only the upper triangle is filled
        stop = start + BLOCK
        inverse[stop:, start:stop] = inverse[start:stop, stop:].T
        corner = inverse[start:stop, start:stop]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
    return inverse


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
