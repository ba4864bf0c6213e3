"""Fits SLIM: for each item, a sparse, non-negative regression on its nearest items.

For item i, over users u, X being what they consumed,

    minimise over w >= 0, w_i = 0:   1/2 sum over u of (X_ui - sum over j of X_uj w_j)^2
                                     + l2 / 2 sum of w_j^2 + l1 sum of w_j

(Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011), j
running over the `size` items nearest to i by cosine, as in section VI of that paper (fsSLIM),
among those consumed together with i more than l1 times: no other can have a weight. Coordinate
descent on the sparse Gram matrix X'X, many items at a time: no pass over the users.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.model.slim import SLIM
from conv4rec.train.processes import joined, own_run
from conv4rec.train.slim_on_device import DenseGram, Systems

L1, L2 = 1.0, 10.0  # penalties, in interactions
GRAM_ENTRIES = 100_000_000  # of 8 bytes, kept
PRODUCTS = 20_000_000  # of pairs of one history, computed at a time
SOLVED_BYTES = 40_000_000  # for systems solved together, 4 x size^2 bytes each
DENSE_ITEMS = 14_000  # up to so many, pairs are looked up in a dense Gram matrix: 400 MB
DENSE_BYTES = 1_500_000_000  # of that matrix of more items; and at most twice the sparse one
SWEEPS = 30
CONVERGED = 1e-3  # largest change of a weight in the last sweep


def fit_slim(interactions: Interactions, size: int, device: str = "cpu") -> SLIM | None:
    """The neighbours of every item, with weights scaled so that the mean similarity is 1.

    Time follows the sum of squared lengths of histories, and items x size^2. Memory: 16 bytes for
    each pair of items consumed together, 2.4 GB at most; 1.5 GB at most where pairs are looked up
    in a dense matrix; and 100 MB (or 20 x size x size bytes if that is more). Where the pairs are
    too many, each item keeps those of the largest cosines.

    Args:
        interactions: the log; ratings are not read.
        size: candidates of an item; fewer where fewer were consumed together with it.
        device: an accelerator holds the whole Gram matrix (`conv4rec.train.slim_on_device`), that
            of not too many items.

    Returns:
        None if all weights are 0.
    """
    n_items = interactions.n_items
    count = np.bincount(interactions.item_numbers, minlength=n_items).astype(np.float32)
    found = [(torch.zeros(0, dtype=torch.int64),) * 2 + (torch.zeros(0),)]
    if torch.device(device).type != "cpu" and DenseGram.fits(n_items):
        systems = DenseGram.of(interactions, device).systems(size, L1)
    else:
        systems = _sparse_systems(interactions, size)
    for items, candidates, target, system in systems:
        weights = _solve(system, target)
        at, place = torch.nonzero(weights, as_tuple=True)
        neighbours = candidates[at, place].long()
        found.append((items[at].cpu(), neighbours.cpu(), weights[at, place].cpu()))
    parts = map(torch.cat, zip(*found, strict=True))
    slim = SLIM.of(n_items, *map(joined, parts))
    if slim is None:
        return None
    slim.weights.div_(_mean_similarity(slim, interactions))
    slim.popularity.copy_(torch.from_numpy(count / count.mean()))
    return slim


def _sparse_systems(interactions: Interactions, size: int) -> Iterator[Systems]:
    n_items = interactions.n_items
    gram = _gram(sparse.csr_array(interactions.to_csr(), dtype=np.float32))
    count = gram.diagonal()
    # No pair is more frequent than an item.
    dtype = np.uint16 if count.max(initial=0) < 2**16 else np.uint32
    n_bytes, most = n_items**2 * np.dtype(dtype).itemsize, min(DENSE_BYTES, 16 * gram.nnz)
    looked_up = gram
    if n_items <= DENSE_ITEMS or n_bytes <= most:  # a tenth of the time of the sparse one
        looked_up = sparse.csr_array(gram, dtype=dtype).toarray()
    for block in own_run(_blocks(gram, size)):
        candidates, target = map(torch.from_numpy, _candidates(gram, count, block, size))
        systems = _systems(looked_up, candidates.numpy())
        yield torch.from_numpy(block), candidates, target, torch.from_numpy(systems)


def _gram(consumed: sparse.csr_array) -> sparse.csr_array:
    """X'X, sparse, columns in order: items x items.

    A row of more than `GRAM_ENTRIES` / items entries keeps so many, those of the largest cosines.
    """
    columns = sparse.csr_array(consumed.T)
    count = np.diff(columns.indptr)
    most = GRAM_ENTRIES // len(count)
    ends = np.cumsum(columns @ np.diff(consumed.indptr)) // PRODUCTS
    parts = []
    for rows in np.split(np.arange(len(count)), np.nonzero(np.diff(ends))[0] + 1):
        part = sparse.csr_array(columns[rows] @ consumed)
        for row in np.nonzero(np.diff(part.indptr) > most)[0]:
            entries = slice(part.indptr[row], part.indptr[row + 1])
            values = part.data[entries]
            cosine = values**2 / count[part.indices[entries]]  # squared, times that of the row
            values[np.argpartition(-cosine, most)[most:]] = 0.0
        part.eliminate_zeros()
        parts.append(part)
    gram = sparse.csr_array(sparse.vstack(parts, format="csr"))
    gram.sort_indices()
    return gram


def _blocks(gram: sparse.csr_array, size: int) -> list[np.ndarray]:
    """Items with a candidate, in blocks of similarly many: systems in a block have one size."""
    n_candidates = np.diff(sparse.csr_array(gram > L1).indptr) - (gram.diagonal() > L1)
    order = np.argsort(n_candidates, kind="stable")[(n_candidates == 0).sum() :]
    cost = 4 * np.minimum(n_candidates[order], size).astype(np.int64) ** 2
    ends = np.cumsum(cost) // SOLVED_BYTES
    return np.split(order, np.nonzero(np.diff(ends))[0] + 1) if len(order) else []


def _candidates(
    gram: sparse.csr_array, count: np.ndarray, items: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest items of each item, rarest first, and the Gram matrix between: items x size.

    An item with fewer candidates is filled up with itself, and 0: it will have weight 0.
    """
    lengths = np.diff(gram.indptr)[items]
    inside = np.arange(lengths.max()) < lengths[:, None]
    at = np.where(inside, gram.indptr[items][:, None] + np.arange(lengths.max()), 0)
    columns, together = gram.indices[at], gram.data[at]
    useful = inside & (together > L1) & (columns != items[:, None])
    squared_cosine = np.where(useful, together**2 / count[columns].clip(min=1.0), -1.0)
    size = min(size, int(useful.sum(1).max()))
    nearest = torch.from_numpy(squared_cosine).topk(size, dim=1).indices.numpy()
    candidates, target, useful = (
        np.take_along_axis(values, nearest, 1) for values in (columns, together, useful)
    )
    candidates = np.where(useful, candidates, items[:, None])
    rarest = np.argsort(count[candidates], axis=1, kind="stable")
    target = np.where(useful, target, 0.0).astype(np.float32)
    return np.take_along_axis(candidates, rarest, 1), np.take_along_axis(target, rarest, 1)


