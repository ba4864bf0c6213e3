"""The items among which a hidden event is predicted: the user's own, and a sample of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from conv4rec.model.event_channels import channels, n_channels, used
from conv4rec.model.event_tables import EventTables
from conv4rec.train.event_holdout import Hidden

MOST_OWN = 500  # items of a history that are candidates
SAMPLED = 200  # other items
BLOCK_BYTES = 64_000_000  # of channels at a time


@dataclass(frozen=True)
class Candidates:
    """Candidates of the hidden events of one type, each event's own item first."""

    target: int
    values: Tensor
    """candidates x channels, float32."""
    log_weights: Tensor
    """candidates: log of how many items a sampled one stands for, and of its share of the chance
    of items that nobody met; 0 where neither is."""
    starts: np.ndarray
    """Where the candidates of each event start, and the end."""
    chance: Tensor
    """sources: mean share of the catalogue in the user's history, over the events."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, chosen: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Of some events: the candidates, the event of each, the place of each event's own item."""
        sizes = np.diff(self.starts)[chosen]
        ends = np.cumsum(sizes)
        events = np.repeat(np.arange(len(chosen)), sizes)
        rows = np.arange(ends[-1]) - (ends - sizes)[events] + self.starts[chosen][events]
        return tuple(torch.from_numpy(part) for part in (rows, events, ends - sizes))  # type: ignore[return-value]


def joined(parts: list[Candidates]) -> Candidates:
    """The candidates of several times at which events of one type are predicted."""
    sizes = np.concatenate([np.diff(part.starts) for part in parts])
    chances = torch.stack([part.chance * len(part) for part in parts])
    return Candidates(
        parts[0].target,
        torch.cat([part.values for part in parts]),
        torch.cat([part.log_weights for part in parts]),
        np.concatenate([[0], np.cumsum(sizes)]),
        chances.sum(0) / len(sizes),
    )


def candidates(
    tables: EventTables, hidden: Hidden, target: int, rng: np.random.Generator, most: int
) -> Candidates | None:
    """Candidates of the hidden events of a type, of `most` at most; None if there are none.

    A sampled item counts as many times in the softmax as there are items for each sampled one, so
    the likelihood over the candidates estimates the likelihood over the catalogue.
    """
    events = np.flatnonzero(hidden.types == target)
    if len(events) > most:
        events = np.sort(rng.choice(events, most, replace=False))
    users = np.unique(hidden.users[events])
    rest, n_items = hidden.histories[target], hidden.rest.n_items
    block = max(1, BLOCK_BYTES // (8 * n_items * n_channels(tables)))
    values, weights, sizes, chances = [], [], [], []
    own_places = np.arange(len(tables.sources)) * (1 + tables.counted + tables.timed)
    for first in range(0, len(users), block):
        rows = users[first : first + block]
        histories = rest.take_users(rows)
        values_of, gone = channels(tables, histories, target), used(histories, target)
        shares = values_of[:, :, own_places].mean(1)
        own = np.zeros_like(gone)
        own[histories.user_numbers, histories.item_numbers] = True
        mine = events[(hidden.users[events] >= rows[0]) & (hidden.users[events] <= rows[-1])]
        for event in mine:
            row, item = int(np.searchsorted(rows, hidden.users[event])), int(hidden.items[event])
            if gone[row, item]:
                continue
            items, log_weights = _sample(item, own[row], gone[row], rng)
            values.append(values_of[row, items])
            weights.append(log_weights + tables.log_shares[items])
            sizes.append(len(items))
            chances.append(shares[row])
    if not sizes:
        return None
    return Candidates(
        target,
        torch.from_numpy(np.concatenate(values)),
        torch.from_numpy(np.concatenate(weights)),
        np.concatenate([[0], np.cumsum(sizes)]),
        torch.from_numpy(np.mean(chances, axis=0)),
    )


def _sample(
    item: int, own: np.ndarray, gone: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The candidates of one event, its own item first, and the log weight of each."""
    may = ~gone
    may[item] = False
    parts, weights = [np.array([item])], [np.zeros(1, np.float32)]
    for pool, most in ((may & own, MOST_OWN), (may & ~own, SAMPLED)):
        items = np.flatnonzero(pool)
        drawn = items if len(items) <= most else rng.choice(items, most)
        stands_for = len(items) / max(1, len(drawn))
        parts.append(drawn)
        weights.append(np.full(len(drawn), np.log(max(stands_for, 1.0)), np.float32))
    return np.concatenate(parts), np.concatenate(weights)
