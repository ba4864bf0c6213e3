"""The network that is served: all parts of the consume side, and the rating side's last looks.

Tables side by side are wider tables; the neighbours and the exact half are pages of their own.
Averaging the logits of S snapshots of a product z . v is one product of the S latent vectors in a
row, and so is the sum of the trained and the closed-form consume scores. A shared encoder stays
one: its tables, and those of both decoders, are averaged themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from conv4rec.model import ItemSide, Network
from conv4rec.model.bayesian_mf import ExactHalf
from conv4rec.model.slim import Neighbours
from conv4rec.train.ensemble import Blend
from conv4rec.train.loop import Trainer
from conv4rec.train.ridge import Ridge

Snapshot = dict[str, Tensor]


@dataclass(frozen=True)
class ConsumeParts:
    """What stands beside the trained half of the consume side, and how much each part says."""

    blend: Blend = field(default_factory=Blend)
    ridge: Ridge | None = None
    neighbours: Neighbours | None = None


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
    snapshots: list[Snapshot],
    parts: ConsumeParts,
    exact: ExactHalf | None = None,
) -> tuple[Network, ItemSide]:
    """The network to serve, without the raters' table, and its item side.

    Args:
        trainer: has the trained half of the consume side.
        snapshots: of the rating side (with a shared encoder: of everything), at least one.
        parts: what stands beside the trained half of the consume side.
        exact: the rating side's exact half; None to do without.
    """
    weights = {n: p.detach().clone() for n, p in trainer.parameters.items() if "consume" in n}
    small = [name for name in snapshots[0] if name not in ("rate_in", "rate_out", "column")]
    weights |= {name: torch.stack([s[name] for s in snapshots]).mean(0) for name in small}
    config = trainer.network.config
    width = config.rate_size * len(snapshots)
    if config.shared_encoder:
        weights["rate_out"] = torch.stack([s["rate_out"] for s in snapshots]).mean(0)
        weights["rate_out"] += weights["rate_common"][:, None]
        weights["rate_common"] = torch.zeros_like(weights["rate_common"])
        column = torch.stack([s["column"] for s in snapshots]).mean(0)
    else:
        weights["rate_in"], weights["rate_out"], column = _side_by_side(snapshots)
        config = replace(config, rate_size=width)
    for name in ("consume_out", "consume_bias"):
        weights[name] = weights[name] * parts.blend.learned
    if parts.ridge is not None:
        weights |= _with_closed_form(weights, parts.ridge, parts.blend)
        config = replace(config, consume_size=weights["consume_out"].shape[1])
    if parts.neighbours is not None:
        found = parts.neighbours.to(weights["rate_out"].device)
        weights |= {f"neighbours.{n}": t for n, t in found.state_dict().items()}
        config = replace(config, neighbours_kept=found.weights.shape[1])
    if exact is not None:
        weights |= {f"exact.{n}": t.to(weights["rate_out"]) for n, t in exact.named_parameters()}
        (draws, _, size), features = exact.items.shape, exact.features.shape[1]
        config = replace(config, exact_draws=draws, exact_size=size, exact_features=features)
    network = Network(config, torch.zeros(config.n_levels), None)  # shapes alone
    network.rater_in = None  # the columns are summed: only training needs the raters
    network.load_state_dict(weights, strict=True, assign=True)
    return network, ItemSide(trainer.sums.type_counts, column)


def _side_by_side(snapshots: list[Snapshot]) -> tuple[Tensor, Tensor, Tensor]:
    """Latent coordinates in a row, the users' offsets averaged.

    The network scales a product of width w by 3 / sqrt(w). The mean over S products of width e
    is the product of width S e if what decodes is divided by sqrt(S).
    """
    size = snapshots[0]["rate_out"].shape[2]
    scale = 1.0 / math.sqrt(len(snapshots))
    offsets = torch.stack([s["rate_in"][..., size:] for s in snapshots]).mean(0)
    into = torch.cat([*[s["rate_in"][..., :size] for s in snapshots], offsets], 2)
    out = torch.cat([s["rate_out"] for s in snapshots], 2) * scale
    return into, out, torch.cat([s["column"] for s in snapshots], -1) * scale


def _with_closed_form(weights: dict[str, Tensor], ridge: Ridge, blend: Blend) -> dict[str, Tensor]:
    encodes, decodes = (table.to(weights["consume_out"]) for table in ridge.tables(blend.penalty))
    silent = encodes.new_zeros(len(weights["consume_in"]) - 1, *encodes.shape)
    more = torch.cat([encodes[None], silent])  # ratings say nothing to the closed form
    return {
        "consume_in": torch.cat([weights["consume_in"], more], 2),
        "consume_out": torch.cat([weights["consume_out"], decodes * blend.closed], 1),
    }
