"""Events: what each user did with each item, of which type, how often and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from inspect import signature
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from conv4rec.data.columns import EVENT_COLUMNS
from conv4rec.data.event_cells import (
    NO_TIMESTAMP,
    count_cells,
    repeated_shares,
    seen_before_shares,
)
from conv4rec.data.event_report import EventReport
from conv4rec.data.event_types import EventTypes
from conv4rec.data.ids import Ids, rows_where, shown
from conv4rec.data.interactions import Interactions, known_numbers, row_starts
from conv4rec.data.levels import Levels
from conv4rec.data.reading import Reading
from conv4rec.data.tables import ReadTable, Table, read_columns
from conv4rec.errors import DataError, SettingError


@dataclass(frozen=True, eq=False, repr=False)
class Events:
    """A log with types, user by user: each user, item and kind at most once, with its count.

    The cells of user number u are `starts[u]:starts[u + 1]`, ascending by item, then by kind. A
    pair may hold several kinds. A row with a count of 3 is the same as three rows.

    Memory: 14 bytes a cell, 16 more with timestamps.

    >>> table = pl.DataFrame({"user_id": ["ann", "ann", "ann", "bob"], "item_id": [3, 3, 3, 1],
    ...                       "type": ["view", "buy", "view", "view"]})
    >>> log = Events.from_frame(table)
    >>> log
    Events(2 users, 2 items, 4 events on 2 pairs, types buy and view)
    >>> log.item_numbers.tolist(), log.kind_numbers.tolist(), log.counts.tolist()
    ([1, 1, 0], [0, 1, 1], [1, 2, 1])
    """

    users: Ids
    items: Ids
    types: EventTypes
    starts: np.ndarray
    """int64, n_users + 1: where each user's cells start, and the end."""
    item_numbers: np.ndarray
    """int32, n_cells: ascending within a user."""
    kind_numbers: np.ndarray
    """int16, n_cells: ascending within a pair; see `EventTypes`."""
    counts: np.ndarray
    """int64, n_cells: how often, at least 1."""
    first: np.ndarray | None
    """int64 seconds, n_cells: the earliest event; the lowest int64 where unknown. Or None."""
    last: np.ndarray | None
    """int64 seconds, n_cells: the latest event; the lowest int64 where unknown. Or None."""
    report: EventReport
    """The counts of loading. Selections keep the report of the whole log."""

    @classmethod
    def from_frame(
        cls,
        table: Table,
        *,
        types: EventTypes | None = None,
        exclusive: Sequence[Sequence[str]] = (),
        repeats: Mapping[str, bool] | None = None,
        targets: Sequence[str] | None = None,
        levels: Sequence[float] | Levels | None = None,
        n_bins: int = 10,
        users: Ids | None = None,
        items: Ids | None = None,
        columns: Mapping[str, Any] | None = None,
        **reading: Any,
    ) -> Events:
        """Load a log with types: a frame, a file, a folder of parts or a pipe (see `read_table`).

        Args:
            table: Columns user_id, item_id, type[, rating][, timestamp][, count] or their usual
                aliases. A type is a string, a category, a whole number or a boolean.
            types: The types of a fitted model, to load histories for it; then `exclusive`,
                `repeats`, `targets`, `levels` and `n_bins` are not read.
            exclusive: Groups of types of which the last on a pair counts, such as
                [["like", "dislike"]]. The ratings of a type are such a group without being told.
            repeats: Whether a type may come again on the same pair, where it is known; else a type
                repeats if a twentieth of its events are on a pair that had the type before.
            targets: The types to predict; by default all.
            levels: The rating scale; by default, the distinct ratings.
            n_bins: How many levels a scale of more than 20 distinct ratings is binned to.
            users: All possible users; by default those in the table.
            items: The catalogue, if wider than the items in the table.
            columns: Names of the columns in your table, if they are not usual ones.
            **reading: What else is stated about the table: see `Interactions.from_frame`.

        Raises:
            DataError: The table cannot be used as it is: names the column and the rows.
            UnknownUserError: A user is not among `users` (UnknownItemError for items).
            SettingError: An argument names a type or a column that is not there.
        """
        is_read = isinstance(table, ReadTable)
        stated = Reading(columns, **reading)
        frame, notes = table if is_read else read_columns(table, stated, EVENT_COLUMNS, coded=True)
        if "type" not in frame.columns:
            raise DataError("no column for type in the table: Interactions.from_frame reads it")
        users = Ids.from_values(frame["user_id"], "user") if users is None else users
        items = Ids.from_values(frame["item_id"], "item") if items is None else items
        user_numbers = known_numbers(users, frame["user_id"])
        item_numbers = known_numbers(items, frame["item_id"])
        names = _type_names(frame["type"])
        ratings = np.full(frame.height, np.nan)
        if "rating" in frame.columns:
            ratings = frame["rating"].fill_null(float("nan")).to_numpy()
        is_new = types is None
        if types is None:
            types = _described(names, ratings, exclusive, targets, levels, n_bins)
        numbers = _type_numbers(names, types)
        level_numbers = np.full(frame.height, -1, dtype=np.int16)
        if types.levels is not None:
            level_numbers = types.levels.numbers(ratings)
        kinds = types.kind_numbers(numbers, level_numbers)
        counts = _counts(frame)
        times = None
        if "timestamp" in frame.columns and frame["timestamp"].count():
            times = frame["timestamp"].fill_null(NO_TIMESTAMP).to_numpy()
        pairs = user_numbers.astype(np.int64) * len(items) + item_numbers
        shares = repeated_shares(pairs, numbers, counts, len(types.names))
        if is_new:
            types = types.with_repeats(dict(zip(types.names, shares, strict=True)), repeats)
        seen = None
        if times is not None and not (times == NO_TIMESTAMP).any():
            seen = seen_before_shares(pairs, numbers, counts, times, len(types.names))
        cells = count_cells(user_numbers, item_numbers, kinds, counts, times, types)
        n_events = np.bincount(numbers, weights=counts, minlength=len(types.names))
        return cls(
            users=users,
            items=items,
            types=types,
            starts=row_starts(cells.users, len(users)),
            item_numbers=cells.items,
            kind_numbers=cells.kinds,
            counts=cells.counts,
            first=cells.first,
            last=cells.last,
            report=EventReport(
                n_rows=frame.height,
                n_users=len(users),
                n_items=len(items),
                n_pairs=len(np.unique(pairs)),
                n_events=tuple(n_events.astype(np.int64).tolist()),
                repeated=tuple(shares.tolist()),
                seen_before=None if seen is None else tuple(seen.tolist()),
                n_replaced=cells.n_replaced,
                types=types,
                notes=notes,
            ),
        )

    def __len__(self) -> int:
        return len(self.item_numbers)

    def __repr__(self) -> str:
        *some, final = self.types.names
        names = f"{', '.join(some)} and {final}" if some else final
        return (
            f"Events({self.n_users:,} users, {self.n_items:,} items, "
            f"{int(self.counts.sum()):,} events on {self.n_pairs:,} pairs, types {names})"
        )

    @property
    def n_users(self) -> int:
        """Number of users, with or without events."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items in the catalogue."""
        return len(self.items)

    @property
    def n_kinds(self) -> int:
        """K, the number of kinds."""
        return self.types.n_kinds

    @property
    def n_pairs(self) -> int:
        """Number of pairs of a user and an item with an event."""
        return int(np.count_nonzero(self._is_first_of_pair()))

    @property
    def user_numbers(self) -> np.ndarray:
        """The user of each cell, int32."""
        return np.repeat(np.arange(self.n_users, dtype=np.int32), np.diff(self.starts))

    @property
    def type_numbers(self) -> np.ndarray:
        """The type of each cell, int64, as an index into `types.names`."""
        return np.asarray(self.types.kind_types, dtype=np.int64)[self.kind_numbers]

    @property
    def pair_numbers(self) -> np.ndarray:
        """The pair of user and item of each cell, counted from 0, int64."""
        return np.cumsum(self._is_first_of_pair()) - 1

    def select(self, keep: np.ndarray) -> Events:
        """The cells where `keep` holds, over the same users, items and types.

        Raises:
            SettingError: `keep` is not one boolean per cell.
        """
        keep = np.asarray(keep)
        if keep.dtype != bool or keep.shape != (len(self),):
            raise SettingError(f"select needs {len(self):,} booleans, one per cell")
        return self._taken(keep, row_starts(self.user_numbers[keep], self.n_users))

    def of_types(self, names: Iterable[str]) -> Events:
        """The cells of some types, over the same users, items and types."""
        chosen = [self.types.number(name) for name in names]
        return self.select(np.isin(self.type_numbers, chosen))

    def take_users(self, user_numbers: np.ndarray) -> Events:
        """The cells of some users, over these users only; same items and types.

        Args:
            user_numbers: Ascending and distinct. Row r of the result is user `user_numbers[r]`.
        """
        chosen = np.asarray(user_numbers, dtype=np.int64)
        if len(chosen) and (chosen[0] < 0 or chosen[-1] >= self.n_users):
            raise SettingError(f"user numbers run from 0 to {self.n_users - 1}")
        if not (np.diff(chosen) > 0).all():
            raise SettingError("take_users needs distinct numbers in ascending order")
        n_cells = np.diff(self.starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(n_cells)]).astype(np.int64)
        taken = np.repeat(self.starts[chosen] - starts[:-1], n_cells) + np.arange(starts[-1])
        part = self._taken(taken, starts)
        return replace(part, users=Ids(self.users.ids(chosen), self.users.what))

    def interactions(self, names: Iterable[str] | None = None) -> Interactions:
        """The pairs as a log without types: of all events, or of those of some types.

        A pair with a rating keeps its level. Timestamps are those of the last event. Those of all
        events keep these (`Interactions.events`).
        """
        part = self if names is None else self.of_types(names)
        is_first, pair = part._is_first_of_pair(), part.pair_numbers
        levels = np.full(int(is_first.sum()), -1, dtype=np.int16)
        of_kind = np.asarray(self.types.kind_levels, dtype=np.int16)[part.kind_numbers]
        levels[pair[of_kind >= 0]] = of_kind[of_kind >= 0]
        log = Interactions.from_numbers(
            self.users,
            self.items,
            self.types.levels or Levels((1.0,)),
            part.user_numbers[is_first],
            part.item_numbers[is_first],
            levels,
        )
        log = replace(log, events=self if names is None else None)
        if part.last is None:
            return log
        last = np.full(len(levels), NO_TIMESTAMP)
        np.maximum.at(last, pair, part.last)
        return replace(log, timestamps=last)

    def to_csr(
        self, kinds: Sequence[int] | np.ndarray | None = None, *, counts: bool = False
    ) -> sparse.csr_array:
        """Users x items, float32: how many of the kinds a pair has, or how many events.

        Args:
            kinds: Some kinds; by default all.
            counts: Whether each event counts, instead of each kind.
        """
        chosen = np.arange(self.n_kinds) if kinds is None else np.asarray(kinds)
        part = self.select(np.isin(self.kind_numbers, chosen))
        values = part.counts if counts else np.ones(len(part))
        shape = (self.n_users, self.n_items)
        arrays = (values.astype(np.float32), part.item_numbers, part.starts)
        matrix = sparse.csr_array(arrays, shape=shape, copy=True)
        matrix.sum_duplicates()
        return matrix

    def to_frame(self) -> pl.DataFrame:
        """One row a cell: user_id, item_id, type[, rating], count[, first, last]."""
        names = pl.Series(self.types.names, dtype=pl.String)
        columns = {
            "user_id": self.users.ids(self.user_numbers),
            "item_id": self.items.ids(self.item_numbers),
            "type": names.gather(self.type_numbers),
        }
        if self.types.levels is not None:
            levels = np.asarray(self.types.kind_levels)[self.kind_numbers]
            values = pl.Series(np.asarray(self.types.levels.values)[levels])
            columns["rating"] = values.set(pl.Series(levels < 0), None)
        columns["count"] = pl.Series(self.counts)
        for name, times in (("first", self.first), ("last", self.last)):
            if times is not None:
                seconds = pl.Series(times)
                columns[name] = seconds.set(seconds == NO_TIMESTAMP, None)
        return pl.DataFrame(columns)

    def _is_first_of_pair(self) -> np.ndarray:
        """Whether each cell is the first of its pair."""
        users, items = self.user_numbers, self.item_numbers
        changes = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
        return np.concatenate([[True], changes])[: len(self)]

    def _taken(self, which: np.ndarray, starts: np.ndarray) -> Events:
        """The cells at `which`, with their new starts."""
        return replace(
            self,
            starts=starts,
            item_numbers=self.item_numbers[which],
            kind_numbers=self.kind_numbers[which],
            counts=self.counts[which],
            first=None if self.first is None else self.first[which],
            last=None if self.last is None else self.last[which],
        )


