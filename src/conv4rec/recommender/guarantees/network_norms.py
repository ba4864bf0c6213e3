"""Norms of a trained network for the bounds: the consume side, P(item | history).

The consume logits are a sum of three chains, each within `conv4rec.theory.network`:

1. the observed types: indicators -> `kernel_in`, shared by all items -> `consume_in` ->
   `consume_out`. A history of n entries is n ones divided by sqrt(n + 10): norm below 1.
2. the item means on which rating channels are centred. The network computes them from the
   training users, so they are no fixed map: the bound lets them be any vector (a diagonal
   matrix, one free number per item and channel), followed by the same two tables.
3. the biases.

Centring on the user's own mean comes after the kernel in 1 and 2. For any one history it is
the linear map r -> r - 1 (1·r) / (n + prior), whose singular values lie in [0, 1]: like a
1-Lipschitz activation that maps 0 to 0. Its prior is one trained 32-bit number, covered by a
union bound over all 2^32 values. The rating side, P(level | item, history), is in `rating_norms`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import pad

from conv4rec.model import Network, NetworkConfig
from conv4rec.recommender import Conv4Rec
from conv4rec.theory import Chain, Layer, NetworkNorms

FLOAT_NATS = 32 * math.log(2)
"""Log of the number of values of a 32-bit number."""


@dataclass(frozen=True)
class Weights:
    """The consume side as matrices, outputs x inputs; float64."""

    kernel: np.ndarray
    """channels x types."""
    encoder: np.ndarray
    """size x (channels * items), channel by channel."""
    decoder: np.ndarray
    """items x size; columns sum to 0."""
    bias: np.ndarray
    """items x 1; sums to 0."""


def network_norms(model: Conv4Rec, smoothing: float = 0.0) -> NetworkNorms:
    """Measure the consume side of a fitted model.

    Distances are from a point that is independent of the data: the random weights of the same
    seed, and zero for weights that start from the data (biases, at the items' popularity; both
    tables, at singular vectors of the log, unless `spectral_init` is 0).

    Args:
        model: fitted.
        smoothing: weight of the uniform distribution in P(item | history).
    """
    network = model.scoring_.network
    config, more = network.config, network.config.consume_channels
    spectral = bool(model.config_["training"]["spectral_init"])
    now = weights_of(network)
    start = reference_weights(model.fitted_.trained, config, model.seed, spectral)
    n = config.n_items
    encoder = Layer.from_matrices("consume_in", now.encoder, start.encoder)
    decoder = Layer.from_matrices("consume_out", now.decoder, start.decoder)
    kernel = Layer.from_matrices("kernel_in", now.kernel, start.kernel, n_shared=n)
    bias = Layer.from_matrices("consume_bias", now.bias, start.bias)
    chains = [Chain((kernel, encoder, decoder), 1.0), Chain((bias,), 1.0)]
    union_cost = 0.0
    if config.centred and more:
        kernel = None if network.rate_in is None else network.consume_kernel
        means = network.item_mean(model.scoring_.item_side.type_counts, kernel)[:, :more]
        chains.insert(1, _mean_chain(means.double().cpu().numpy(), now, start))
        union_cost = FLOAT_NATS
    return NetworkNorms(tuple(chains), n, smoothing, union_cost=union_cost)


def weights_of(network: Network) -> Weights:
    """The consume side of a network; decoder and biases are centred, which leaves softmax equal."""
    kernel = network.kernel_in if network.rate_in is None else network.consume_kernel
    tensors = (network.consume_in, kernel, network.consume_out, network.consume_bias)
    into, kernel, out, bias = (t.detach().double().cpu().numpy() for t in tensors)
    channels, n, size = into.shape
    return Weights(
        kernel[:, :channels].T,
        into.reshape(channels * n, size).T,
        out - out.mean(axis=0),
        (bias - bias.mean())[:, None],
    )


def reference_weights(
    trained: NetworkConfig, served: NetworkConfig, seed: int, spectral: bool
) -> Weights:
    """Weights that are independent of the data: those of the seed, 0 for what starts from data.

    The kernel is that of a scale with equally frequent levels.
    """
    network = reference_network(trained, served, seed)
    with torch.no_grad():
        network.consume_bias.zero_()
        if spectral:
            network.consume_in[0] = 0.0
            network.consume_out.zero_()
    return weights_of(network)


@torch.no_grad()
def reference_network(trained: NetworkConfig, served: NetworkConfig, seed: int) -> Network:
    """The network at the random weights of a seed, as if all levels were equally frequent.

    It has the shape that is served (`conv4rec.train.assembly`): the random start of the rating
    side is repeated for each snapshot.
    """
    rng = torch.Generator().manual_seed(seed)
    start = Network(trained.with_changes(n_users=1), torch.ones(trained.n_levels), rng)
    more = served.consume_size - trained.consume_size
    copies, size = served.rate_size // trained.rate_size, trained.rate_size
    state = start.state_dict()
    state |= {name: pad(state[name], (0, more)) for name in ("consume_in", "consume_out")}
    if start.rate_in is not None:
        latent, offsets = start.rate_in[..., :size], start.rate_in[..., size:]
        state["rate_in"] = torch.cat([latent.repeat(1, 1, copies), offsets], 2)
        state["rate_out"] = start.rate_out.repeat(1, 1, copies) / math.sqrt(copies)
    state.pop("rater_in", None)
    network = Network(served.with_changes(n_users=1), torch.ones(served.n_levels), None)
    network.load_state_dict(state, strict=True, assign=True)
    return network


def _mean_chain(means: np.ndarray, now: Weights, start: Weights) -> Chain:
    """Chain 2: indicators of the rated items -> their means -> both tables."""
    n = len(means)
    encoder = Layer.from_matrices("consume_in, again", now.encoder[:, n:], start.encoder[:, n:])
    decoder = Layer.from_matrices("consume_out, again", now.decoder, start.decoder)
    return Chain((means_layer(means), encoder, decoder), 1.0)


def means_layer(means: np.ndarray) -> Layer:
    """The map from indicators of the rated items to their means on every channel.

    Means are items x channels; each is one diagonal entry of the map, measured from 0.
    """
    n, more = means.shape
    rows = np.linalg.norm(means, axis=1)
    size = float(np.linalg.norm(means))
    return Layer(
        "item means", (n * more, n), float(rows.max()), float(np.abs(means).max()), size,
        float(np.abs(means).sum()), means.size,
    )  # fmt: skip
