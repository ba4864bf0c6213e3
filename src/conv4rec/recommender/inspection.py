"""What a fitted network holds, as tables: similar items, and the kernels of the rating levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from conv4rec.model import Network
from conv4rec.model.kernels import channel_names


def similar_items(network: Network, known: Interactions, item: int, k: int) -> pl.DataFrame:
    """The answer of `Conv4Rec.similar_items`, for an item number."""
    vectors = network.consume_out.cpu().numpy()
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosine = unit @ unit[item]
    cosine[item] = -np.inf
    best = np.argsort(-cosine, kind="stable")[: min(k, known.n_items - 1)]
    return pl.DataFrame(
        {
            "item_id": known.items.ids(best),
            "rank": np.arange(1, len(best) + 1, dtype=np.int32),
            "similarity": cosine[best],
        }
    )


def kernel_table(network: Network, labels: list[str]) -> pl.DataFrame:
    """The answer of `Conv4Rec.kernels`; `labels` are those of the rating levels."""
    into, out = network.kernel_in.cpu().numpy(), network.kernel_out.cpu().numpy()
    columns: dict[str, Any] = {"level": [*labels, "unrated"]}
    names = channel_names(into.shape[1] - 1)
    columns |= {name: into[:, channel] for channel, name in enumerate(names)}
    for channel, name in enumerate(names[1:]):
        columns[f"{name}_out"] = [*out[channel].tolist(), None]
    return pl.DataFrame(columns)
