"""Which few items foretell an item: a sparse, non-negative regression for each (SLIM).

For item i, over users u, X being what they consumed,

    minimise over w >= 0, w_i = 0:   1/2 sum over u of (X_ui - sum over j of X_uj w_j)^2
                                     + spread / 2 sum of w_j^2 + sparse sum of w_j

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

SPARSE, SPREAD = 1.0, 10.0  # penalties, in interactions
MOST_ITEMS = 20_000  # the Gram matrix: 4 bytes a pair, 1.6 GB
BATCH = 256  # items at a time, at most
SOLVED_BYTES = 100_000_000  # of the systems solved together, 8 x size^2 bytes each
SWEEPS = 30
STILL = 1e-3  # the largest move of a sweep that ends it


def fit_slim(interactions: Interactions, size: int) -> SLIM | None:
    """The neighbours of every item; None if nothing is near anything, or items are too many.

    (A Gram matrix of more than 20,000 items would take more than 1.6 GB.)

    Weights are scaled so that the mean weight that a user hears of an item is 1 / items.

    Memory: 4 x items x items bytes, and 100 MB (or 8 x size x size bytes if that is more).

    Args:
        interactions: the log; ratings are not read.
        size: candidates of an item; fewer where there are fewer items.
    """
    n_items = interactions.n_items
    size = min(size, n_items - 1)
    if n_items > MOST_ITEMS or size < 1:
        return None
    consumed = sparse.csr_array(interactions.to_csr(), dtype=np.float32)
    gram = torch.from_numpy(_gram(consumed, n_items))
    found = SLIM(n_items, size)
    count = gram.diagonal().clone()
    near = found.get_buffer("items")
    batch = max(1, min(BATCH, SOLVED_BYTES // (8 * size * size)))
    for first in range(0, n_items, batch):
        items = torch.arange(first, min(first + batch, n_items))
        cosine = gram[items] / (count[items, None] * count).clamp(min=1e-9).sqrt()
        cosine[torch.arange(len(items)), items] = -1.0
        candidates = cosine.topk(size, dim=1).indices.sort(1).values
        system = gram[candidates[:, :, None], candidates[:, None, :]]
        near[items] = candidates.int()
        found.weights[items] = _solve(system, gram[items[:, None], candidates])
    if not found.weights.any():
        return None
    found.weights.div_(_mean_nearness(found, interactions))
    found.popularity.copy_(count / count.mean())
    return found


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
    weights, left = torch.zeros_like(target), target - SPARSE
    for _ in range(SWEEPS):
        largest = 0.0
        for k, column in enumerate(columns):
            old = weights[:, k]
            new = (left[:, k] + diagonal[:, k] * old) / (diagonal[:, k] + SPREAD)
            move = new.clamp(min=0.0) - old
            left.addcmul_(column, move[:, None], value=-1.0)
            weights[:, k] += move
            largest = max(largest, float(move.abs().max()))
        if largest < STILL:
            break
    return weights


def _mean_nearness(slim: SLIM, interactions: Interactions) -> float:
    """Mean over entries j of a history, users weighing alike, of n x mean over i of w_ij."""
    consume_input = torch.zeros(interactions.n_items, dtype=torch.float64)
    consume_input.index_add_(
        0, slim.get_buffer("items").flatten().long(), slim.weights.double().flatten()
    )
    lengths = np.diff(interactions.starts)
    each = consume_input.numpy()[interactions.item_numbers] / lengths[interactions.user_numbers]
    return max(float(each.sum() / max(1, (lengths > 0).sum())), 1e-6)