def read_log(table: Table, **loading: Any) -> Interactions | Events:
    """A log of any kind: `Events` if the table has a column for the type, else `Interactions`.

    Args:
        table: See `read_table`.
        **loading: Passed to `Events.from_frame` or `Interactions.from_frame`.

    Raises:
        SettingError: An argument is of the other kind of log, such as `duplicates`.
        DataError: The table cannot be used: names the column and the rows.

    >>> rows = {"user": [1, 1], "item": [2, 3]}
    >>> read_log(pl.DataFrame(rows))
    Interactions(1 users, 2 items, 2 interactions, 0 of them rated on 1 levels)
    >>> read_log(pl.DataFrame({**rows, "event": ["view", "buy"]}))
    Events(1 users, 2 items, 2 events on 2 pairs, types buy and view)
    """
    names = {field.name for field in fields(Reading)}
    how = {name: loading.pop(name) for name in names & set(loading)}
    read = read_columns(table, Reading(**how), EVENT_COLUMNS, coded=True)
    has_types = "type" in read.frame.columns
    reader = Events if has_types else Interactions
    if wrong := sorted(set(loading) - set(signature(reader.from_frame).parameters)):
        other = (
            "out types: of this one, events are counted" if has_types else " types: this has none"
        )
        raise SettingError(f"{wrong[0]}= is for logs with{other}")
    return reader.from_frame(read, **loading)


