"""Splits that a caller makes: tables for training and for the test, and k folds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import polars as pl

from conv4rec.data.columns import EVENT_COLUMNS, IDS
from conv4rec.data.event_splits import EventSplit, split_rows
from conv4rec.data.events import read_log
from conv4rec.data.ids import Ids
from conv4rec.data.interactions import Interactions
from conv4rec.data.levels import Levels
from conv4rec.data.reading import Reading
from conv4rec.data.splits import Split
from conv4rec.data.tables import Table, read_columns
from conv4rec.errors import DataError, SettingError


def split_of_tables(
    train: Table,
    test: Table,
    *,
    name: str = "train/test",
    levels: Any = None,
    types: Mapping[str, Any] | None = None,
    **reading: Any,
) -> Split | EventSplit:
    """A split whose two parts are given, each as a frame or a file.

    Users, items and levels are those of both parts. A pair that is in both parts is left out of
    the test, with a warning: what is known is not predicted. A user of the test without a row in
    the training part has an empty history.

    Of logs with types, nothing is left out: events come again (see `split_rows`).

    Args:
        train: what is known.
        test: what is to be predicted.
        name: what to call the split.
        levels: the rating scale; by default the ratings found.
        types: what is stated about types: exclusive=, repeats=, targets= of `Events.from_frame`.
        **reading: see `Interactions.from_frame`.

    Raises:
        DataError: A table cannot be used, no row of the test is left, or one part alone has types.
        SettingError: Something is stated about types that are not there.

    >>> known = {"user_id": [1, 1, 2], "item_id": [7, 8, 7]}
    >>> split = split_of_tables(known, {"user_id": [2], "item_id": [8]})
    >>> len(split.train), len(split.test)
    (3, 1)
    """
    stated = Reading(**reading)
    frames = [read_columns(table, stated, EVENT_COLUMNS).frame for table in (train, test)]
    are_files = all(isinstance(table, (str, os.PathLike)) for table in (train, test))
    frames = _of_one_type(frames, are_files)
    both = pl.concat(frames, how="diagonal")
    have_types = ["type" in frame.columns for frame in frames]
    if have_types[0] != have_types[1]:
        which = ("training part", "test")
        has, lacks = which if have_types[0] else which[::-1]
        raise DataError(
            f"the {has} has a column for type and the {lacks} has none: give both one, or "
            "switch it off in both (columns={'type': None})"
        )
    if all(have_types):
        in_test = pl.Series(np.arange(both.height) >= frames[0].height)
        return split_rows(both, in_test, name, levels=levels, **(types or {}))
    if types:
        raise SettingError(f"{next(iter(types))}= is for logs with types: these have none")
    if levels is None and "rating" in both.columns:
        levels = Levels.from_ratings(both["rating"].fill_null(float("nan")).to_numpy())
    over: dict[str, Any] = {
        "users": Ids.from_values(both["user_id"], "user"),
        "items": Ids.from_values(both["item_id"], "item"),
        "levels": levels,
    }
    known, held_out = (Interactions.from_frame(frame, **over) for frame in frames)
    repeated = np.isin(_pairs(held_out), _pairs(known))
    if repeated.any():
        warnings.warn(
            f"{np.count_nonzero(repeated):,} of {len(held_out):,} pairs of the test are in the "
            "training part too: they were left out of the test",
            stacklevel=2,
        )
        held_out = held_out.select(~repeated)
    if len(held_out) == 0:
        raise DataError("every pair of the test is in the training part: nothing is left to test")
    return Split(name, known, given=known, test=held_out)


def fold_splits(
    log: Interactions | pl.DataFrame, k: int, seed: int = 0, name: str = "log", **loading: Any
) -> Iterator[Split | EventSplit]:
    """The k splits of k-fold cross-validation: each interaction is in the test once.

    Args:
        log: all interactions; or a frame as `read_table` returns it, which may have types.
        k: how many parts, of equal size but for one interaction.
        seed: of the random parts.
        name: what to call the log; the splits are "name/fold1of5", ...
        **loading: of a frame: passed to `Interactions.from_frame` or `Events.from_frame`.

    Raises:
        SettingError: `k` is below 2, or above the number of interactions.

    >>> log = Interactions.from_frame({"user_id": [1, 1, 2, 2, 3], "item_id": [1, 2, 1, 3, 2]})
    >>> [len(split.test) for split in fold_splits(log, 2)]
    [3, 2]
    """
    if not isinstance(log, (Interactions, pl.DataFrame)):
        raise SettingError(f"fold_splits needs Interactions or a frame; got {type(log).__name__}")
    if isinstance(log, pl.DataFrame) and "type" not in log.columns:
        log = cast("Interactions", read_log(log, **loading))
    if not 2 <= k <= len(log):
        raise SettingError(
            f"folds must be from 2 to the number of interactions, {len(log):,}; got {k}"
        )
    fold_of = np.random.default_rng(seed).permutation(np.arange(len(log)) % k)
    for fold in range(k):
        called, in_test = f"{name}/fold{fold + 1}of{k}", fold_of == fold
        if isinstance(log, pl.DataFrame):
            yield split_rows(log, pl.Series(in_test), called, **loading)
        else:
            train = log.select(~in_test)
            yield Split(called, train, train, log.select(in_test))


def _of_one_type(frames: list[pl.DataFrame], are_files: bool) -> list[pl.DataFrame]:
    """The same frames; ids of files, which have no types, are strings in both or in none."""
    for role in IDS:
        if len({frame[role].dtype == pl.String for frame in frames}) > 1:
            if not are_files:
                raise DataError(
                    f"{role} holds integers in one table and strings in the other: cast one"
                )
            frames = [frame.with_columns(pl.col(role).cast(pl.String)) for frame in frames]
        elif len({frame[role].dtype for frame in frames}) > 1:  # int64 and uint64
            frames = [frame.with_columns(pl.col(role).cast(pl.UInt64)) for frame in frames]
    return frames


def _pairs(log: Interactions) -> np.ndarray:
    """One number for each pair of a user and an item."""
    return log.user_numbers.astype(np.int64) * log.n_items + log.item_numbers
