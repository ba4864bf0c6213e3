"""A fitted model as a folder: weights, histories, ids and levels, each with its checksum."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
import torch

from conv4rec._version import __version__
from conv4rec.data import Ids, Interactions, Levels
from conv4rec.data.load_report import LoadReport
from conv4rec.errors import Conv4RecError, SavedModelError
from conv4rec.model import ItemSide, Network, NetworkConfig
from conv4rec.train.fit import Fitted
from conv4rec.train.loop import Schedule
from conv4rec.train.rehearsal import Check
from conv4rec.train.store import load_folder, save_folder

KIND = "model"


def save_model(
    folder: str | os.PathLike[str], fitted: Fitted, log: Interactions, options: dict[str, Any]
) -> None:
    """Save what serving needs."""
    weights = {name: tensor.cpu().numpy() for name, tensor in fitted.network.state_dict().items()}
    weights["item_side.type_counts"] = fitted.item_side.type_counts.cpu().numpy()
    weights["item_side.column"] = fitted.item_side.column.cpu().numpy()
    histories = {
        "starts": log.starts,
        "item_numbers": log.item_numbers,
        "level_numbers": log.level_numbers,
    }
    if log.timestamps is not None:
        histories["timestamps"] = log.timestamps
    ids = _packed(log.users, "users") | _packed(log.items, "items")
    facts = {
        "conv4rec": __version__,
        "options": options,
        "network": asdict(fitted.network.config),
        "n_parameters": fitted.n_parameters,
        "schedule": asdict(fitted.schedule),
        "checks": [asdict(check) for check in fitted.checks],
        "levels": {"values": log.levels.values, "edges": log.levels.edges},
        "report": {k: v for k, v in vars(log.report).items() if k != "levels"},
    }
    save_folder(folder, KIND, {"weights": weights, "histories": histories, "ids": ids}, facts)


def load_model(
    folder: str | os.PathLike[str], device: str
) -> tuple[Fitted, Interactions, dict[str, Any]]:
    """Load what `save_model` saved: the network, the histories and the options.

    Raises:
        SavedModelError: The folder is missing, foreign or changed, or its parts do not fit.
    """
    parts, facts = load_folder(folder, KIND)
    try:
        log = _interactions(parts["histories"], parts["ids"], facts)
        fitted = _fitted(parts["weights"], facts, device)
    except (Conv4RecError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SavedModelError(f"{folder} is not a model this version reads: {error}") from error
    for name, array in parts["weights"].items():
        if not np.isfinite(array).all():
            raise SavedModelError(f"{folder} holds weights that are not finite, in {name!r}")
    return fitted, log, facts["options"]


def _fitted(weights: dict[str, np.ndarray], facts: dict[str, Any], device: str) -> Fitted:
    config = NetworkConfig(**facts["network"])
    tensors = {name: torch.from_numpy(array).to(device) for name, array in weights.items()}
    item_side = ItemSide(tensors.pop("item_side.type_counts"), tensors.pop("item_side.column"))
    with torch.device("meta"):  # shapes alone: nothing is drawn or allocated
        network = Network(config, torch.zeros(config.n_levels), None)
    network.rater_in = None
    network.load_state_dict(tensors, strict=True, assign=True)
    schedule = Schedule(*(tuple(facts["schedule"][key]) for key in ("stops", "reg_factors")))
    checks = [Check(**check) for check in facts["checks"]]
    return Fitted(network, item_side, schedule, checks, facts["n_parameters"])


def _interactions(
    histories: dict[str, np.ndarray], ids: dict[str, np.ndarray], facts: dict[str, Any]
) -> Interactions:
    edges = facts["levels"]["edges"]
    levels = Levels(tuple(facts["levels"]["values"]), None if edges is None else tuple(edges))
    return Interactions(
        users=_unpacked(ids, "users"),
        items=_unpacked(ids, "items"),
        levels=levels,
        starts=histories["starts"],
        item_numbers=histories["item_numbers"],
        level_numbers=histories["level_numbers"],
        timestamps=histories.get("timestamps"),
        report=LoadReport(**facts["report"], levels=levels),
    )


def _packed(ids: Ids, name: str) -> dict[str, np.ndarray]:
    """Ids as arrays: integers as they are, strings as UTF-8 bytes and where each ends."""
    values = ids.to_series()
    if ids.kind == "int":
        return {f"{name}.int": values.to_numpy()}
    encoded = [value.encode() for value in values.to_list()]
    ends = np.cumsum([len(value) for value in encoded], dtype=np.int64)
    return {f"{name}.utf8": np.frombuffer(b"".join(encoded), np.uint8), f"{name}.ends": ends}


def _unpacked(arrays: dict[str, np.ndarray], name: str) -> Ids:
    what = "user" if name == "users" else "item"
    if f"{name}.int" in arrays:
        return Ids(pl.Series(arrays[f"{name}.int"]), what)
    text, ends = arrays[f"{name}.utf8"].tobytes(), arrays[f"{name}.ends"].tolist()
    starts = [0, *ends[:-1]]
    values = [text[start:end].decode() for start, end in zip(starts, ends, strict=True)]
    return Ids(pl.Series(values, dtype=pl.String), what)