def _described(
    names: pl.Series,
    ratings: np.ndarray,
    exclusive: Sequence[Sequence[str]],
    targets: Sequence[str] | None,
    levels: Sequence[float] | Levels | None,
    n_bins: int,
) -> EventTypes:
    """The types of a log, before it is known which repeat."""
    if levels is not None and not isinstance(levels, Levels):
        levels = Levels.given(levels)
    is_rated = pl.Series(~np.isnan(ratings))
    return EventTypes.of(
        names.unique().to_list(),
        Levels.from_ratings(ratings, n_bins=n_bins) if levels is None else levels,
        rated=names.filter(is_rated).unique().to_list(),
        unrated=names.filter(~is_rated).unique().to_list(),
        exclusive=exclusive,
        targets=targets,
    )


def _type_names(values: pl.Series) -> pl.Series:
    """The type of each row as a string."""
    if values.null_count():
        raise DataError(f"type is missing in {rows_where(values.is_null())}: every row needs one")
    return values.cast(pl.String)


def _type_numbers(names: pl.Series, types: EventTypes) -> np.ndarray:
    """The number of each row's type, all of which must be known."""
    known = pl.Series(types.names, dtype=pl.String)
    places = known.search_sorted(names).clip(upper_bound=max(len(known) - 1, 0))
    unknown = known.gather(places) != names
    if unknown.any():
        row = int(unknown.arg_max() or 0)
        raise DataError(
            f"type {shown(names[row])} in {rows_where(unknown)} is not a type of this model; they "
            f"are {', '.join(types.names)}"
        )
    return places.to_numpy().astype(np.int64)


def _counts(frame: pl.DataFrame) -> np.ndarray:
    """How often each row happened: its count, or once."""
    if "count" not in frame.columns:
        return np.ones(frame.height, dtype=np.int64)
    values = frame["count"]
    wrong = (values.is_null() | (values < 1)).fill_null(True)
    if wrong.any():
        raise DataError(
            f"count is missing or below 1 in {rows_where(wrong)}: a row is one event or more"
        )
    return values.to_numpy().astype(np.int64)
