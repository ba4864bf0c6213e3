"""Fits SLIM: for each item, a sparse, non-negative regression on its nearest items.

For item i, over users u, X being what they consumed,

    minimise over w >= 0, w_i = 0:   1/2 sum over u of (X_ui - sum over j of X_uj w_j)^2
                                     + l2 / 2 sum of w_j^2 + l1 sum of w_j

(Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011), j
running over the `size` items nearest to i by cosine, as in section VI of that paper (fsSLIM).
Coordinate descent on the Gram matrix X'X, many items at a time: no pass over the users.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.model.slim import SLIM

L1, L2 = 1.0, 10.0  # penalties, in interactions
MOST_ITEMS = 20_000  # of a Gram matrix of 4 bytes per pair, 1.6 GB
BATCH = 256  # items at a time, at most
SOLVED_BYTES = 100_000_000  # for systems solved together, 8 x size^2 bytes each
SWEEPS = 30
CONVERGED = 1e-3  # largest change of a weight in the last sweep


def fit_slim(interactions: Interactions, size: int) -> SLIM | None:
    """The neighbours of every item, with weights scaled so that the mean similarity is 1.

    Memory: 4 x items x items bytes, and 100 MB (or 8 x size x size bytes if that is more).

    Args:
        interactions: the log; ratings are not read.
        size: candidates of an item; fewer where there are fewer items.

    Returns:
        None if all weights are 0, or if there are more than 20,000 items.
    """
    n_items = interactions.n_items
    size = min(size, n_items - 1)
    if n_items > MOST_ITEMS or size < 1:
        return None
    consumed = sparse.csr_array(interactions.to_csr(), dtype=np.float32)
    gram = torch.from_numpy(_gram(consumed, n_items))
    slim = SLIM(n_items, size)
    count = gram.diagonal().clone()
    neighbours = slim.get_buffer("items")
    batch = max(1, min(BATCH, SOLVED_BYTES // (8 * size * size)))
    for first in range(0, n_items, batch):
        items = torch.arange(first, min(first + batch, n_items))
        cosine = gram[items] / (count[items, None] * count).clamp(min=1e-9).sqrt()
        cosine[torch.arange(len(items)), items] = -1.0
        candidates = cosine.topk(size, dim=1).indices.sort(1).values
        system = gram[candidates[:, :, None], candidates[:, None, :]]
        neighbours[items] = candidates.int()
        slim.weights[items] = _solve(system, gram[items[:, None], candidates])
    if not slim.weights.any():
        return None
    slim.weights.div_(_mean_similarity(slim, interactions))
    slim.popularity.copy_(count / count.mean())
    return slim


def _gram(consumed: sparse.csr_array, n_items: int) -> np.ndarray:
    """X'X, dense: items x items."""
    gram = np.empty((n_items, n_items), dtype=np.float32)
    columns = sparse.csr_array(consumed.T)
    for first in range(0, n_items, BATCH):
        part = sparse.csr_array(columns[first : first + BATCH])
        gram[first : first + BATCH] = sparse.csr_array(part @ consumed).toarray()
    return gram


def _solve(system: Tensor, target: Tensor) -> Tensor:
    """Coordinate descent: items x size weights.

    Args:
        system: items x size x size, the Gram matrix of each item's candidates.
        target: items x size, the Gram matrix between the item and its candidates.
    """
    diagonal = system.diagonal(dim1=1, dim2=2)
    columns = system.permute(1, 0, 2).contiguous()
    weights, residual = torch.zeros_like(target), target - L1
    for _ in range(SWEEPS):
        largest = 0.0
        for k, column in enumerate(columns):
            old = weights[:, k]
            new = (residual[:, k] + diagonal[:, k] * old) / (diagonal[:, k] + L2)
            move = new.clamp(min=0.0) - old
            residual.addcmul_(column, move[:, None], value=-1.0)
            weights[:, k] += move
            largest = max(largest, float(move.abs().max()))
        if largest < CONVERGED:
            break
    return weights


def _mean_similarity(slim: SLIM, interactions: Interactions) -> float:
    """Mean over users and items of n x (mean over the entries j of a history of w_ij)."""
    column_sums = torch.zeros(interactions.n_items, dtype=torch.float64)
    column_sums.index_add_(
        0, slim.get_buffer("items").flatten().long(), slim.weights.double().flatten()
    )
    lengths = np.diff(interactions.starts)
    each = column_sums.numpy()[interactions.item_numbers] / lengths[interactions.user_numbers]
    return max(float(each.sum() / max(1, (lengths > 0).sum())), 1e-6)
