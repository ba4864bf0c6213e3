"""Training histories as tensors, a batch of users at a time, straight from sparse storage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.model import History
from conv4rec.model.sparse import SparsePattern

SAMPLED_CELLS = 4096  # that a user counts for, at most: a sample of items and a history


@dataclass
class Batches:
    """All interactions on one device, as CSR: 16 bytes per interaction."""

    starts: Tensor
    items: Tensor
    types: Tensor
    n_items: int
    n_levels: int

    @classmethod
    def from_interactions(cls, interactions: Interactions, device: str = "cpu") -> Batches:
        """Copy the interactions to `device`; a missing rating becomes the type n_levels."""
        levels = torch.from_numpy(interactions.level_numbers).long()
        return cls(
            torch.from_numpy(interactions.starts).to(device),
            torch.from_numpy(interactions.item_numbers).long().to(device),
            torch.where(levels < 0, interactions.n_levels, levels).to(device),
            interactions.n_items,
            interactions.n_levels,
        )

    @property
    def n_users(self) -> int:
        """How many users there are."""
        return len(self.starts) - 1

    @cached_property
    def whole(self) -> History:
        """The histories of all users, everything observed."""
        return self._history(self.starts, self.items, self.types)

    def starts_of(self, users: Tensor) -> Tensor:
        """Where the entries of each of some users start in their histories, and the end."""
        lengths = self.starts[users + 1] - self.starts[users]
        return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])

    def of_users(self, users: Tensor) -> History:
        """The histories of some users, in that order, everything observed."""
        if len(users) == self.n_users:  # the order of a full batch changes nothing
            return self.whole
        starts = self.starts_of(users)
        shift = torch.repeat_interleave(self.starts[users] - starts[:-1], starts.diff())
        entries = shift + torch.arange(len(shift), device=shift.device)
        return self._history(starts, self.items[entries], self.types[entries])

    def _history(self, starts: Tensor, items: Tensor, types: Tensor) -> History:
        observed = torch.ones(len(items), device=items.device)
        return History(SparsePattern.from_rows(starts, items, self.n_items), types, observed)

    def type_counts(self) -> Tensor:
        """How often each type occurred with each item: items x (levels + 1)."""
        return count_types(self.items, self.types, self.n_items, self.n_levels)


def n_batches(n_users: int, n_items: int, batch_cells: int) -> int:
    """Batches of an epoch: 1 where users x items are at most `batch_cells`.

    Of a larger log a step predicts among a sample of the items (`conv4rec.train.item_sampling`), so
    that the users of a batch need not be fewer the more items there are.
    """
    if n_users * n_items <= batch_cells:
        return 1
    users_per_batch = batch_cells // min(n_items, SAMPLED_CELLS)
    return max(2, -(-n_users // max(1, users_per_batch)))


def count_types(items: Tensor, types: Tensor, n_items: int, n_levels: int) -> Tensor:
    """How often each (item, type) occurs: items x (levels + 1), float32."""
    width = n_levels + 1
    counts = torch.bincount(items * width + types, minlength=n_items * width)
    return counts.view(n_items, width).float()
