"""Whose histories are read: training users by id, or any users by their histories."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import isfinite, nan
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Ids, Interactions, LoadReport
from conv4rec.data.given_ids import given_ids, is_table, numbers_given
from conv4rec.data.ids import shown, text_roles
from conv4rec.data.sources import looks_like_file
from conv4rec.data.tables import read_columns
from conv4rec.errors import DataError
from conv4rec.recommender.surroundings import warn

Users = Any
"""None for all training users, an id, any iterable or column of ids, a log of any users
(Interactions, frame or file), or a dict {item_id: rating} of one user."""
FALLBACK = "popularity"
ON_SCALE = "rate on this scale, the model's, or not at all (None)"


def histories_of(known: Interactions, users: Users) -> Interactions:
    """The histories that are asked about, one row a user, over the model's items and levels.

    Nobody is left out: a user of whom nothing is known has an empty history, with a warning.

    Args:
        known: the histories of the training users.
        users: None for all training users; one user id, or any iterable or column of ids; a log
            of any users (Interactions, frame or file); or a dict {item_id: rating or None} of
            one user, whose id is then 0, or "new" where ids are strings.

    Raises:
        UnknownUserError: An id is not in the training data.
        DataError: The log cannot be used.
    """
    if users is None:
        return known
    if isinstance(users, Interactions):
        if users.n_users == 0:
            raise DataError("the log has no users: give at least one history")
        same = users.items == known.items and users.levels == known.levels
        return users if same else _from_log(known, users.to_frame(), users.users)
    if isinstance(users, Mapping):
        return _one_user(known, users)
    ids = asked_ids(known.users, users)
    if ids is None:
        return _from_log(known, users)
    return known.take_users(np.unique(numbers_given(known.users, ids)))


def fallback_column(histories: Interactions, rows: np.ndarray) -> dict[str, pl.Series]:
    """The column `fallback` of answers for rows of `histories`; none where nobody needs it.

    Without a history the model answers by how popular, and how well liked, each item is.
    """
    lengths = np.diff(histories.starts)
    if lengths.all():
        return {}
    labels = pl.Series([None, FALLBACK], dtype=pl.String)
    return {"fallback": labels.gather((lengths[rows] == 0).astype(np.uint32))}


def asked_ids(known: Ids, users: Users) -> list[Any] | None:
    """The ids, if users are asked for by id; None if `users` is a log.

    Raises:
        DataError: There are none, or one is missing.
    """
    if isinstance(users, str):
        return None if looks_like_file(users) and users not in known else [users]
    is_one = np.isscalar(users) or isinstance(users, np.ndarray) or hasattr(users, "as_py")
    if is_table(users) or isinstance(users, os.PathLike) or not (is_one or np.iterable(users)):
        return None
    ids = given_ids(users, "user")
    if not ids:
        raise DataError("the list of users is empty: give at least one user id, or None for all")
    return ids


def _one_user(known: Interactions, history: Mapping[Any, Any]) -> Interactions:
    """The history of one user, without a table on the way: most of an answer's time otherwise."""
    if not history:
        raise DataError("the history is empty: give at least one item, as {item_id: rating}")
    numbers = np.array(known.items.number_of_each(history), dtype=np.int64)
    for item, rating in history.items():
        number = isinstance(rating, (int, float, np.integer, np.floating))
        if rating is None or (number and not isinstance(rating, bool) and isfinite(rating)):
            continue
        raise DataError(
            f"the rating of item {shown(item)} is a finite number or None; got {rating!r}"
        )
    ratings = [nan if rating is None else float(rating) for rating in history.values()]
    levels, order = known.levels.numbers(np.array(ratings), ON_SCALE), np.argsort(numbers)
    n_rated, n = int(np.count_nonzero(levels >= 0)), len(numbers)
    name = 0 if known.users.kind == "int" else "new"
    return Interactions(
        users=Ids(pl.Series([name])),
        items=known.items,
        levels=known.levels,
        starts=np.array([0, n]),
        item_numbers=numbers[order].astype(np.int32),
        level_numbers=levels[order],
        timestamps=None,
        report=LoadReport(n, 1, known.n_items, n, n_rated, 0, 0, "last", known.levels),
    )


def _from_log(known: Interactions, log: Any, users: Ids | None = None) -> Interactions:
    """A log of any users; items that the model does not know are left out, with a warning.

    Args:
        known: the histories of the training users.
        log: any table.
        users: all users, if there are more than in the table.
    """
    as_text = text_roles(known.users, known.items)
    # Timestamps only say which of repeated rows is the last.
    frame = read_columns(log, as_text=as_text, lenient=("timestamp",)).frame
    users = Ids.from_values(frame["user_id"], "user") if users is None else users
    unknown = pl.Series(known.items.numbers(frame["item_id"]) < 0)
    kept = frame.filter(~unknown)
    if unknown.any():
        left_out = frame.filter(unknown)
        text = (
            f"{left_out.height:,} of {frame.height:,} interactions are with items that "
            f"the model does not know, e.g. {shown(left_out['item_id'][0])}: they were left out"
        )
        if len(alone := left_out.join(kept, on="user_id", how="anti")["user_id"].unique()):
            text += (
                f". Nothing else is known of {len(alone):,} of {len(users):,} users, e.g. "
                f"{shown(alone.min())}: they are answered by popularity (column fallback)"
            )
        warn(text)
    if kept.height == 0:
        none = np.zeros(0, dtype=np.int64)
        return Interactions.from_numbers(users, known.items, known.levels, none, none)
    if "rating" in kept.columns:
        ratings = kept["rating"].fill_null(float("nan")).to_numpy()
        known.levels.numbers(ratings, ON_SCALE)
    return Interactions.from_frame(kept, levels=known.levels, users=users, items=known.items)


def known_items_only(items: Ids, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a log whose items are known; warns of the others.

    Raises:
        DataError: No item is known.
    """
    numbers = items.numbers(frame["item_id"])
    if (numbers < 0).all():
        raise DataError(
            f"none of the {frame.height:,} interactions is with an item of the model's catalogue, "
            f"e.g. item {shown(frame['item_id'][0])}: the ids must be those it was trained with"
        )
    if (numbers < 0).any():
        first = frame["item_id"][int(np.argmax(numbers < 0))]
        warn(
            f"{int((numbers < 0).sum()):,} of {len(numbers):,} interactions are with items that "
            f"the model does not know, e.g. {shown(first)}: they were left out"
        )
    return frame.filter(pl.Series(numbers >= 0))
