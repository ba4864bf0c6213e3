"""From snapshots and components to the model that is served.

The sum of two consume scores, each a product of a user's and an item's vector, is one product of
the vectors side by side: the ridge component makes the tables of the consume side wider.
The mean over S snapshots of a product z . v is one product of the S latent vectors side by side,
so averaging predictions makes the tables of the rating side S times as wide. A shared encoder
keeps its width: the weights themselves are averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from conv4rec.model import ItemSide, Network, ServedModel
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.slim import SLIM
from conv4rec.model.stacking import Stacking
from conv4rec.train.ensemble_scores import EnsembleWeights
from conv4rec.train.loop import Trainer
from conv4rec.train.ridge import Ridge
from conv4rec.train.snapshot import Snapshot


@dataclass(frozen=True)
class Components:
    """The components beside the network, and the ensemble weights of the consume scores."""

    ensemble_weights: EnsembleWeights = field(default_factory=EnsembleWeights)
    ridge: Ridge | None = None
    slim: SLIM | None = None
    bayesian_mf: BayesianMF | None = None
    stacking: Stacking | None = None


@torch.no_grad()
def assemble(
    trainer: Trainer, snapshots: list[Snapshot], components: Components
) -> tuple[ServedModel, ItemSide]:
    """The model to serve, and its item side.

    Args:
        trainer: holds the consume side.
        snapshots: of the rating side (with a shared encoder, of everything), at least one.
        components: beside the network.
    """
    network, item_side = average_snapshots(trainer, snapshots)
    for table in (network.consume_out, network.consume_bias):
        table.mul_(components.ensemble_weights.neural)
    if components.ridge is not None:
        network = _with_ridge(network, components.ridge, components.ensemble_weights)
    beside = (components.slim, components.bayesian_mf, components.stacking)
    return ServedModel(network, *beside).to(network.rate_out.device), item_side


def _with_ridge(network: Network, ridge: Ridge, weights: EnsembleWeights) -> Network:
    """The network with the ridge component's tables beside those of the consume side."""
    tables = dict(network.state_dict())
    encoder, decoder = (t.to(tables["consume_out"]) for t in ridge.tables(weights.penalty))
    zeros = encoder.new_zeros(len(tables["consume_in"]) - 1, *encoder.shape)  # ratings: no input
    tables["consume_in"] = torch.cat([tables["consume_in"], torch.cat([encoder[None], zeros])], 2)
    tables["consume_out"] = torch.cat([tables["consume_out"], decoder * weights.ridge], 1)
    config = network.config.with_changes(consume_size=tables["consume_out"].shape[1])
    wide = Network(config, torch.zeros(config.n_levels), None)
    wide.load_state_dict(tables, strict=True, assign=True)
    return wide


@torch.no_grad()
def average_snapshots(trainer: Trainer, snapshots: list[Snapshot]) -> tuple[Network, ItemSide]:
    """A network, without raters, that predicts the mean of the snapshots; and its item side."""
    config = trainer.network.config
    weights = {
        name: weight.detach().clone()
        for name, weight in trainer.parameters.items()
        if name.startswith("consume")
    }
    wide = () if config.shared_encoder else ("rate_in", "rate_out")
    averaged = [name for name in snapshots[0].weights if name not in wide]
    weights |= {name: _mean([s.weights[name] for s in snapshots]) for name in averaged}
    if config.shared_encoder:
        weights["rate_out"] += weights["rate_common"][:, None]
        weights["rate_common"] = torch.zeros_like(weights["rate_common"])
        column = _mean([s.column for s in snapshots])
    else:
        weights["rate_in"], weights["rate_out"], column = _side_by_side(snapshots)
        config = config.with_changes(rate_size=config.rate_size * len(snapshots))
    network = Network(config, torch.zeros(config.n_levels), None)
    network.load_state_dict(weights, strict=True, assign=True)
    return network, ItemSide(trainer.sums.type_counts, column)


def _mean(tensors: list[Tensor]) -> Tensor:
    return torch.stack(tensors).mean(0)


def _side_by_side(snapshots: list[Snapshot]) -> tuple[Tensor, Tensor, Tensor]:
    """`rate_in`, `rate_out` and the column of all snapshots in a row; user offsets averaged.

    The network scales a product of width w by 3 / sqrt(w). The mean over S products of width e
    is the product of width S e if the decoder is divided by sqrt(S).
    """
    into = [s.weights["rate_in"] for s in snapshots]
    out = [s.weights["rate_out"] for s in snapshots]
    size, scale = out[0].shape[2], 1.0 / math.sqrt(len(snapshots))
    offsets = _mean([table[..., size:] for table in into])
    wide_in = torch.cat([*[table[..., :size] for table in into], offsets], 2)
    column = torch.cat([s.column for s in snapshots], -1) * scale
    return wide_in, torch.cat(out, 2) * scale, column
