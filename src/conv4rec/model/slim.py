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

import torch
from scipy import sparse
from torch import Tensor, nn

from conv4rec.model.sparse import SparsePattern, needs_gradient

MANY = 4  # users from whom on SciPy's sparse product takes half of the time of adding up in torch
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
        self._matrix: tuple[Tensor, sparse.csr_array] | None = None

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

        Memory: 16 bytes per user and item.
        """
        weight, floor = self.scale
        return self.similarity(pattern, observed).add_(floor).log_().mul_(weight)

    def similarity(self, pattern: SparsePattern, observed: Tensor) -> Tensor:
        """The similarity of every item to every history: users x items."""
        share = 1.0 / (pattern.row_sums(observed) + 1.0)
        similar = torch.outer(share.to(self.weights), self.popularity)
        values = (len(self.weights) * observed * share[pattern.rows]).to(similar)
        if similar.device.type == "cpu" and len(similar) >= MANY and not needs_gradient(values):
            return similar.add_(self._similar_by_matrix(pattern, values))
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

    def _similar_by_matrix(self, pattern: SparsePattern, values: Tensor) -> Tensor:
        """Sums over each history of its values times w_ij: users x items."""
        starts, items, weights = self.by_neighbour()
        if self._matrix is None or self._matrix[0] is not weights:
            parts = (weights.numpy(), items.int().numpy(), starts.int().numpy())
            self._matrix = weights, sparse.csr_array(parts, shape=(len(self.weights),) * 2)
        entries = (values.numpy(), pattern.columns.numpy(), pattern.row_starts.numpy())
        histories = sparse.csr_array(entries, shape=pattern.shape)
        found = sparse.csr_array(histories @ self._matrix[1])
        return torch.from_numpy(found.toarray())

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
