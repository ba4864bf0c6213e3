"""The SLIM component: the similarity of an item to the items of a history.

    score(i | x) = weight x log(floor + similarity(i | x)),
    similarity(i | x) = (n x sum over j in x of w_ij + popularity_i) / (|x| + 1),    w_ij >= 0,

with |x| items in the history and n in the catalogue. Popularity has mean 1 over the items, and
the similarity has mean 1 over users and items. With an empty history, the similarity is the
popularity. Each item has few w_ij: `conv4rec.train.slim` fits them by a sparse regression on its
nearest items. A history is scored by the weights of its own items alone, so the cost follows its
length. As the score is a log added to logits, it multiplies probabilities.

Reference:
    Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from conv4rec.model.sparse import SparsePattern, csr, needs_gradient

PRODUCTS = 2_000_000  # of an interaction and a weight, about, in memory at a time: 40 bytes each


class SLIM(nn.Module):
    """A few weighted neighbours of each item.

    Args:
        n_items: rows of the tables.
        size: neighbours of an item; an unused place has weight 0.
    """

    def __init__(self, n_items: int, size: int) -> None:
        super().__init__()
        self.register_buffer("items", torch.zeros(n_items, size, dtype=torch.int32))
        self.weights = nn.Parameter(torch.empty(n_items, size), requires_grad=False)
        self.popularity = nn.Parameter(torch.empty(n_items), requires_grad=False)
        self.scale = nn.Parameter(torch.empty(2), requires_grad=False)  # weight, floor
        self._sorted: tuple[tuple[int, int], tuple[Tensor, Tensor, Tensor]] | None = None
        self._matrix: tuple[Tensor, Tensor | csr_array] | None = None

    @classmethod
    def of(cls, n_items: int, items: Tensor, neighbours: Tensor, weights: Tensor) -> SLIM | None:
        """The weights w_ij > 0 of pairs (i, j), with room for the most of any item.

        None if there are none. `popularity` and `scale` are still to be set.
        """
        if not len(items):
            return None
        order = torch.argsort(items, stable=True)
        counts = torch.bincount(items, minlength=n_items)
        first = torch.repeat_interleave(counts.cumsum(0) - counts, counts)
        at = (items[order], torch.arange(len(items)) - first)
        slim = cls(n_items, int(counts.max()))
        slim.weights.zero_()[at] = weights[order]
        slim.get_buffer("items")[at] = neighbours[order].int()
        return slim

    def score(self, pattern: SparsePattern, observed: Tensor) -> Tensor:
        """What the component adds to the consume logits: users x items.

        Memory: 8 bytes per user and item; 16 without MKL.
        """
        weight, floor = self.scale
        return self.similarity(pattern, observed).add_(floor).log_().mul_(weight)

    def similarity(self, pattern: SparsePattern, observed: Tensor) -> Tensor:
        """The similarity of every item to every history: users x items."""
        share = 1.0 / (pattern.row_sums(observed) + 1.0)
        similar = torch.outer(share.to(self.weights), self.popularity)
        values = (len(self.weights) * observed * share[pattern.rows]).to(similar)
        if similar.device.type == "cpu" and not needs_gradient(values):
            return self._add_by_matrix(similar, pattern, values)
        starts, items, weights = self.by_neighbour()
        counts = starts.diff()[pattern.columns]
        n_parts = 1 + int(counts.sum()) // PRODUCTS
        for part in torch.arange(len(counts), device=counts.device).tensor_split(n_parts):
            count, first = counts[part], starts[pattern.columns[part]]
            entry = torch.repeat_interleave(count)
            shift = first - (count.cumsum(0) - count)
            at = torch.arange(len(entry), device=entry.device) + shift[entry]
            cells = pattern.rows[part][entry] * similar.shape[1] + items[at]
            similar.view(-1).index_add_(0, cells, values[part][entry] * weights[at])
        return similar

    def _add_by_matrix(self, similar: Tensor, pattern: SparsePattern, values: Tensor) -> Tensor:
        """Add the sums over each history of its values times w_ij, in place: users x items.

        MKL adds up into the dense table: a third of the time of a sparse product by SciPy, which
        stands in where there is no MKL; and of one user a thirtieth of that of torch's indices.
        """
        starts, items, weights = self.by_neighbour()
        if self._matrix is None or self._matrix[0] is not weights:
            shape = (len(self.weights), len(self.weights))
            matrix = csr_array(_arrays(starts.int(), items.int(), weights), shape, copy=True)
            matrix.sum_duplicates()  # MKL would drop them; a fitted model has none
            if torch.backends.mkl.is_available():
                starts, items = map(torch.from_numpy, (matrix.indptr, matrix.indices))
                matrix = csr(starts, items, torch.from_numpy(matrix.data), shape)
            self._matrix = weights, matrix
        matrix = self._matrix[1]
        if isinstance(matrix, Tensor):
            pattern.add_times(similar, values, matrix)
            return similar
        entries = _arrays(pattern.row_starts, pattern.columns, values)
        histories = csr_array(entries, shape=pattern.shape)
        return similar.add_(torch.from_numpy(csr_array(histories @ matrix).toarray()))

    def by_neighbour(self) -> tuple[Tensor, Tensor, Tensor]:
        """The weights above 0 by j, as CSR: starts, items i, w_ij. Kept until they change."""
        version = (self.weights.data_ptr(), self.weights._version)
        if self._sorted is None or self._sorted[0] != version:
            at = torch.nonzero(self.weights)
            neighbours = self.get_buffer("items")[at[:, 0], at[:, 1]].long()
            order = torch.argsort(neighbours, stable=True)
            counts = torch.bincount(neighbours, minlength=len(self.weights))
            starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
            at = at[order]
            self._sorted = version, (starts, at[:, 0], self.weights[at[:, 0], at[:, 1]])
        return self._sorted[1]


def _arrays(starts: Tensor, columns: Tensor, values: Tensor) -> tuple[np.ndarray, ...]:
    """A sparse matrix as SciPy reads it."""
    return values.numpy(), columns.numpy(), starts.numpy()
