"""The SLIM component: the similarity of an item to the items of a history.

    score(i | x) = weight x log(floor + similarity(i | x)),
    similarity(i | x) = (n x sum over j in x of w_ij + popularity_i) / (|x| + 1),    w_ij >= 0,

with |x| items in the history and n in the catalogue. Popularity has mean 1 over the items, and
the similarity has mean 1 over users and items. With an empty history, the similarity is the
popularity. Each item has few w_ij: `conv4rec.train.slim` fits them by a sparse regression on its
nearest items. As the score is a log added to logits, it multiplies probabilities.

Reference:
    Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from conv4rec.model.sparse import SparsePattern, csr


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

    def score(self, pattern: SparsePattern, observed: Tensor) -> Tensor:
        """What the component adds to the consume logits: users x items.

        Memory: 12 bytes per user and item.
        """
        weight, floor = self.scale
        return (self.similarity(pattern, observed) + floor).log() * weight

    def similarity(self, pattern: SparsePattern, observed: Tensor) -> Tensor:
        """The similarity of every item to every history: users x items."""
        (n_users, n_items), size = pattern.shape, self.weights.shape[1]
        share = 1.0 / (pattern.row_sums(observed) + 1.0)
        entries = n_items * observed * share[pattern.rows]
        history = self.weights.new_zeros(n_items, n_users)
        history[pattern.columns, pattern.rows] = entries.to(history)
        neighbours = self.get_buffer("items")
        starts = torch.arange(n_items + 1, dtype=neighbours.dtype, device=neighbours.device) * size
        weights = csr(starts, neighbours.flatten(), self.weights.flatten(), (n_items, n_items))
        return (weights @ history).T.addcmul(share[:, None].to(history), self.popularity)
