"""Splits of logs with types: what is known, and the events of each type to be predicted."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data.datasets import load_dataset
from conv4rec.data.events import Events
from conv4rec.data.ids import Ids
from conv4rec.data.liang import LIANG
from conv4rec.data.splits import OWNERS, SLACK, Split, split_by_name
from conv4rec.errors import DataError, SettingError

TO_READ = "goodbooks-10k/to-read"
NAMED = ("taobao-mb/buy", "deskdrop/time", "deskdrop/next", TO_READ)


@dataclass(frozen=True)
class EventSplit:
    """A log with types divided into training events, histories at inference, and a test part."""

    name: str
    train: Events
    """What a model is fitted on. Users, items and types are those of the whole log; which types
    repeat is learnt from the training part alone."""
    given: Events
    """The histories at inference, one row for each user to evaluate."""
    test: Events
    """The held-out events of the target types, over the users (rows) of `given`."""
    metrics: tuple[str, ...] = ("recall@10", "ndcg@10")
    """The ranking metrics of its tables."""
    other_test: Events | None = None
    """Held-out events that are not to be predicted; their pairs do not count as new either."""
    ratings: Split | None = None
    """The same split of the ratings alone, for models without types; None without ratings."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The types to predict: those of the test part, in order."""
        found = set(self.test.type_numbers.tolist())
        names = self.train.types.names
        return tuple(name for name in self.train.types.targets if names.index(name) in found)


def event_split_by_name(name: str, folder: str | os.PathLike[str] | None = None) -> EventSplit:
    """Load a log with types and split it, by a name.

    "taobao-mb/buy": the published protocol, one purchase a user held out. "deskdrop/time": the last
    fifth in time; "deskdrop/next" the same, event by event (see `next_events_split`).
    "goodbooks-10k/to-read": the ratings of goodbooks-10k/r0, with all wish lists in training as a
    second type.

    Raises:
        SettingError: There is no such split.
        DatasetError: The data set could not be found.
    """
    if name not in NAMED:
        raise SettingError(f"no split of types {name!r}: there are {', '.join(NAMED)}")
    if name == TO_READ:
        return _goodbooks(folder)
    dataset = load_dataset(name.partition("/")[0], folder)
    if name == "taobao-mb/buy":
        in_test = dataset.frame["split"] == "test"
        split = split_rows(dataset.frame, in_test, name, targets=["buy"])
        return replace(split, metrics=("hr@10", "ndcg@10"))
    divide = next_events_split if name.endswith("/next") else split_rows
    return divide(dataset.frame, dataset.frame["ts_split"] == "test", name)


def load_split(name: str, folder: str | os.PathLike[str] | None = None) -> Split | EventSplit:
    """Load any named split: of a log with types where the data set has them (see `split_by_name`).

    Raises:
        SettingError: There is no such split.
        DatasetError: The data set could not be found.
    """
    set_name, slash, kind = name.rpartition("/")
    if name in NAMED:
        return event_split_by_name(name, folder)
    if slash and kind not in (*LIANG, *OWNERS):  # these are of logs without types
        frame = load_dataset(set_name, folder).frame
        if "type" in frame.columns:
            return split_events(frame, kind, name=set_name)
    return split_by_name(name, folder)


