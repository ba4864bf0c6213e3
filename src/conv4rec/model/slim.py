"""The consume side's third part: which items of a history are near an item, added up.

    score(i | x) = weight x log(floor + near(i | x)),
    near(i | x)  = (n x sum over j in x of w_ij + popularity_i) / (|x| + 1),    w_ij >= 0,

|x| items being in the history; popularity and, over users, near are 1 on average over the n
items. So someone without a history is near what is popular. The w_ij of an item are few: a sparse
regression on its nearest others (`conv4rec.train.slim`). The latent halves say what is
common to many items; this says which two belong together, whatever the rest. As it is a log,
added to log-chances it multiplies them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from conv4rec.model.parts import Attribution
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
        """What is added to the consume logits: users x items.

        Memory: 12 bytes a user and item.
        """
        weight, floor = self.scale
        return (self.similarity(pattern, observed) + floor).log() * weight

    def similarity(self, pattern: SparsePattern, observed: Tensor) -> Tensor:
        """The argument of the log but for the floor: users x items."""
        (n_users, n_items), size = pattern.shape, self.weights.shape[1]
        share = 1.0 / (pattern.row_sums(observed) + 1.0)
        history = self.weights.new_zeros(n_items, n_users)
        history[pattern.columns, pattern.rows] = (n_items * observed * share[pattern.rows]).to(
            history
        )
        near = self.get_buffer("items")
        starts = torch.arange(n_items + 1, dtype=near.dtype, device=near.device) * size
        near = csr(starts, near.flatten(), self.weights.flatten(), (n_items, n_items))
        return (near @ history).T.addcmul(share[:, None].to(history), self.popularity)

    def parts(
        self, pattern: SparsePattern, observed: Tensor, items: Tensor, among: Tensor
    ) -> Attribution:
        """The score of some items for one history, less its mean over `among`, as a sum: float64.

        The nearness of an item goes from its popularity's share as those of the entries grow
        together; along that straight way an entry has the share of the rise in the log that it has
        in the rise itself (Aumann and Shapley; see `conv4rec.model.attribution`).

        Memory: 8 x items x (items of the catalogue + entries) bytes for the `items` asked for.
        """
        weight, floor = self.scale.double()
        n_items = len(self.weights)
        share = 1.0 / (pattern.row_sums(observed) + 1.0).double()
        base = floor + share * self.popularity.double()
        rise = (self.similarity(pattern, observed)[0].double() + floor - base).clamp(min=0.0)
        # How much an item's score rises with its nearness, on the way.
        slope = weight * torch.log1p(rise / base) / rise.clamp(min=1e-12)
        near, weights = self.get_buffer("items").long(), self.weights.double()
        rows = weights.new_zeros(len(items), n_items).scatter_add_(1, near[items], weights[items])
        mean = torch.zeros_like(base).index_add_(
            0, near[among].flatten(), (weights[among] * slope[among, None]).flatten()
        ) / len(among)
        here = (rows * slope[items, None])[:, pattern.columns].T  # entries x items
        contribution = (
            n_items * share * observed.double()[:, None] * (here - mean[pattern.columns, None])
        )
        start = weight * base.log()
        return Attribution(start[items] - start[among].mean(), contribution)
