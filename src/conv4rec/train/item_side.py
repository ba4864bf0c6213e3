"""What the training users say about each item, kept right while they come in batches."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from conv4rec.model import History, ItemSide, Network
from conv4rec.train.batches import Batches, count_types

USERS_AT_A_TIME = 4096


class ItemSums:
    """Sums over all users, from which a batch takes out itself and what it hides.

    Type counts are exact at every step. The convolution down the columns needs every user's
    weights, so for the users outside a batch it comes from a copy of the network that
    `refresh` makes once an epoch. A batch of all users needs no copy and is exact.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.type_counts = batches.type_counts()
        self.frozen: Network | None = None
        self.column = torch.zeros(0)

    def refresh(self, network: Network) -> None:
        """Copy the network and sum its columns over all users: 4 x its size in bytes."""
        self.frozen = copy.deepcopy(network).requires_grad_(False)
        self.column = full_item_side(self.frozen, self.batches, self.type_counts).column

    def without_masked(self, network: Network, users: Tensor, history: History) -> ItemSide:
        """The item side that a step may see: everyone's history but what this batch hides."""
        masked = history.observed == 0
        pattern = history.pattern
        counts = self.type_counts - count_types(
            pattern.columns[masked],
            history.types[masked],
            self.batches.n_items,
            self.batches.n_levels,
        )
        if not network.config.two_sided:
            return ItemSide(counts, self.column)
        values, _ = network.channels(history, network.item_mean(counts))
        column = network.column(values, pattern, users)
        if self.frozen is not None:
            whole = self.batches.of_users(users)
            column = column + self.column - _column(self.frozen, whole, self.type_counts, users)
        return ItemSide(counts, column)


@torch.no_grad()
def full_item_side(network: Network, batches: Batches, type_counts: Tensor) -> ItemSide:
    """The item side with every training interaction fed, as inference uses it."""
    if not network.config.two_sided:
        return ItemSide(type_counts, type_counts.new_zeros(0))
    total = network.rate_out.new_zeros(network.rate_out.shape[1:])
    for users in torch.arange(batches.n_users, device=type_counts.device).split(USERS_AT_A_TIME):
        total += _column(network, batches.of_users(users), type_counts, users)
    return ItemSide(type_counts, total)


def _column(network: Network, history: History, type_counts: Tensor, users: Tensor) -> Tensor:
    values, _ = network.channels(history, network.item_mean(type_counts))
    return network.column(values, history.pattern, users)
