"""The item side: sums over the training users, kept up to date while they come in batches."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from conv4rec.model import History, ItemSide, Network
from conv4rec.train.batches import Batches, count_types
from conv4rec.train.processes import Part, summed, total

USERS_AT_A_TIME = 4096


class ItemSums:
    """Sums over all users, less the masked interactions of a batch.

    Type counts are exact at every step. The convolution down the columns depends on the weights.
    For the users outside a batch it is computed with a copy of the network, which `refresh` makes
    once per epoch. A batch of all users needs no copy and is exact.

    Of several batches, a step knows the slope of the loss in a column, but passes it to the raters
    of its own batch alone. It counts as often as there are batches: then the raters' gradients are
    right on average, and their penalty is not as many times too strong.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.type_counts = batches.type_counts()
        self.epoch_network: Network | None = None
        self.column = torch.zeros(0)

    def refresh(self, network: Network) -> None:
        """Copy the network and sum its columns over all users."""
        self.epoch_network = copy.deepcopy(network).requires_grad_(False)
        self.column = full_item_side(self.epoch_network, self.batches, self.type_counts).column

    def without_masked(
        self, network: Network, users: Tensor, history: History, with_column: bool = True
    ) -> ItemSide:
        """The item side of a step: all interactions but those that its batch masks.

        Args:
            network: at its current weights.
            users: of `history`; of several processes, this one's users of the batch.
            history: partly masked.
            with_column: whether the column is needed.
        """
        masked = history.observed == 0
        pattern = history.pattern
        counts = self.type_counts - summed(
            count_types(
                pattern.columns[masked],
                history.types[masked],
                self.batches.n_items,
                self.batches.n_levels,
            )
        )
        if not (network.config.two_sided and with_column):
            return ItemSide(counts, self.column)
        channels = network.channels(history, network.item_mean(counts))
        column = summed(network.column(channels[0], pattern, users))
        if self.epoch_network is not None:
            whole = self.batches.of_users(users)
            earlier = _column(self.epoch_network, whole, self.type_counts, users)
            if column.requires_grad:
                n_batches = self.batches.n_users / total(len(users), counts)
                column.register_hook(lambda gradient: n_batches * gradient)
            column = column + self.column - summed(earlier)
        return ItemSide(counts, column, channels=channels)


@torch.no_grad()
def full_item_side(
    network: Network, batches: Batches, type_counts: Tensor, with_column: bool = True
) -> ItemSide:
    """The item side of all training interactions, as serving uses it."""
    if not (network.config.two_sided and with_column):
        return ItemSide(type_counts, type_counts.new_zeros(0))
    total = network.rate_out.new_zeros(network.rate_out.shape[1:])
    everyone = torch.arange(batches.n_users, device=type_counts.device)
    for users in everyone[Part.own(batches.starts).rows].split(USERS_AT_A_TIME):
        total += _column(network, batches.of_users(users), type_counts, users)
    return ItemSide(type_counts, summed(total))


def _column(network: Network, history: History, type_counts: Tensor, users: Tensor) -> Tensor:
    channels, _ = network.channels(history, network.item_mean(type_counts))
    return network.column(channels, history.pattern, users)
