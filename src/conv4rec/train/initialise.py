"""The network before its first step: shapes from the data, weights from seed and data."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.model import Network, NetworkConfig
from conv4rec.train.batches import Batches
from conv4rec.train.settings import TrainSettings
from conv4rec.train.spectral import spectral_item_vectors

SPREAD_USERS = 500  # users from whom `score_spread` is estimated
ITEM_PRIOR = 1.0  # interactions added to each item, so that no probability is 0

WIDTHS = {"consume_size": (64, 256, 64_000_000), "rate_size": (32, 64, 16_000_000)}
"""Of each latent vector: its default width where interactions are few, its largest, and how many
numbers a table of items may hold, so that memory stays bounded: those of many items are shorter."""
FEW = 100_000  # interactions
NARROWEST = 8


def new_network(
    interactions: Interactions,
    shape: dict[str, Any],
    settings: TrainSettings,
    seed: int,
    device: str = "cpu",
) -> Network:
    """A network for these interactions, on `device`.

    Args:
        interactions: give the sizes, the level shares and the items' popularity.
        shape: fields of `NetworkConfig` beyond the sizes of the data.
        settings: `spectral_init` and `spectral_damping`, the start of the consume side.
        seed: of every random weight.
        device: of the network.
    """
    unknown = set(shape) - set(NetworkConfig.model_fields)
    assert not unknown, f"not fields of NetworkConfig: {unknown}"
    n_levels, n_items = interactions.n_levels, interactions.n_items
    shape = {"n_rating_channels": 2, "consume_channels": 1, **shape}
    shape["n_rating_channels"] = min(shape["n_rating_channels"], n_levels - 1)
    shape["consume_channels"] = min(shape["consume_channels"], shape["n_rating_channels"])
    shape |= latent_widths(shape, n_items, len(interactions))
    shape["consume_size"] = min(shape["consume_size"], max(8, n_items))
    if not interactions.n_rated:  # the item side is read by ratings alone
        shape["two_sided"] = False
    config = NetworkConfig(
        n_users=interactions.n_users, n_items=n_items, n_levels=n_levels, **shape
    )
    rated = interactions.level_numbers[interactions.level_numbers >= 0]
    level_counts = torch.from_numpy(np.bincount(rated, minlength=n_levels)).float()
    network = Network(config, level_counts, torch.Generator().manual_seed(seed))

    counts = np.bincount(interactions.item_numbers, minlength=interactions.n_items) + ITEM_PRIOR
    with torch.no_grad():
        network.consume_bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
        if settings.spectral_init:
            vectors = torch.from_numpy(
                spectral_item_vectors(
                    interactions, config.consume_size, seed, settings.spectral_damping, device
                )
            )
            spread = score_spread(interactions, vectors)
            start = vectors * (settings.spectral_init / max(spread, 1e-6)) ** 0.5
            network.consume_in[0] = start
            network.consume_out.copy_(start)
    return network.to(device)


def latent_widths(shape: dict[str, Any], n_items: int, n_interactions: int) -> dict[str, int]:
    """The width of each latent vector: as asked for, or by `WIDTHS`.

    The default grows with the square root of the interactions, in steps of 8: what wider vectors
    would learn from few interactions is noise.

    >>> latent_widths({"rate_size": None}, n_items=3706, n_interactions=900_000)
    {'consume_size': 192, 'rate_size': 64}
    """
    growth, found = max(1.0, n_interactions / FEW) ** 0.5, {}
    for name, (least, most, numbers) in WIDTHS.items():
        width = shape.get(name) or min(most, 8 * round(least * growth / 8))
        found[name] = min(width, max(NARROWEST, numbers // max(1, n_items)))
    return found


def score_spread(interactions: Interactions, vectors: Tensor) -> float:
    """Standard deviation of a user's first scores over the items, mean over users.

    The same vectors encode and decode, so a factor s on them is a factor s squared on the scores.
    """
    users = torch.arange(min(interactions.n_users, SPREAD_USERS))
    history = Batches.from_interactions(interactions).of_users(users)
    latent = history.pattern.look_up(history.observed[None], vectors[None])
    scores = latent / history.root_length() @ vectors.T
    return float(scores.std(1, correction=0).mean())
