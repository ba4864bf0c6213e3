"""Random histories and networks, small and in float64, so that equality can be strict."""

import numpy as np
import pytest
import torch

from conv4rec.model import History, ItemSide, Network, NetworkConfig
from conv4rec.model.sparse import SparsePattern


def random_history(rng, n_users, n_items, n_levels, unrated=0.2, masked=0.3):
    """Some users' histories of 0 to n_items - 1 entries, some unrated, some masked."""
    dense = rng.random((n_users, n_items)) < rng.random((n_users, 1)) * 0.8
    rows, items = np.nonzero(dense)
    starts = np.concatenate([[0], np.cumsum(dense.sum(1))])
    types = rng.integers(0, n_levels, len(rows))
    types[rng.random(len(rows)) < unrated] = n_levels
    pattern = SparsePattern(torch.from_numpy(starts), torch.from_numpy(items), n_items)
    observed = torch.from_numpy((rng.random(len(rows)) >= masked).astype(float))
    return History(pattern, torch.from_numpy(types), observed)


def random_network(rng, n_users=7, n_items=11, n_levels=5, **shape):
    """A network in float64 with every weight away from its start, and an item side for it."""
    sizes = {"consume_size": 4, "rate_size": 3, **shape}
    config = NetworkConfig(n_users=n_users, n_items=n_items, n_levels=n_levels, **sizes)
    seed = torch.Generator().manual_seed(int(rng.integers(2**31)))
    network = Network(config, torch.arange(1.0, n_levels + 1), seed).double()
    with torch.no_grad():
        for weights in network.parameters():
            weights += 0.3 * torch.randn(weights.shape, generator=seed, dtype=torch.float64)
    counts = torch.from_numpy(rng.integers(0, 4, (n_items, n_levels + 1)).astype(float))
    size = config.consume_size if config.shared_encoder else config.rate_size
    column = torch.from_numpy(rng.normal(size=(n_items, size)))
    return network, ItemSide(counts, column if config.two_sided else torch.zeros(0).double())


@pytest.fixture
def make_history(rng):
    return lambda *sizes, **shares: random_history(rng, *sizes, **shares)


@pytest.fixture
def make_network(rng):
    return lambda **shape: random_network(rng, **shape)
