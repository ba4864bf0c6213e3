"""Whose histories are read by a model of a log with types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Events, Interactions
from conv4rec.data.columns import EVENT_COLUMNS
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
            whose id is then 0, or "new" where ids are strings.

    Raises:
        UnknownUserError: An id is not in the training data.
        DataError: The log cannot be used, or has a type that the model does not know.
    """
    if users is None:
        return known
    if isinstance(users, Events):
        same = users.items == known.items and users.types == known.types
        return users if same else _from_log(known, users.to_frame())
    if isinstance(users, Interactions) and len(users) == 0:  # users without a history
        nobody = known.take_users(np.zeros(0, dtype=np.int64))
        starts = np.zeros(users.n_users + 1, dtype=nobody.starts.dtype)
        return replace(nobody, users=users.users, starts=starts)
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
        listed = isinstance(given, (list, tuple, set, frozenset))
        for kind in given if listed else [given]:
            if kind not in known.types.names:
                raise DataError(
                    f"item {shown(item)} has the type {shown(kind)}, which is not one of this "
                    f"model: {', '.join(known.types.names)}"
                )
            rows.append({"user_id": name, "item_id": item, "type": kind})
    if not rows:
        raise DataError("the history has no types: give {item_id: type} or {item_id: [types]}")
    return pl.DataFrame(rows)
