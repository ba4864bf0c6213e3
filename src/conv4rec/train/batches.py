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

COUNTED = 2**20  # interactions whose types are counted at a time


@dataclass
class Batches:
    """All interactions on one device, as CSR; on a CPU the arrays are those of the log."""

    starts: Tensor
    items: Tensor
    levels: Tensor
    """Of each interaction; -1 where it has no rating."""
    n_items: int
    n_levels: int

    @classmethod
    def from_interactions(cls, interactions: Interactions, device: str = "cpu") -> Batches:
        """The interactions, on `device`."""
        return cls(
            torch.from_numpy(interactions.starts).to(device),
            torch.from_numpy(interactions.item_numbers).to(device),
            torch.from_numpy(interactions.level_numbers).to(device),
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
        return self._history(self.starts, self.items, self.levels)

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
        return self._history(starts, self.items[entries], self.levels[entries])

    def _history(self, starts: Tensor, items: Tensor, levels: Tensor) -> History:
        observed = torch.ones(len(items), device=items.device)
        pattern = SparsePattern(starts, items.long(), self.n_items)
        return History(pattern, types_of(levels, self.n_levels), observed)

    def type_counts(self) -> Tensor:
        """How often each type occurred with each item: items x (levels + 1)."""
        blocks = zip(self.items.split(COUNTED), self.levels.split(COUNTED), strict=True)
        counts = torch.zeros(self.n_items, self.n_levels + 1, device=self.items.device)
        for items, levels in blocks:
            types = types_of(levels, self.n_levels)
            counts += count_types(items.long(), types, self.n_items, self.n_levels)
        return counts


def n_batches(n_users: int, n_items: int, batch_cells: int) -> int:
    """Batches of an epoch: 1 where users x items are at most `batch_cells`.

    Of a larger log a step predicts among a sample of the items (`conv4rec.train.item_sampling`), so
    that the users of a batch need not be fewer the more items there are.
    """
    if n_users * n_items <= batch_cells:
        return 1
    users_per_batch = batch_cells // min(n_items, SAMPLED_CELLS)
    return max(2, -(-n_users // max(1, users_per_batch)))


def types_of(levels: Tensor, n_levels: int) -> Tensor:
    """Levels, int64; a missing rating becomes the type n_levels."""
    return torch.where(levels < 0, n_levels, levels.long())


def count_types(items: Tensor, types: Tensor, n_items: int, n_levels: int) -> Tensor:
    """How often each (item, type) occurs: items x (levels + 1), float32."""
    width = n_levels + 1
    counts = torch.bincount(items * width + types, minlength=n_items * width)
    return counts.view(n_items, width).float()
