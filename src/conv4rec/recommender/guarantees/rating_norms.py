"""Norms of a trained network for the bounds: the rating side, P(level | item, history).

The loss of one target depends on the K logits of one item: a history has a softmax per item. The
logits are a sum of chains, each ending in `kernel_out`, one small matrix shared by all items:

1. the observed types: indicators -> `kernel_in` (shared) -> `rate_in` -> decoder -> `kernel_out`.
   The decoder is `rate_out` plus, on "liked", the items' columns: a table of free numbers here,
   although the columns are computed from the training users.
2. the item means on which rating channels are centred, through the same tables (if centred).
3. an item's offset, its bias plus a map of its mean: free numbers, read at the target's item.
4. the user's mean: the shares of the levels in the history -> `kernel_in` -> `from_user_mean` ->
   `kernel_out`. Shares are counts over n + prior: norm below 1.
5. the item means within the user's mean: a weighted mean of rows of the table of means.
6. the bias of the levels.

Because a target reads the decoder at one item, the spectral norm of that layer is the largest
singular value among the items' own blocks, channels x size. Offsets and means are read at single
items, or averaged, so theirs is the largest norm of one item's numbers. Distances are Frobenius
norms over all items, which are larger. Matrices that occur in several chains are counted in each.
The prior of the user's mean, one 32-bit number, is covered as on the consume side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from conv4rec.model import Network
from conv4rec.model.history import Encoding
from conv4rec.recommender import Conv4Rec
from conv4rec.recommender.guarantees.network_norms import FLOAT_NATS, means_layer, reference_network
from conv4rec.theory import Chain, Layer, NetworkNorms

_layer = Layer.from_matrices


@dataclass(frozen=True)
class RatingWeights:
    """The rating side as matrices, outputs x inputs; float64."""

    kernel_in: np.ndarray
    """(1 + channels) x types; the type "not rated" is last."""
    encoder: np.ndarray
    """size x (channels that are read * items), channel by channel."""
    decoder: np.ndarray
    """items x channels x size, with the scale of the latent vector in it."""
    kernel_out: np.ndarray
    """levels x channels; columns sum to 0."""
    offsets: np.ndarray
    """channels x items."""
    user_map: np.ndarray
    """channels x channels: what the user's mean adds."""
    level_bias: np.ndarray
    """levels x 1; sums to 0."""


def rating_norms(model: Conv4Rec) -> NetworkNorms | None:
    """Measure the rating side of a fitted model; None where there is no choice of levels.

    Distances are from a point that is independent of the data: tables at the random weights of
    the same seed, kernels of equally frequent levels, 0 for biases, offsets, columns and means.
    """
    network = model.scoring_.network
    config = network.config
    if config.n_levels < 2 or config.n_rating_channels < 1:
        return None
    encoding, _ = model.scoring_.encode(model.interactions_, np.array([0]))
    means, n = _array(encoding.item_mean), config.n_items
    start = rating_weights(reference_network(model.fitted_.trained, config, model.seed))
    now = rating_weights(network, encoding)
    encode = start.encoder.shape[1] // n
    encoder = _layer("encoder", now.encoder, start.encoder)
    decoder = _decoder(now.decoder, start.decoder)
    decoder = replace(decoder, n_parameters=network.rate_out.numel())  # constants are not free
    kernel_out = _layer("kernel_out", now.kernel_out, start.kernel_out, n)
    user_map = _layer("user_map", now.user_map, start.user_map)
    observed = _layer("kernel_in", now.kernel_in[:encode], start.kernel_in[:encode], n)
    levels = (slice(1, None), slice(None, -1))  # the user's mean is of rated entries
    rated = _layer("kernel_in, user's mean", now.kernel_in[levels], start.kernel_in[levels], n)
    chains = [
        Chain((observed, encoder, decoder, kernel_out), 1.0),
        Chain((_by_item("offsets", now.offsets), kernel_out), 1.0),
        Chain((rated, user_map, kernel_out), 1.0),
        Chain((_by_item("item means, user's mean", means.T), user_map, kernel_out), 1.0),
        Chain((_layer("level_bias", now.level_bias, start.level_bias),), 1.0),
    ]
    if config.centred and encode > 1:
        rest = _layer("encoder of ratings", now.encoder[:, n:], start.encoder[:, n:])
        centring = (means_layer(means[:, : encode - 1]), rest, decoder, kernel_out)
        chains.insert(1, Chain(centring, 1.0))
    norms = [_numbered(chain, number) for number, chain in enumerate(chains, start=1)]
    return NetworkNorms(tuple(norms), config.n_levels, union_cost=FLOAT_NATS, n_softmaxes=n)


def rating_weights(network: Network, encoding: Encoding | None = None) -> RatingWeights:
    """The rating side of a network; constants that leave softmax equal are centred away.

    Args:
        network: trained, or at its start.
        encoding: of any history; only its item means and columns are read. None for a start,
            where these and all biases are 0.
    """
    table = network.consume_in if network.rate_in is None else network.rate_in
    into = _array(table)
    encode, n, size = into.shape
    decoder = _array(network.rate_out).transpose(1, 0, 2).copy()
    kernel_out, bias = _array(network.kernel_out).T, np.zeros(network.config.n_levels)
    offsets = np.zeros((decoder.shape[1], n))
    if encoding is not None:
        bias = _array(network.level_bias)
        means = _array(encoding.item_mean)
        offsets = (_array(network.rate_bias) + means @ _array(network.from_item_mean)).T
        if encoding.liked is not None:
            decoder[:, 0] = _array(encoding.liked)
    decoder *= network.rate_scale
    if network.rate_in is not None:  # the users' offsets reach every item's channels unchanged
        channels = np.eye(decoder.shape[1])
        constants = np.broadcast_to(channels, (n, *channels.shape))
        decoder = np.concatenate([decoder, constants], axis=2)
    return RatingWeights(
        _array(network.kernel_in).T,
        into.reshape(encode * n, size).T,
        decoder,
        kernel_out - kernel_out.mean(axis=0),
        offsets,
        _array(network.from_user_mean).T,
        (bias - bias.mean())[:, None],
    )


def _decoder(now: np.ndarray, start: np.ndarray) -> Layer:
    """The blocks of all items, stacked; the loss of one target depends on one block."""
    n, channels, size = now.shape
    flat, flat_start = now.reshape(n * channels, size), start.reshape(n * channels, size)
    block = float(np.linalg.norm(now, ord=2, axis=(1, 2)).max())
    return replace(Layer.from_matrices("decoder", flat, flat_start), spectral_norm=block)


def _by_item(name: str, table: np.ndarray) -> Layer:
    """Channels x items, read at one item or averaged over items; measured from 0."""
    largest = float(np.linalg.norm(table, axis=0).max())
    return replace(_layer(name, table, np.zeros_like(table)), spectral_norm=largest)


def _numbered(chain: Chain, number: int) -> Chain:
    """The same chain with its number in the names of its layers."""
    layers = [replace(layer, name=f"{number}. {layer.name}") for layer in chain.layers]
    return replace(chain, layers=tuple(layers))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()
