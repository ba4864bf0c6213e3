"""Whose histories are read: training users by id, or any users by their histories."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Ids, Interactions, read_table
from conv4rec.data.given_ids import is_table, numbers_given
from conv4rec.data.ids import shown
from conv4rec.errors import DataError
from conv4rec.recommender.surroundings import warn

Users = Any
"""None for all training users, an id, any iterable or column of ids, a log of any users
(Interactions, frame or file), or a dict {item_id: rating} of one user."""
FALLBACK = "popularity"
SUFFIXES = (".csv", ".tsv", ".parquet", ".inter", ".dat", ".gz")


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
        return _from_log(known, _one_user(known, users))
    if is_table(users) or isinstance(users, os.PathLike) or _is_file(known, users):
        return _from_log(known, read_table(users))
    numbers = numbers_given(known.users, users)
    if not len(numbers):
        raise DataError("the list of users is empty: give at least one user id, or None for all")
    return known.take_users(np.unique(numbers))


def fallback_column(histories: Interactions, rows: np.ndarray) -> dict[str, pl.Series]:
    """The column `fallback` of answers for rows of `histories`; none where nobody needs it.

    Without a history the model answers by how popular, and how well liked, each item is.
    """
    lengths = np.diff(histories.starts)
    if lengths.all():
        return {}
    labels = pl.Series([None, FALLBACK], dtype=pl.String)
    return {"fallback": labels.gather((lengths[rows] == 0).astype(np.uint32))}


def _is_file(known: Interactions, users: Any) -> bool:
    """Whether a text is no user's id and a file's name."""
    if not isinstance(users, str) or users in known.users:
        return False
    return users.lower().endswith(SUFFIXES) or os.path.isfile(users)


def _one_user(known: Interactions, history: Mapping[Any, Any]) -> pl.DataFrame:
    if not history:
        raise DataError("the history is empty: give at least one item, as {item_id: rating}")
    for item in history:
        known.items.number(item)
    name = 0 if known.users.kind == "int" else "new"
    for item, rating in history.items():
        number = isinstance(rating, (int, float, np.integer, np.floating))
        if rating is not None and (isinstance(rating, bool) or not number):
            raise DataError(f"the rating of item {shown(item)} is a number or None; got {rating!r}")
    ratings = [None if rating is None else float(rating) for rating in history.values()]
    return pl.DataFrame(
        {
            "user_id": [name] * len(history),
            "item_id": pl.Series(list(history), dtype=known.items.to_series().dtype),
            "rating": pl.Series(ratings, dtype=pl.Float64),
        }
    )


def _from_log(known: Interactions, frame: pl.DataFrame, users: Ids | None = None) -> Interactions:
    """A log of any users; items that the model does not know are left out, with a warning.

    Args:
        known: the histories of the training users.
        frame: as `read_table` gives it.
        users: all users, if there are more than in the frame.
    """
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
        known.levels.numbers(ratings, "rate on this scale, the model's, or not at all (None)")
    return Interactions.from_frame(kept, levels=known.levels, users=users, items=known.items)
