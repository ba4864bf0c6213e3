"""Whose histories are read by a model of a log with types."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Events, Interactions
from conv4rec.data.columns import EVENT_COLUMNS
from conv4rec.data.event_types import EventTypes
from conv4rec.data.ids import shown, text_roles
from conv4rec.data.tables import read_columns
from conv4rec.errors import DataError
from conv4rec.recommender.user_histories import Users, asked_ids, known_items_only


def event_histories_of(known: Events, users: Users) -> Events:
    """The histories that are asked about, one row a user, over the model's items and types.

    Args:
        known: the histories of the training users.
        users: None for all training users; one user id, or a list of them; a log with types of any
            users (Events, frame or file); or a dict {item_id: type or list of types} of one user,
            whose id is then 0, or "new" where ids are strings. A rating stands behind its type,
            ["read", 4], or alone where one type has ratings.

    Raises:
        UnknownUserError: An id is not in the training data.
        DataError: The log cannot be used, or has a type that the model does not know.
    """
    if users is None:
        return known
    if isinstance(users, Interactions) and users.events is not None:
        users = users.events
    if isinstance(users, Events):
        same = users.items == known.items and users.types == known.types
        return users if same else _from_log(known, users.to_frame())
    if isinstance(users, Interactions) and len(users) == 0:  # users without a history
        nobody = known.take_users(np.zeros(0, dtype=np.int64))
        starts = np.zeros(users.n_users + 1, dtype=nobody.starts.dtype)
        return replace(nobody, users=users.users, starts=starts)
    if isinstance(users, Interactions):
        users = users.to_frame()
    if isinstance(users, Mapping):
        return _from_log(known, _one_user(known, users))
    ids = asked_ids(known.users, users)
    if ids is None:
        return _from_log(known, users)
    return known.take_users(np.unique([known.users.number(id) for id in ids]))


def _from_log(known: Events, log: Any) -> Events:
    as_text = text_roles(known.users, known.items)
    frame = read_columns(log, roles=EVENT_COLUMNS, as_text=as_text).frame
    frame = known_items_only(known.items, frame)
    if "type" not in frame.columns:
        raise DataError(
            "the histories have no column for type: this model was fitted to a log with the types "
            f"{', '.join(known.types.names)}"
        )
    return Events.from_frame(frame, types=known.types, items=known.items)


def _one_user(known: Events, history: Mapping[Any, Any]) -> pl.DataFrame:
    if not history:
        raise DataError("the history is empty: give at least one item, as {item_id: type}")
    name = 0 if known.users.kind == "int" else "new"
    rows = []
    for item, given in history.items():
        known.items.number(item)
        for kind, rating in _events_with(known.types, item, given):
            rows.append({"user_id": name, "item_id": item, "type": kind, "rating": rating})
    if not rows:
        raise DataError("the history has no types: give {item_id: type} or {item_id: [types]}")
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.drop("rating") if known.types.levels is None else frame


def _events_with(types: EventTypes, item: Any, given: Any) -> list[tuple[str, float | None]]:
    """The types and ratings that are given for an item of a history.

    A number is the rating of the type before it, or of the only type that has ratings.

    Raises:
        DataError: There is no such type, or a rating is missing or has no type.
    """
    rated = types.rated
    listed = isinstance(given, (list, tuple, set, frozenset))
    found: list[tuple[str, float | None]] = []
    for value in given if listed else [given]:
        if rated and isinstance(value, numbers.Real) and not isinstance(value, bool):
            if found and found[-1][0] in rated and found[-1][1] is None:
                found[-1] = (found[-1][0], float(value))
            elif len(rated) == 1:
                found.append((rated[0], float(value)))
            else:
                raise DataError(
                    f"item {shown(item)} has the rating {value}, and types with ratings are: "
                    f"{' or '.join(rated)}; "
                    "write a rating behind its type, as [type, rating]"
                )
        elif value not in types.names:
            raise DataError(
                f"item {shown(item)} has the type {shown(value)}, which is not one of this "
                f"model: {', '.join(types.names)}"
            )
        else:
            found.append((value, None))
    levels = np.asarray(types.kind_levels)
    always = [name for name in rated if (levels[types.kinds(name)] >= 0).all()]
    if bare := [kind for kind, rating in found if rating is None and kind in always]:
        raise DataError(
            f"item {shown(item)} has the type {shown(bare[0])}, which always has a rating: "
            f"write it behind the type, as [{bare[0]!r}, rating]"
        )
    return found
