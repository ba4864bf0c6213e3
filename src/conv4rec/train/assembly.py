"""The network that is served: all parts of the consume side, and the rating side's last looks.

Tables side by side are wider tables; the neighbours and the exact half are pages of their own.
Averaging the logits of S snapshots of a product z . v is one product of the S latent vectors in a
row, and so is the sum of the trained and the closed-form consume scores. A shared encoder stays
one: its tables, and those of both decoders, are averaged themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from conv4rec.model import ItemSide, Network
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.slim import SLIM
from conv4rec.train.ensemble import EnsembleWeights
from conv4rec.train.loop import Trainer

Snapshot = dict[str, Tensor]


@dataclass(frozen=True)
class ConsumeParts:
    """What stands beside the trained half of the consume side, and how much each part says."""

    ensemble_weights: EnsembleWeights = field(default_factory=EnsembleWeights)
    slim: SLIM | None = None


@torch.no_grad()
def take_snapshot(trainer: Trainer) -> Snapshot:
    """The rating side as it stands, and what it makes of the items' columns: copies.

    With a shared encoder, all there is.
    """
    left_out = ("rater",) if trainer.network.config.shared_encoder else ("rater", "consume")
    weights = {
        name: weight.detach().clone()
        for name, weight in trainer.parameters.items()
        if not name.startswith(left_out)
    }
    return {**weights, "column": trainer.item_side().column}


def snapshots_of(kept: dict[str, Tensor]) -> list[Snapshot]:
    """The snapshots among what was kept under "name/step", earliest first."""
    found: dict[str, Snapshot] = {}
    for key in sorted(kept):
        name, _, step = key.partition("/")
        if step.isdigit():
            found.setdefault(step, {})[name] = kept[key]
    return [found[step] for step in sorted(found)]


@torch.no_grad()
def assemble(
    trainer: Trainer,
    averaged_snapshots: list[Snapshot],
    parts: ConsumeParts,
    bayesian_mf: BayesianMF | None = None,
) -> tuple[Network, ItemSide]:
    """The network to serve, without the raters' table, and its item side.

    Args:
        trainer: has the trained half of the consume side.
        snapshots: of the rating side (with a shared encoder: of everything), at least one.
        parts: what stands beside the trained half of the consume side.
        exact: the rating side's exact half; None to do without.
    """
    weights = {n: p.detach().clone() for n, p in trainer.parameters.items() if "consume" in n}
    small = [
        name for name in averaged_snapshots[0] if name not in ("rate_in", "rate_out", "column")
    ]
    weights |= {name: torch.stack([s[name] for s in averaged_snapshots]).mean(0) for name in small}
    config = trainer.network.config
    width = config.rate_size * len(averaged_snapshots)
    if config.shared_encoder:
        weights["rate_out"] = torch.stack([s["rate_out"] for s in averaged_snapshots]).mean(0)
        weights["rate_out"] += weights["rate_common"][:, None]
        weights["rate_common"] = torch.zeros_like(weights["rate_common"])
        column = torch.stack([s["column"] for s in averaged_snapshots]).mean(0)
    else:
        weights["rate_in"], weights["rate_out"], column = _side_by_side(averaged_snapshots)
        config = config.with_changes(rate_size=width)
    for name in ("consume_out", "consume_bias"):
        weights[name] = weights[name] * parts.ensemble_weights.neural
    if parts.slim is not None:
        found = parts.slim.to(weights["rate_out"].device)
        weights |= {f"slim.{n}": t for n, t in found.state_dict().items()}
        config = config.with_changes(n_slim_neighbours=found.weights.shape[1])
    if bayesian_mf is not None:
        weights |= {
            f"bayesian_mf.{n}": t.to(weights["rate_out"]) for n, t in bayesian_mf.named_parameters()
        }
        (draws, _, size), features = bayesian_mf.items.shape, bayesian_mf.features.shape[1]
        config = config.with_changes(n_mf_draws=draws, mf_width=size, n_mf_features=features)
    network = Network(config, torch.zeros(config.n_levels), None)  # shapes alone
    network.rater_in = None  # the columns are summed: only training needs the raters
    network.load_state_dict(weights, strict=True, assign=True)
    return network, ItemSide(trainer.sums.type_counts, column)


def _side_by_side(averaged_snapshots: list[Snapshot]) -> tuple[Tensor, Tensor, Tensor]:
    """Latent coordinates in a row, the users' offsets averaged.

    The network scales a product of width w by 3 / sqrt(w). The mean over S products of width e
    is the product of width S e if what decodes is divided by sqrt(S).
    """
    size = averaged_snapshots[0]["rate_out"].shape[2]
    scale = 1.0 / math.sqrt(len(averaged_snapshots))
    offsets = torch.stack([s["rate_in"][..., size:] for s in averaged_snapshots]).mean(0)
    into = torch.cat([*[s["rate_in"][..., :size] for s in averaged_snapshots], offsets], 2)
    out = torch.cat([s["rate_out"] for s in averaged_snapshots], 2) * scale
    return into, out, torch.cat([s["column"] for s in averaged_snapshots], -1) * scale
