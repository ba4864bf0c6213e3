"""The consume side's third part: which items of a history are near an item, added up.

    score(i | x) = weight x log(floor + n(x) / |x| x sum over j in x of w_ij),    w_ij >= 0,

n(x) items being in the catalogue and |x| in the history, so that a history of items that are
near none gives log(floor) everywhere. The w_ij of an item are few: a sparse regression on its
nearest others (`conv4rec.train.neighbours`). The latent halves say what is common to many items;
this says which two belong together, whatever the rest. As it is a log, added to log-chances it
multiplies them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from conv4rec.model.lookup import Pattern, csr


class Neighbours(nn.Module):
    """A few weighted neighbours of each item.

    Args:
        n_items: rows of the tables.
        size: neighbours of an item; an unused place has weight 0.
    """

    def __init__(self, n_items: int, size: int) -> None:
        super().__init__()
        self.register_buffer("items", torch.zeros(n_items, size, dtype=torch.int32))
        self.weights = nn.Parameter(torch.empty(n_items, size), requires_grad=False)
        self.scale = nn.Parameter(torch.empty(2), requires_grad=False)  # weight, floor

    def score(self, pattern: Pattern, fed: Tensor) -> Tensor:
        """What is added to the consume logits: users x items.

        Memory: 8 bytes a user and item.
        """
        weight, floor = self.scale
        return (self.nearness(pattern, fed) + floor).log() * weight

    def nearness(self, pattern: Pattern, fed: Tensor) -> Tensor:
        """The argument of the log but for the floor: users x items, 0 for no history."""
        (n_users, n_items), size = pattern.shape, self.weights.shape[1]
        history = fed.new_zeros(n_items, n_users)
        history[pattern.columns, pattern.rows] = fed * _shares(pattern, fed)[pattern.rows]
        near = self.get_buffer("items")
        starts = torch.arange(n_items + 1, dtype=near.dtype, device=near.device) * size
        near = csr(starts, near.flatten(), self.weights.flatten(), (n_items, n_items))
        return (near @ history).T

    def entry_nearness(self, pattern: Pattern, fed: Tensor) -> Tensor:
        """What each entry of the histories adds to it: entries x items."""
        n_entries, n_items = len(pattern.columns), pattern.shape[1]
        starts = torch.arange(n_entries + 1, device=pattern.columns.device)
        alone = Pattern.from_rows(starts, pattern.columns, n_items)
        return self.nearness(alone, fed) / n_items * _shares(pattern, fed)[pattern.rows, None]


def _shares(pattern: Pattern, fed: Tensor) -> Tensor:
    """By how much an entry of each user counts: items in the catalogue / in the history."""
    return pattern.shape[1] / pattern.row_sums(fed).clamp(min=1.0)
