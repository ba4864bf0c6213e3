"""Ranking metrics: top-k lists, recall and NDCG."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from conv4rec.errors import SettingError
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray


def top_k(scores: FloatArray, k: int) -> NDArray[np.int64]:
    """The k best items of each row, best first; of equal scores the smaller item number first.

    An item with a score of -inf is not listed. Where a row has fewer than k other items, its
    list ends with -1, which `hits` never counts. The result does not depend on the blocks that
    users are divided into.

    Memory: about 1.5 copies of `scores` while it runs.

    Args:
        scores: users × items.
        k: Length of the lists.

    Returns:
        users × k item numbers.

    Raises:
        SettingError: `k` is below 1, or a score is NaN.

    >>> top_k(np.array([[0.5, 0.9, 0.5, 0.1], [-np.inf, 0.2, -np.inf, -np.inf]]), k=2)
    array([[ 1,  0], [ 1, -1]])
    """
    if k < 1:
        raise SettingError(f"k must be at least 1, got {k}")
    n_rows, n_items = scores.shape
    width = min(k, n_items)
    items = np.full((n_rows, k), -1, dtype=np.int64)
    if n_rows and width:
        best, best_scores = _best(scores, width)
        order = np.argsort(-best_scores, axis=1, kind="stable")
        listed = np.take_along_axis(best_scores, order, axis=1) > -np.inf
        items[:, :width] = np.where(listed, np.take_along_axis(best, order, axis=1), -1)
    return items


def hits(items: IntArray, relevant: BoolArray) -> BoolArray:
    """Mark the listed items that are relevant: users × k, False where a list is short.

    Args:
        items: users × k item numbers from `top_k`, -1 past the end of a list.
        relevant: users × items.

    >>> hits(np.array([[2, 0, -1]]), np.array([[False, False, True]]))
    array([[ True, False, False]])
    """
    return np.take_along_axis(relevant, np.maximum(items, 0), axis=1) & (items >= 0)


def recall(hits: BoolArray, n_relevant: IntArray) -> FloatArray:
    """Relevant items in each top-k list, as a share of min(k, relevant items).

        recall(u) = sum_r hits[u, r] / min(k, n_u)

    with n_u the number of the user's relevant items. NaN for users without any.

    Args:
        hits: users × k, best rank first.
        n_relevant: n_u of each user, counted over the catalogue, not over the list.

    >>> recall(np.array([[True, False], [True, True], [False, False]]), np.array([1, 9, 0]))
    array([ 1.,  1., nan])
    """
    return hits.sum(axis=1) / _reachable(n_relevant, hits.shape[1])


def hit_rate(hits: BoolArray, n_relevant: IntArray) -> FloatArray:
    """1 where a top-k list holds a relevant item, else 0; NaN for users without any.

    >>> hit_rate(np.array([[False, True], [False, False]]), np.array([3, 1]))
    array([1., 0.])
    """
    return np.where(n_relevant > 0, hits.any(axis=1), np.nan)


def ndcg(hits: BoolArray, n_relevant: IntArray) -> FloatArray:
    """Normalised discounted cumulative gain of each top-k list, with binary gain.

        NDCG(u) = sum_r hits[u, r] / log2(r + 2)  /  sum_{r < min(k, n_u)} 1 / log2(r + 2)

    with ranks r counted from 0 and n_u the number of the user's relevant items. NaN for users
    without any.

    Args:
        hits: users × k, best rank first.
        n_relevant: n_u of each user, counted over the catalogue, not over the list.

    Reference:
        Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques",
        ACM TOIS 20(4), 2002, with the discount log2(rank + 1) of trec_eval's `ndcg_cut`.

    >>> ndcg(np.array([[False, True], [True, True]]), np.array([1, 9])).round(3)
    array([0.631, 1.   ])
    """
    discount = 1.0 / np.log2(np.arange(2, hits.shape[1] + 2))
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])
    gain = np.cumsum(hits * discount, axis=1)[:, -1]  # as the ideal: perfect is 1.0
    return gain / ideal[np.minimum(n_relevant, hits.shape[1])]


def _reachable(n_relevant: IntArray, k: int) -> FloatArray:
    return np.where(n_relevant > 0, np.minimum(n_relevant, k), np.nan)


def _best(scores: FloatArray, k: int) -> tuple[NDArray[np.int64], FloatArray]:
    """Exactly k items of each row in ascending order, and their scores: those of `top_k`."""
    n_items = scores.shape[1]
    n = min(k + 1, n_items)  # one more: a tie at the border shows
    best = np.argpartition(scores, n_items - n, axis=1)[:, n_items - n :]
    found = np.take_along_axis(scores, best, axis=1)
    if (is_nan := np.isnan(found).any(axis=1)).any():  # NaN sorts above all numbers
        row = int(np.flatnonzero(is_nan)[0])
        raise SettingError(f"the scores of row {row} hold NaN, which cannot be ranked")
    if n > k:
        border = np.partition(found, 1, axis=1)[:, :2]
        best[np.arange(len(best)), found.argmin(axis=1)] = best[:, -1]
        best = best[:, :-1]
        for row in np.flatnonzero(border[:, 0] == border[:, 1]):
            best[row] = _best_of_tied(scores[row], border[row, 0], k)
    best = np.sort(best, axis=1)
    return best, np.take_along_axis(scores, best, axis=1)


def _best_of_tied(scores: FloatArray, border: np.floating, k: int) -> NDArray[np.int64]:
    """The k best items of one row; of those at the border the smaller numbers."""
    above = np.flatnonzero(scores > border)
    return np.concatenate([above, np.flatnonzero(scores == border)[: k - len(above)]])
