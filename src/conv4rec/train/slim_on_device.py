"""The linear systems of SLIM on an accelerator: from a dense Gram matrix, many items at a time.

The candidates of an item and the order of its system are those of `conv4rec.train.slim`. A dense
matrix loses no pair, whereas the sparse one keeps the nearest of an item with very many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.train.batches import Batches
from conv4rec.train.processes import own_run

GRAM_BYTES = 4_000_000_000  # 4 for each pair of items: up to 31,000 items
HISTORY_BYTES = 500_000_000  # of dense histories, multiplied at a time
SYSTEM_BYTES = 250_000_000  # of systems solved together, 4 x size^2 bytes each

Systems = tuple[Tensor, Tensor, Tensor, Tensor]
"""Items, their candidates, the Gram matrix between both, and that of the candidates of each."""


@dataclass(frozen=True)
class DenseGram:
    """X'X, X being what the users consumed: items x items, float32."""

    gram: Tensor

    @staticmethod
    def fits(n_items: int) -> bool:
        """Whether the matrix of so many items is small enough."""
        return 4 * n_items**2 <= GRAM_BYTES

    @classmethod
    def of(cls, interactions: Interactions, device: str) -> DenseGram:
        """Multiply out the histories, some users at a time; memory `HISTORY_BYTES` beside it."""
        n_items = interactions.n_items
        batches = Batches.from_interactions(interactions, device)
        gram = torch.zeros(n_items, n_items, device=device)
        everyone = torch.arange(batches.n_users, device=device)
        for users in everyone.split(max(1, HISTORY_BYTES // (4 * n_items))):
            pattern = batches.of_users(users).pattern
            histories = torch.zeros(len(users), n_items, device=device)
            histories[pattern.rows, pattern.columns] = 1.0
            gram.addmm_(histories.T, histories)
        return cls(gram)

    def systems(self, size: int, least: float) -> Iterator[Systems]:
        """The systems of all items with a candidate: similarly many of each item in a block.

        Args:
            size: candidates of an item, at most.
            least: an item consumed together with it not more often than this is no candidate.
        """
        count = self.gram.diagonal()
        n_candidates = (self.gram > least).sum(1) - (count > least).long()
        order = torch.argsort(n_candidates, stable=True)[int((n_candidates == 0).sum()) :]
        cost = 4 * n_candidates[order].clamp(max=size).square()
        ends = (cost.cumsum(0) // SYSTEM_BYTES).diff().nonzero()[:, 0] + 1
        for items in own_run(order.tensor_split(ends.cpu()) if len(order) else []):
            together = self.gram[items]
            useful = together > least
            useful[torch.arange(len(items), device=items.device), items] = False
            squared_cosine = torch.where(useful, together.square() / count.clamp(min=1.0), -1.0)
            nearest = squared_cosine.topk(min(size, int(useful.sum(1).max())), dim=1).indices
            useful = useful.gather(1, nearest)
            target = torch.where(useful, together.gather(1, nearest), 0.0)
            candidates = torch.where(useful, nearest, items[:, None])
            rarest = torch.argsort(count[candidates], dim=1, stable=True)
            candidates = candidates.gather(1, rarest)
            system = self.gram[candidates[:, :, None], candidates[:, None, :]]
            yield items, candidates, target.gather(1, rarest), system
