"""Training histories as tensors, a batch of users at a time, straight from sparse storage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.model import History
from conv4rec.model.sparse import SparsePattern

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
        return self._history(
            starts, self.items.index_select(0, entries), self.levels.index_select(0, entries)
        )

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


def n_batches(n_rows: int, n_users: int, batch_rows: int) -> int:
    """Batches of an epoch, each of about `batch_rows` interactions at most, and of a user at least.

    As few as memory allows: the rating side learns an item's column from its raters in the batch
    (`conv4rec.train.item_side`). In four batches, goodbooks-10k has an RMSE .011 higher.
    """
    return max(1, min(n_users, -(-n_rows // batch_rows)))


def types_of(levels: Tensor, n_levels: int) -> Tensor:
    """Levels, int64; a missing rating becomes the type n_levels."""
    return torch.where(levels < 0, n_levels, levels.long())


def count_types(items: Tensor, types: Tensor, n_items: int, n_levels: int) -> Tensor:
    """How often each (item, type) occurs: items x (levels + 1), float32."""
    width = n_levels + 1
    counts = torch.bincount(items * width + types, minlength=n_items * width)
    return counts.view(n_items, width).float()
