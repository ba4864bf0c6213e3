"""Samples of items for the softmax of logs whose users x items are too many to score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from conv4rec.model.likelihood import ItemSample

N_ITEMS = 1024  # in a sample, about
USERS = 2048  # that share a sample, at most


@dataclass(frozen=True)
class ItemSampler:
    """Draws each item independently: half by popularity, half all alike.

    Popular items, which most users score high, are then all drawn, and the weight of no other is
    more than 2 x items / `N_ITEMS`.
    """

    probabilities: Tensor
    """Of each item to be drawn."""

    @classmethod
    def by_popularity(cls, counts: Tensor) -> ItemSampler:
        """A sampler for items with these numbers of interactions."""
        shares = counts / counts.sum().clamp(min=1.0)
        return cls((N_ITEMS / 2 * (shares + 1 / len(counts))).clamp(max=1.0))

    def samples(self, n_users: int, rng: torch.Generator) -> list[ItemSample]:
        """One sample for each block of `USERS` users, or fewer."""
        return [self._sample(rng) for _ in range(-(-n_users // USERS))]

    def _sample(self, rng: torch.Generator) -> ItemSample:
        like = self.probabilities
        draws = torch.rand(len(like), generator=rng, device=like.device)
        items = torch.nonzero(draws < self.probabilities).squeeze(1)
        return ItemSample(items, -self.probabilities[items].log())
