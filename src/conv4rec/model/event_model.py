"""P(next event = (item, type) | history), for logs with types.

By the chain rule, P(i, k | x) = P(k | x) P(i | k, x):

- P(i | k, x) is a softmax over the items of a logit that a small 1-by-1 convolution makes of the
  channels of the pair (`conv4rec.model.event_channels`): one linear layer and a network of two
  hidden layers, the same for all users and items. Items that nobody met share the chance that it
  gives to one (`EventTables.log_shares`), in another order for each user. Pairs where a type that
  does not repeat has come already have probability 0.
- P(k | x) is a softmax over the types, linear in the logs of how often the user did what.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch
from torch import Tensor, nn

from conv4rec.data import Events
from conv4rec.model.event_channels import channels, n_channels, used
from conv4rec.model.event_tables import EventTables

HIDDEN = 16
TIE = 1e-3  # in the logits of items that nobody met


class EventNetwork(nn.Module):
    """The 1-by-1 convolution: channels of a pair to the logit of each type.

    The hidden layers are shared by the types, which differ in their biases; the linear layer and
    the way out are each type's own. Before training, a type's logit is the log of the item's count.
    """

    def __init__(self, size: int, n_types: int, rng: torch.Generator | None) -> None:
        super().__init__()

        def table(*shape: int) -> nn.Parameter:
            if rng is None:
                return nn.Parameter(torch.zeros(*shape))
            return nn.Parameter(torch.randn(*shape, generator=rng) / shape[-2] ** 0.5)

        self.linear = nn.Parameter(torch.zeros(n_types, size))
        self.first, self.second = table(size, HIDDEN), table(HIDDEN, HIDDEN)
        self.first_bias = nn.Parameter(torch.zeros(n_types, HIDDEN))
        self.second_bias = nn.Parameter(torch.zeros(n_types, HIDDEN))
        self.out = nn.Parameter(torch.zeros(n_types, HIDDEN))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))

    def forward(self, values: Tensor, target: int) -> Tensor:
        """Logits of any array of pairs: ... x channels to ... ."""
        values = (values - self.get_buffer("mean")) / self.get_buffer("deviation")
        hidden = torch.tanh(values @ self.first + self.first_bias[target])
        hidden = torch.tanh(hidden @ self.second + self.second_bias[target])
        return values @ self.linear[target] + hidden @ self.out[target]


class EventModel(nn.Module):
    """A model of a log with types.

    Args:
        tables: counts of the training log.
        rng: draws the first weights; None for a model whose weights are about to be loaded.
        seed: of the orders of items that nobody met.
    """

    def __init__(
        self, tables: EventTables, rng: torch.Generator | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        self.tables = tables
        n_types, n_sources = len(tables.types.names), len(tables.sources)
        self.network = EventNetwork(n_channels(tables), n_types, rng)
        self.type_weights = nn.Parameter(torch.zeros(n_sources, n_types))
        self.type_bias = nn.Parameter(torch.zeros(n_types))
        self.register_buffer("seed", torch.tensor([seed % 2**32]))
        # What the hidden events told of the item's own row: (times, share, chance) of each next
        # type and source (see `conv4rec.train.event_associations`).
        self.register_buffer("associations", torch.full((3, n_types, n_sources), torch.nan))

    def cell_bytes(self) -> int:
        """Memory of `log_p_items` for each user and item."""
        return 12 * n_channels(self.tables) + 12 * HIDDEN + 16

    @torch.no_grad()
    def log_p_items(self, histories: Events, target: int) -> np.ndarray:
        """The log of P(i | next event is of type `target`, x): users x items, float32.

        -inf where the type cannot come again; a row is -inf whole if it can nowhere.
        """
        values = torch.from_numpy(channels(self.tables, histories, target))
        logits = self.network(values, target) + torch.from_numpy(self.tables.log_shares)
        unmet = np.flatnonzero(self.tables.popularity[:, -1])
        logits[:, unmet] += TIE * torch.from_numpy(self._orders(histories, unmet))
        logits[torch.from_numpy(used(histories, target))] = -torch.inf
        log_p = logits - logits.logsumexp(1, keepdim=True)
        return log_p.nan_to_num(nan=-torch.inf, neginf=-torch.inf).numpy()

    def _orders(self, histories: Events, unmet: np.ndarray) -> np.ndarray:
        """An order of the items that nobody met for each user: users x unmet items, from 0 to 1.

        They are equally likely. Were they in one order, all users would be shown the same few of
        them. It depends on the seed, the user's id and the item's number (as splitmix64, Steele et
        al. 2014).
        """
        seed = int(self.get_buffer("seed"))
        seeds = [zlib.crc32(str(id).encode(), seed) for id in histories.users.to_series()]
        mixed = np.array(seeds, dtype=np.uint64)[:, None] << np.uint64(32)
        mixed = (mixed + unmet.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        return (mixed >> np.uint64(40)).astype(np.float32) / np.float32(2**24)

    @torch.no_grad()
    def log_p_types(self, histories: Events) -> np.ndarray:
        """The log of P(k | x): users x types, float32."""
        lengths = torch.from_numpy(log_lengths(self.tables, histories))
        return torch.log_softmax(lengths @ self.type_weights + self.type_bias, 1).numpy()


def log_lengths(tables: EventTables, histories: Events) -> np.ndarray:
    """log(1 + events) of each user by source: users x sources, float32."""
    of_kind = tables.source_of_kind[histories.kind_numbers]
    heard = of_kind >= 0
    counts = np.zeros((histories.n_users, len(tables.sources)))
    np.add.at(counts, (histories.user_numbers[heard], of_kind[heard]), histories.counts[heard])
    return np.log1p(counts).astype(np.float32)
