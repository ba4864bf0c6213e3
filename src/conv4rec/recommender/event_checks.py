"""What a saved model of a log with types may hold: the arrays and facts of strangers' folders."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any

import numpy as np
import pydantic
import torch

from conv4rec.data import Events, EventTypes
from conv4rec.model.event_model import EventModel
from conv4rec.recommender.saved_checks import LARGEST, check_range, check_state

LARGEST_LOG_COUNT = 50.0  # log(1 + users)
LEAST_DEVIATION = 1e-6  # of a channel
LOG_TYPES = {
    **dict.fromkeys(("starts", "counts", "first", "last"), ("int64",)),
    "item_numbers": ("int32",),
    "kind_numbers": ("int16",),
}
FLOATS, NUMBERS = ("float32",), ("int32", "int64")
Portion = Annotated[float, pydantic.Field(ge=0.0, le=1.0)]


class _Types(pydantic.BaseModel, strict=True, extra="forbid"):
    names: list[str]
    kind_types: list[int]
    kind_levels: list[int]
    exclusive: list[list[int]]
    repeating: list[bool]
    targets: list[str]
    levels: dict[str, list[float] | None] | None


class _Report(pydantic.BaseModel, strict=True, extra="forbid"):
    n_rows: pydantic.NonNegativeInt
    n_users: pydantic.NonNegativeInt
    n_items: pydantic.NonNegativeInt
    n_pairs: pydantic.NonNegativeInt
    n_replaced: pydantic.NonNegativeInt
    n_events: list[pydantic.NonNegativeInt]
    repeated: list[Portion]
    seen_before: list[Portion] | None


class _Facts(pydantic.BaseModel, strict=True):
    types: _Types
    sources: list[list[pydantic.NonNegativeInt]]
    now: int | None = pydantic.Field(ge=-(2**62), le=2**62)
    span: int = pydantic.Field(ge=1, le=2**62)
    counted: bool
    report: _Report


def check_event_facts(facts: Mapping[str, Any]) -> None:
    """Raise unless every fact has its type, and the kinds are kinds of the types.

    Raises:
        ValueError: Says which is wrong.
    """
    try:
        found = _Facts(**facts)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"its {where} cannot be used: {first['msg']}") from None
    types, n_types = found.types, len(found.types.names)
    levels = len((types.levels or {}).get("values") or [])
    n_kinds = len(types.kind_types)
    named = [kind for group in (*types.exclusive, *found.sources) for kind in group]
    counted = (found.report.n_events, found.report.repeated, found.report.seen_before)
    lengths = {len(part) for part in counted if part is not None}
    if not (
        n_types == len(set(types.names)) == len(types.repeating) > 0
        and lengths == {n_types}
        and n_kinds == len(types.kind_levels) > 0
        and sorted(types.kind_types) == types.kind_types
        and set(types.kind_types) == set(range(n_types))
        and all(-1 <= level < levels for level in types.kind_levels)
        and all(0 <= kind < n_kinds for kind in named)
        and found.sources
        and all(found.sources)
        and set(types.targets) <= set(types.names)
    ):
        raise ValueError("its types do not agree with each other")


def _check_types(arrays: Mapping[str, np.ndarray], types: Mapping[str, tuple[str, ...]]) -> None:
    for name, known in types.items():
        if arrays[name].dtype.name not in known:
            raise ValueError(f"its {name!r} holds {arrays[name].dtype}")


def check_event_log(log: Events, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise unless the cells are those of users x items x kinds, in order, with counts and times.

    Raises:
        ValueError: They are not.
    """
    _check_types(arrays, {name: types for name, types in LOG_TYPES.items() if name in arrays})
    starts, n_cells = log.starts, len(log.item_numbers)
    others = (log.item_numbers, log.kind_numbers, log.counts, log.first, log.last)
    if not (
        starts.shape == (len(log.users) + 1,)
        and starts[0] == 0
        and starts[-1] == n_cells
        and (np.diff(starts) >= 0).all()
        and all(part is None or part.shape == (n_cells,) for part in others)
        and ((log.item_numbers >= 0) & (log.item_numbers < len(log.items))).all()
        and ((log.kind_numbers >= 0) & (log.kind_numbers < log.types.n_kinds)).all()
        and (log.first is None) == (log.last is None)
    ):
        raise ValueError("its parts are of different models")
    cells = log.item_numbers.astype(np.int64) * log.types.n_kinds + log.kind_numbers
    new_user = np.zeros(n_cells, dtype=bool)
    new_user[starts[:-1][starts[:-1] < n_cells]] = True
    if not ((np.diff(cells) > 0) | new_user[1:]).all():
        raise ValueError("its histories have an event twice, or are not in order")
    if log.first is not None and log.last is not None and (log.first > log.last).any():
        raise ValueError("an event of its histories came last before it came first")
    check_range("counts", log.counts, 1, 2**53)


def check_event_weights(
    model: EventModel, types: EventTypes, arrays: Mapping[str, np.ndarray], own: str
) -> None:
    """Raise unless the weights are those of the model, and their values could be trained ones.

    Args:
        model: before it has them.
        types: of the log.
        arrays: all that was saved.
        own: prefix of the model's weights among them.

    Raises:
        ValueError: Says what is wrong.
        KeyError: An array is missing.
    """
    n_sources = len(model.tables.sources)
    weights = {n.removeprefix(own): a for n, a in arrays.items() if n.startswith(own)}
    check_state(model, {name: torch.from_numpy(array) for name, array in weights.items()})
    known = {*LOG_TYPES, "popularity", *(own + name for name in weights)}
    _check_types(arrays, {"popularity": FLOATS})
    pairs = product(range(len(types.names)), range(n_sources))
    names = {f"neighbours.{target}.{source}": 1.0 for target, source in pairs}
    for name, most in {**names, "slim": LARGEST}.items():
        parts = {f"{name}.data": FLOATS, f"{name}.indices": NUMBERS, f"{name}.indptr": NUMBERS}
        _check_types(arrays, parts)
        check_range(name, arrays[f"{name}.data"], 0.0, most)
        known |= parts.keys()
    if foreign := sorted(arrays.keys() - known):
        raise ValueError(f"its array {foreign[0]!r} is foreign")
    check_range("popularity", arrays["popularity"], 0.0, LARGEST_LOG_COUNT)
    for name, array in weights.items():
        if name == "associations":  # not a number where nothing was held out
            check_range(name, np.nan_to_num(array, nan=0.0), 0.0, LARGEST)
        else:
            least = LEAST_DEVIATION if name.endswith("deviation") else -LARGEST
            check_range(name, array, least, LARGEST)
