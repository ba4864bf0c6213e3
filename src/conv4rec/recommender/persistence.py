"""A fitted model as a folder: weights, histories, ids and levels, each with its checksum."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl
import torch

from conv4rec._version import __version__
from conv4rec.data import Events, Ids, Interactions, Levels
from conv4rec.data.load_report import LoadReport
from conv4rec.errors import Conv4RecError, SavedModelError
from conv4rec.model import ItemSide, NetworkConfig, ServedConfig, ServedModel
from conv4rec.model.event_model import EventModel
from conv4rec.recommender.event_answers import EventAnswers
from conv4rec.recommender.event_persistence import packed_events, unpacked_events
from conv4rec.recommender.known_users import KnownUsers
from conv4rec.recommender.list_scores import UNCERTAIN_LISTS, Norms
from conv4rec.recommender.saved_checks import (
    LIKED,
    POSTERIORS,
    check_facts,
    check_ids,
    check_log,
    check_norms,
    check_options,
    check_state,
    check_weights,
)
from conv4rec.storage.folders import load_folder, save_folder
from conv4rec.train.ensemble_scores import EnsembleWeights
from conv4rec.train.fit import Fitted
from conv4rec.train.schedule import Schedule
from conv4rec.train.selection import ValidationResult

KIND = "model"
NORMS = "norms."  # prefix of the arrays that lists compare with


def save_model(
    folder: str | os.PathLike[str],
    fitted: Fitted | None,
    log: Interactions,
    options: dict[str, Any],
    norms: dict[int, Norms],
    events: EventAnswers | None = None,
    known: KnownUsers | None = None,
) -> None:
    """Save everything that serving needs.

    Args:
        folder: made if it does not exist.
        fitted: the model as served, and how it was trained; None for a log of types alone.
        log: the training histories, with ids and levels.
        options: arguments of `Conv4Rec`.
        norms: what lists compare with, by like level.
        events: the model of types, if the log has types.
        known: the training users, where they are solved.

    Raises:
        SavedModelError: The folder holds something else, or cannot be written.
    """
    ids = _packed(log.users, "users") | _packed(log.items, "items")
    parts: dict[str, dict[str, np.ndarray]] = {"ids": ids}
    facts: dict[str, Any] = {"conv4rec": __version__, "options": options}
    if events is not None:
        parts["events"], facts["events"] = packed_events(events.model, events.log)
    if fitted is not None:
        arrays, own = _packed_fit(fitted, log, norms)
        if known is not None:
            arrays["weights"][POSTERIORS] = known.posteriors
        parts |= arrays
        facts |= own
    save_folder(folder, KIND, parts, facts)


def _packed_fit(
    fitted: Fitted, log: Interactions, norms: dict[int, Norms]
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """The arrays and the facts of a model of consumption and ratings."""
    weights = {name: tensor.cpu().numpy() for name, tensor in fitted.model.state_dict().items()}
    weights["item_side.type_counts"] = fitted.item_side.type_counts.cpu().numpy()
    weights["item_side.column"] = fitted.item_side.column.cpu().numpy()
    if fitted.item_side.liked is not None:
        weights[LIKED] = fitted.item_side.liked.cpu().numpy()
    for level, found in norms.items():
        weights[f"{NORMS}{level}.others"] = found.others
        weights[f"{NORMS}{level}.head"] = found.head.astype(np.float32)
        weights |= {f"{NORMS}{level}.{by}": prices for by, prices in found.prices.items()}
    histories = {
        "starts": log.starts,
        "item_numbers": log.item_numbers,
        "level_numbers": log.level_numbers,
    }
    if log.timestamps is not None:
        histories["timestamps"] = log.timestamps
    facts = {
        "network": fitted.network.config.model_dump(),
        "components": asdict(fitted.model.config),
        "trained": fitted.trained.model_dump(),
        "ensemble_weights": asdict(fitted.ensemble_weights),
        "n_parameters": fitted.n_parameters,
        "schedule": asdict(fitted.schedule),
        "validation_results": [asdict(result) for result in fitted.validation_results],
        "levels": {"values": log.levels.values, "edges": log.levels.edges},
        "report": {k: v for k, v in vars(log.report).items() if k != "levels"},
    }
    return {"weights": weights, "histories": histories}, facts


@dataclass(frozen=True)
class Loaded:
    """What `save_model` saved."""

    fitted: Fitted | None
    """None for a log of types alone."""
    log: Interactions
    options: dict[str, Any]
    norms: dict[int, Norms] = field(default_factory=dict)
    typed: tuple[EventModel, Events] | None = None
    """None for a log without types."""
    known: KnownUsers | None = None


def load_model(folder: str | os.PathLike[str], device: str) -> Loaded:
    """Load what `save_model` saved.

    Raises:
        SavedModelError: The folder is missing, foreign or changed, or its parts do not match.
    """
    parts, facts = load_folder(folder, KIND)
    try:
        check_options(facts["options"])
        check_ids(parts["ids"])
        options = facts["options"]
        typed = None
        if "events" in facts:
            ids = [_unpacked(parts["ids"], name) for name in ("users", "items")]
            typed = unpacked_events(parts["events"], facts["events"], *ids)
            if "network" not in facts:
                return Loaded(None, typed[1].interactions(), options, typed=typed)
        check_facts(facts)
        log = _interactions(parts["histories"], parts["ids"], facts)
        check_log(log, parts["histories"], options["like_threshold"])
        check_weights(log, parts["weights"], facts)
        norms = _norms(parts["weights"], log)
        own = {n: a for n, a in parts["weights"].items() if not n.startswith(NORMS)}
        posteriors = own.pop(POSTERIORS, None)
        fitted = _fitted(own, facts, device)
    except (
        Conv4RecError, KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError,
        OverflowError,
    ) as error:  # fmt: skip
        raise SavedModelError(f"{folder} is not a model this version reads: {error}") from error
    known = None if posteriors is None else KnownUsers(log, posteriors)
    return Loaded(fitted, log, options, norms, typed, known)


def _norms(weights: dict[str, np.ndarray], log: Interactions) -> dict[int, Norms]:
    """The norms among the saved arrays, by like level."""
    arrays = {n.removeprefix(NORMS): a for n, a in weights.items() if n.startswith(NORMS)}
    check_norms(arrays, log.n_items, log.n_levels)
    found = {}
    for level in {name.split(".")[0] for name in arrays}:
        prices = {by: arrays[f"{level}.{by}"] for by in UNCERTAIN_LISTS}
        head = arrays[f"{level}.head"] > 0
        found[int(level)] = Norms(arrays[f"{level}.others"], head, prices)
    return found


def _fitted(weights: dict[str, np.ndarray], facts: dict[str, Any], device: str) -> Fitted:
    model = ServedModel.for_loading(
        NetworkConfig(**facts["network"]), ServedConfig(**facts["components"])
    )
    tensors = {name: torch.from_numpy(array).to(device) for name, array in weights.items()}
    counts, column = tensors.pop("item_side.type_counts"), tensors.pop("item_side.column")
    item_side = ItemSide(counts, column, liked=tensors.pop(LIKED, None))
    check_state(model, tensors)
    model.load_state_dict(tensors, strict=True, assign=True)
    schedule = Schedule(*(tuple(facts["schedule"][key]) for key in ("stops", "reg_factors")))
    return Fitted(
        model,
        item_side,
        schedule,
        [ValidationResult.from_saved(result) for result in facts["validation_results"]],
        facts["n_parameters"],
        NetworkConfig(**facts["trained"]),
        EnsembleWeights(**facts["ensemble_weights"]),
    )


def _interactions(
    histories: dict[str, np.ndarray], ids: dict[str, np.ndarray], facts: dict[str, Any]
) -> Interactions:
    edges, report = facts["levels"]["edges"], facts["report"]
    values = tuple(map(float, facts["levels"]["values"]))
    levels = Levels(values, None if edges is None else tuple(map(float, edges)))
    return Interactions(
        users=_unpacked(ids, "users"),
        items=_unpacked(ids, "items"),
        levels=levels,
        starts=histories["starts"],
        item_numbers=histories["item_numbers"],
        level_numbers=histories["level_numbers"],
        timestamps=histories.get("timestamps"),
        report=LoadReport(**{**report, "notes": tuple(report.get("notes", ()))}, levels=levels),
    )


def _packed(ids: Ids, name: str) -> dict[str, np.ndarray]:
    """Ids as arrays: integers unchanged, strings as UTF-8 bytes and the end of each."""
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
