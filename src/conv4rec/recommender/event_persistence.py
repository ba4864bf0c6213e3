"""A model of a log with types as arrays and facts, and back: part of a model's saved folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import sparse

from conv4rec.data import Events, EventTypes, Ids, Levels
from conv4rec.data.event_report import EventReport
from conv4rec.model.event_model import EventModel
from conv4rec.model.event_tables import EventTables
from conv4rec.recommender.event_checks import (
    check_event_facts,
    check_event_log,
    check_event_weights,
)

CELLS = ("starts", "item_numbers", "kind_numbers", "counts", "first", "last")
MATRIX = ("data", "indices", "indptr")  # the parts of a sparse one
SLIM = "slim"
OWN = "model."  # prefix of the weights
REPORT = ("n_rows", "n_users", "n_items", "n_pairs", "n_events", "repeated", "seen_before")


def packed_events(model: EventModel, log: Events) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the JSON facts of a model and its log, without the ids."""
    tables, types, report = model.tables, log.types, log.report
    arrays = {name: getattr(log, name) for name in CELLS if getattr(log, name) is not None}
    arrays |= {OWN + name: value.numpy() for name, value in model.state_dict().items()}
    arrays["popularity"] = tables.popularity
    matrices = {SLIM: tables.slim}
    for target, row in enumerate(tables.neighbours):
        matrices |= {f"neighbours.{target}.{n}": matrix for n, matrix in enumerate(row)}
    for name, matrix in matrices.items():
        arrays |= {f"{name}.{part}": getattr(matrix, part) for part in MATRIX}
    levels = None
    if types.levels is not None:
        levels = {"values": types.levels.values, "edges": types.levels.edges}
    described = {
        name: getattr(types, name)
        for name in ("names", "kind_types", "kind_levels", "exclusive", "repeating", "targets")
    }
    return arrays, {
        "types": {**described, "levels": levels},
        "sources": tables.sources,
        "now": tables.now,
        "span": tables.span,
        "counted": tables.counted,
        "report": {name: getattr(report, name) for name in (*REPORT, "n_replaced")},
    }


def unpacked_events(
    arrays: dict[str, np.ndarray], facts: dict[str, Any], users: Ids, items: Ids
) -> tuple[EventModel, Events]:
    """The model and its log again.

    Raises:
        ValueError: The parts are of different models.
        KeyError: (or TypeError, RuntimeError) A part is missing or of another shape.
    """
    check_event_facts(facts)
    types = _types(facts["types"])
    report = EventReport(**_tuples(facts["report"]), types=types)
    log = Events(
        users, items, types, arrays["starts"], arrays["item_numbers"], arrays["kind_numbers"],
        arrays["counts"], arrays.get("first"), arrays.get("last"), report,
    )  # fmt: skip
    check_event_log(log, arrays)
    sources, n_items = _tuples(facts["sources"]), len(items)
    neighbours = tuple(
        tuple(
            _matrix(arrays, f"neighbours.{target}.{source}", n_items)
            for source in range(len(sources))
        )
        for target in range(len(types.names))
    )
    now = facts["now"]
    width = len(sources) * (1 if now is None else 4) + 1
    if arrays["popularity"].shape != (n_items, width):
        raise ValueError("its parts are of different models")
    tables = EventTables(
        types,
        sources,
        neighbours,
        _matrix(arrays, SLIM, n_items),
        arrays["popularity"],
        now,
        int(facts["span"]),
        bool(facts["counted"]),
    )
    model = EventModel(tables)
    check_event_weights(model, types, arrays, OWN)
    own = {name.removeprefix(OWN): value for name, value in arrays.items() if name.startswith(OWN)}
    model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in own.items()})
    return model.eval().requires_grad_(False), log


def _types(facts: dict[str, Any]) -> EventTypes:
    facts = _tuples(facts)
    levels = facts.pop("levels")
    if levels is not None:
        levels = Levels(**levels)
    return EventTypes(levels=levels, **facts)


def _matrix(arrays: dict[str, np.ndarray], name: str, n_items: int) -> sparse.csr_array:
    data, indices, starts = (arrays[f"{name}.{part}"] for part in MATRIX)
    # SciPy multiplies without looking, and `check_format` skips the starts where the last is 0.
    if not (
        starts.shape == (n_items + 1,)
        and starts[0] == 0
        and starts[-1] == len(indices)
        and (np.diff(starts) >= 0).all()
    ):
        raise ValueError(f"its {name!r} is not a matrix")
    matrix = sparse.csr_array((data, indices, starts), shape=(n_items, n_items))
    matrix.check_format(full_check=True)
    return matrix


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples they were."""
    if isinstance(value, dict):
        return {name: _tuples(each) for name, each in value.items()}
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value