def _systems(gram: sparse.csr_array | np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """The Gram matrix of the candidates of each item: items x size x size.

    A pair is looked up in the row of its rarer item, which is shorter and has lost no entry.
    """
    n_items, size = candidates.shape
    systems = np.empty((n_items, size, size), dtype=np.float32)
    if isinstance(gram, np.ndarray):  # a sixth of the time of an index for all items
        cells, own = gram.ravel(), candidates.astype(np.int64)
        for system, columns in zip(systems, own, strict=True):
            system[:] = cells.take(columns[:, None] * len(gram) + columns)
        return systems
    # Item by item: the rows of its candidates are then in the cache.
    rarer, other = (candidates.take(places, axis=1) for places in np.triu_indices(size))
    pairs = np.reshape(gram[rarer.ravel(), other.ravel()], rarer.shape)
    first = 0
    for place in range(size):  # an index for all places takes several times as long
        own, first = pairs[:, first : first + size - place], first + size - place
        systems[:, place, place:] = systems[:, place:, place] = own
    return systems


def _solve(system: Tensor, target: Tensor) -> Tensor:
    """Coordinate descent: items x size weights.

    Args:
        system: items x size x size, the Gram matrix of each item's candidates.
        target: items x size, the Gram matrix between the item and its candidates.
    """
    systems = system.permute(1, 2, 0).contiguous()  # size x size x items: all rows are contiguous
    diagonal, residual = systems.diagonal().T.contiguous(), (target - L1).T.contiguous()
    weights, slopes = torch.zeros_like(residual), diagonal + L2
    for _ in range(SWEEPS):
        before = weights.clone()
        for k, column in enumerate(systems):
            old = weights[k]
            move = torch.addcmul(residual[k], diagonal[k], old).div_(slopes[k]).clamp_(min=0.0)
            move -= old
            residual.addcmul_(column, move, value=-1.0)
            old += move
        if float((weights - before).abs().max()) < CONVERGED:
            break
    return weights.T


def _mean_similarity(slim: SLIM, interactions: Interactions) -> float:
    """Mean over users and items of n x (mean over the entries j of a history of w_ij)."""
    column_sums = torch.zeros(interactions.n_items, dtype=torch.float64)
    column_sums.index_add_(
        0, slim.get_buffer("items").flatten().long(), slim.weights.double().flatten()
    )
    lengths = np.diff(interactions.starts)
    each = column_sums.numpy()[interactions.item_numbers] / lengths[interactions.user_numbers]
    return max(float(each.sum() / max(1, (lengths > 0).sum())), 1e-6)