def split_events(
    frame: pl.DataFrame, kind: str, *, name: str = "log", **loading: Any
) -> EventSplit:
    """Split any log with types: "rSEED", a random tenth of its rows; "time", the latest tenth.

    Args:
        frame: What `read_table` returns.
        kind: Which split.
        name: What to call the log; the split is called "name/kind".
        **loading: Passed to `Events.from_frame` (exclusive=, repeats=, targets=, ...).

    Raises:
        SettingError: There is no such kind.
        DataError: The log cannot be used, or is too small for the split.
    """
    n_test = int(frame.height * 0.1 + SLACK)
    if not n_test:
        raise DataError(f"a tenth of {frame.height} rows comes to none: a test needs at least one")
    if kind == "time":
        if "timestamp" not in frame.columns or frame["timestamp"].null_count():
            raise DataError("a time split needs a timestamp in every row")
        chosen = np.argsort(frame["timestamp"].to_numpy(), kind="stable")[-n_test:]
    elif kind.startswith("r") and kind[1:].isdecimal():
        chosen = np.random.default_rng(int(kind[1:])).permutation(frame.height)[:n_test]
    else:
        raise SettingError(
            f"no split {kind!r} of a log with types: there are r0 (or any seed) and time; by name, "
            f"{', '.join(NAMED)}"
        )
    in_test = np.zeros(frame.height, dtype=bool)
    in_test[chosen] = True
    return split_rows(frame, pl.Series(in_test), f"{name}/{kind}", **loading)


def split_rows(frame: pl.DataFrame, in_test: pl.Series, name: str, **loading: Any) -> EventSplit:
    """Split a log with types by a boolean for each row: True for the test part.

    Raises:
        DataError: The log cannot be used, or a part has no rows.
    """
    whole = Events.from_frame(frame, **loading)
    ids: dict[str, Any] = {"users": whole.users, "items": whole.items}
    train = Events.from_frame(frame.filter(~in_test), types=whole.types, **ids)
    shares = dict(zip(whole.types.names, train.report.repeated, strict=True))
    types = whole.types.with_repeats(shares, loading.get("repeats"))
    train = replace(train, types=types, report=replace(train.report, types=types))
    held = Events.from_frame(frame.filter(in_test), types=types, **ids)
    is_target = np.isin(held.type_numbers, [types.number(target) for target in types.targets])
    other = held.select(~is_target) if not is_target.all() else None
    return EventSplit(name, train, train, held.select(is_target), other_test=other)


def next_events_split(
    frame: pl.DataFrame, in_test: pl.Series, name: str, **loading: Any
) -> EventSplit:
    """Split by time, and predict each test event from all that its user did before.

    The "users" of `given` and `test` are the test events, numbered in the order of the rows; the
    history of each holds the events with an earlier timestamp, those of the test part too. The
    model stays as it was fitted.

    Memory: as many rows as all histories have events.

    Raises:
        DataError: There is an event without a timestamp.
    """
    if "timestamp" not in frame.columns or frame["timestamp"].null_count():
        raise DataError("predicting the next event needs a timestamp in every row")
    split = split_rows(frame, in_test, name, **loading)
    targets = frame.filter(in_test & frame["type"].is_in(split.train.types.targets))
    asked = targets.with_row_index("event").select(
        pl.col("event").cast(pl.Int64), "user_id", at="timestamp"
    )
    before = asked.join(frame, on="user_id").filter(pl.col("timestamp") < pl.col("at"))
    ids: dict[str, Any] = {"users": Ids.from_values(asked["event"]), "items": split.train.items}
    types = split.train.types
    given = before.with_columns(user_id="event")
    test = targets.with_columns(user_id=asked["event"])
    return EventSplit(
        name,
        split.train,
        Events.from_frame(given.select(frame.columns), types=types, **ids),
        Events.from_frame(test, types=types, **ids),
    )


def _goodbooks(folder: str | os.PathLike[str] | None) -> EventSplit:
    """Ratings split as goodbooks-10k/r0; the wish lists are in training."""
    ratings = split_by_name("goodbooks-10k/r0", folder)
    wishes = load_dataset("goodbooks-10k+to_read", folder).frame.filter(type="to_read")
    rated = ratings.train.to_frame().with_columns(type=pl.lit("rating"))
    held = ratings.test.to_frame().with_columns(type=pl.lit("rating"))
    whole = pl.concat([rated, wishes, held], how="diagonal")
    in_test = pl.Series(np.arange(whole.height) >= whole.height - held.height)
    split = split_rows(whole, in_test, TO_READ, targets=["rating"], levels=ratings.train.levels)
    return replace(split, ratings=ratings)
