"""Diversity of lists: over the catalogue, within a list, and between people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from conv4rec.evaluate.scorer import IntArray

if TYPE_CHECKING:
    from conv4rec.data.interactions import Interactions

_PEOPLE_AT_ONCE = 512  # bounds the sparse product of lists × users of the log


def gini(exposure: IntArray) -> float | None:
    """The Gini index of exposure over a catalogue.

        G = 1 / (n - 1)  sum_{j = 1}^n (2 j - n - 1) x_(j) / sum_j x_j

    with x_(1) <= ... <= x_(n): 0 if every item is listed equally often, 1 if only one is listed.

    Reference:
        Shani and Gunawardana, "Evaluating recommendation systems", Recommender Systems
        Handbook, 2011, section 8.3 (sales diversity).

    >>> gini(np.array([5, 5])), gini(np.array([0, 0, 7]))
    (0.0, 1.0)
    """
    n, total = len(exposure), exposure.sum()
    if total == 0 or n < 2:
        return None
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float((weights * np.sort(exposure)).sum() / total / (n - 1))


def intra_list_diversity(items: IntArray, log: Interactions) -> float | None:
    """Mean over lists of two items or more of the mean pairwise distance of their items.

        d(i, j) = 1 - cos(X_i, X_j)

    with X_i the column of item i in the implicit-feedback matrix of the log (1: consumed). With
    s the sum of the unit columns of m listed items, m0 of which nobody consumed, the mean cosine
    over pairs is (|s|² - (m - m0)) / (m (m - 1)): no item × item matrix is made.

    Reference:
        Ziegler, McNee, Konstan, Lausen, "Improving recommendation lists through topic
        diversification", WWW 2005 (intra-list similarity).
    """
    consumed = np.bincount(log.item_numbers, minlength=log.n_items)
    unit = sparse.csr_array(log.to_csr().T)  # items × users
    unit.data = np.repeat(1 / np.sqrt(np.maximum(consumed, 1)), consumed)
    found = []
    for first in range(0, len(items), _PEOPLE_AT_ONCE):
        part = items[first : first + _PEOPLE_AT_ONCE]
        rows, at = np.nonzero(part >= 0)
        chosen = part[rows, at]
        ones = np.ones(len(chosen))
        which = sparse.csr_array((ones, (rows, chosen)), shape=(len(part), log.n_items))
        total = sparse.csr_array(which @ unit)
        m = np.bincount(rows, minlength=len(part))
        known = np.bincount(rows, weights=consumed[chosen] > 0, minlength=len(part))
        owners = np.repeat(np.arange(len(part)), np.diff(total.indptr))
        squared = np.bincount(owners, total.data**2, minlength=len(part))
        pairs = m * (m - 1.0)
        found.append(1 - (squared - known)[m > 1] / pairs[m > 1])
    values = np.concatenate(found) if found else np.zeros(0)
    return float(values.mean()) if len(values) else None


def overlap(items: IntArray, n_items: int) -> float | None:
    """Mean share of a person's list that is also in another person's list.

        mean over ordered pairs of lists (A, B) of |A ∩ B| / |A|

    computed from exposure: item i of A is in x_i - 1 of the L - 1 other lists. For lists of
    equal length it is one minus the inter-list (Hamming) distance.

    Reference:
        Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems",
        PNAS 107(10), 2010 (personalisation).
    """
    lists = items[(items >= 0).any(axis=1)]
    if len(lists) < 2:
        return None
    listed = lists >= 0
    exposure = np.bincount(lists[listed], minlength=n_items)
    shared = np.where(listed, exposure[np.maximum(lists, 0)] - 1, 0).sum(axis=1)
    return float((shared / listed.sum(axis=1)).mean() / (len(lists) - 1))
