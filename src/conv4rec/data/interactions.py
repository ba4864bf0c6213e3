"""Interactions: who consumed which item, with which rating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from scipy import sparse

from conv4rec.data.duplicates import POLICIES, DuplicatePolicy, distinct_pairs
from conv4rec.data.given_ids import distinct_ids
from conv4rec.data.ids import Ids, shown
from conv4rec.data.levels import Levels, notes_on_levels
from conv4rec.data.load_report import LoadReport
from conv4rec.data.reading import Reading
from conv4rec.data.tables import ReadTable, Table, read_columns
from conv4rec.errors import DataError, SettingError

if TYPE_CHECKING:
    from conv4rec.data.events import Events

NO_TIMESTAMP = np.iinfo(np.int64).min  # in `timestamps`: this interaction has none


@dataclass(frozen=True, eq=False, repr=False)
class Interactions:
    """The interactions of a log, user by user, each pair of user and item at most once.

    The rows of user number u are `starts[u]:starts[u + 1]`, as in a CSR matrix of users x
    items. The order of the rows in a table does not matter, except to choose between repeated
    pairs without timestamps.

    Memory: 14 bytes an interaction, 8 more with timestamps and 8 with `rows`.

    >>> table = pl.DataFrame({"user_id": ["ann", "bob", "ann"], "item_id": [3, 3, 1],
    ...                       "rating": [5.0, 2.0, None]})
    >>> log = Interactions.from_frame(table)
    >>> log
    Interactions(2 users, 2 items, 3 interactions, 2 of them rated on 2 levels)
    >>> log.starts.tolist(), log.item_numbers.tolist(), log.level_numbers.tolist()
    ([0, 2, 3], [0, 1, 1], [-1, 1, 0])
    """

    users: Ids
    items: Ids
    levels: Levels
    starts: np.ndarray
    """int64, n_users + 1: where each user's interactions start, and the end."""
    item_numbers: np.ndarray
    """int32, n_interactions: ascending within a user."""
    level_numbers: np.ndarray
    """int16, n_interactions: -1 where the item was consumed and not rated."""
    timestamps: np.ndarray | None
    """int64 seconds, n_interactions; the lowest int64 where one is missing. Or None."""
    report: LoadReport
    """The counts of loading. Selections keep the report of the whole log."""
    rows: np.ndarray | None = None
    """int64, n_interactions: the 0-based row of each in the table. Or None."""
    events: Events | None = None
    """The log with types that these are the pairs of, user by user. Or None."""

    @classmethod
    def from_frame(
        cls,
        table: Table,
        *,
        levels: Sequence[float] | Levels | None = None,
        n_bins: int = 10,
        duplicates: DuplicatePolicy = "last",
        users: Any = None,
        items: Any = None,
        columns: Mapping[str, Any] | None = None,
        **reading: Any,
    ) -> Interactions:
        """Load a ratings log: a frame, a file, a folder of parts or a pipe (see `read_table`).

        10 million rows of a frame take 6 to 8 seconds on 2 cores, and less than 1 GB beyond it.
        String ids of Parquet files are never all in memory: 20 million rows in a folder of parts,
        with ratings and timestamps, are read in 1.3 GB.

        Args:
            table: Columns user_id, item_id[, rating][, timestamp] or their usual aliases. A
                null rating is an item consumed but not rated.
            levels: The rating scale, e.g. [1, 2, 3, 4, 5]. By default, the distinct ratings.
            n_bins: How many levels a scale of more than 20 distinct ratings is binned to.
            duplicates: Which row counts when a pair is repeated: "last" by timestamp, else by
                row; "first"; the "mean" rating; or "error". A rated row always beats an
                unrated one.
            users: All possible users: Ids, or any iterable or column of ids; by default those
                in the table.
            items: The catalogue, if wider than the items in the table.
            columns: Names of the columns in your table, if they are not usual ones; None for a
                role that no column is to have, as in {"timestamp": None}.
            **reading: What else is stated about the table: unrated=0 (a rating that means "not
                rated"), time_format=, sep=, encoding=, header= (see `Reading`).

        Raises:
            DataError: The table cannot be used as it is: names the column and the rows.
            UnknownUserError: A user is not among `users` (UnknownItemError for items).
            SettingError: `duplicates` or `columns` is not one of its choices.
        """
        if not isinstance(duplicates, str) or duplicates not in POLICIES:
            raise SettingError(f"duplicates is one of {', '.join(POLICIES)}; got {duplicates!r}")
        is_read = isinstance(table, ReadTable)
        stated = Reading(columns, **reading)
        frame, read_notes = table if is_read else read_columns(table, stated, coded=True)
        n_rows = frame.height
        users = _all_ids(frame["user_id"], users, "user")
        items = _all_ids(frame["item_id"], items, "item")
        # In place: columns of a large log are most of its memory, and are not needed after this.
        user_numbers = known_numbers(users, frame.drop_in_place("user_id"))
        item_numbers = known_numbers(items, frame.drop_in_place("item_id"))
        if "rating" in frame.columns:
            ratings = frame.drop_in_place("rating").fill_null(float("nan")).to_numpy()
        else:
            ratings = np.full(n_rows, np.nan)
        timestamps = None
        if "timestamp" in frame.columns and frame["timestamp"].count():
            timestamps = frame.drop_in_place("timestamp").fill_null(NO_TIMESTAMP).to_numpy()
        if levels is None:
            levels = Levels.from_ratings(ratings, n_bins=n_bins)
        elif not isinstance(levels, Levels):
            levels = Levels.given(levels)
        level_numbers = levels.numbers(ratings)
        notes = (*read_notes, *notes_on_levels(levels, ratings, level_numbers))

        pairs = distinct_pairs(user_numbers, item_numbers, ratings, timestamps, duplicates)
        kept = level_numbers[pairs.rows]
        if duplicates == "mean":
            kept = np.where(np.isnan(pairs.means), kept, levels.nearest(pairs.means))
        return cls(
            users=users,
            items=items,
            levels=levels,
            starts=row_starts(user_numbers[pairs.rows], len(users)),
            item_numbers=item_numbers[pairs.rows].astype(np.int32),
            level_numbers=kept.astype(np.int16),
            timestamps=None if timestamps is None else timestamps[pairs.rows],
            report=LoadReport(
                n_rows=n_rows,
                n_users=len(users),
                n_items=len(items),
                n_interactions=len(kept),
                n_rated=int(np.count_nonzero(kept >= 0)),
                n_duplicates=n_rows - len(kept),
                n_conflicting=pairs.n_conflicting,
                duplicates=duplicates,
                levels=levels,
                notes=notes,
            ),
            rows=pairs.rows,
        )

    @classmethod
    def from_numbers(
        cls,
        users: Ids,
        items: Ids,
        levels: Levels,
        user_numbers: np.ndarray,
        item_numbers: np.ndarray,
        level_numbers: np.ndarray | None = None,
    ) -> Interactions:
        """Build from parallel arrays of numbers, in any order; without levels, nothing is rated.

        Raises:
            DataError: A pair is repeated, or a number is out of range.
        """
        users_of, items_of = np.asarray(user_numbers), np.asarray(item_numbers)
        levels_of = np.full(len(users_of), -1) if level_numbers is None else level_numbers
        levels_of = np.asarray(levels_of)
        limits = ((users_of, 0, len(users)), (items_of, 0, len(items)))
        for numbers, low, high in (*limits, (levels_of, -1, levels.n_levels)):
            if numbers.shape != users_of.shape or ((numbers < low) | (numbers >= high)).any():
                raise DataError(f"{len(users_of)} numbers from {low} to {high - 1} are needed")
        ratings = np.where(levels_of < 0, np.nan, levels_of)
        order = distinct_pairs(users_of, items_of, ratings, None, "error").rows
        n_rated = int(np.count_nonzero(levels_of >= 0))
        size = (len(order), len(users), len(items), len(order), n_rated)
        return cls(
            users=users,
            items=items,
            levels=levels,
            starts=row_starts(users_of[order], len(users)),
            item_numbers=items_of[order].astype(np.int32),
            level_numbers=levels_of[order].astype(np.int16),
            timestamps=None,
            report=LoadReport(*size, 0, 0, "error", levels),
        )

    def __len__(self) -> int:
        return len(self.item_numbers)

    def __repr__(self) -> str:
        return (
            f"Interactions({self.n_users:,} users, {self.n_items:,} items, "
            f"{len(self):,} interactions, {self.n_rated:,} of them rated "
            f"on {self.n_levels} levels)"
        )

    @property
    def n_users(self) -> int:
        """Number of users, with or without interactions."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items in the catalogue."""
        return len(self.items)

    @property
    def n_levels(self) -> int:
        """Number of levels of the rating scale."""
        return self.levels.n_levels

    @property
    def n_interactions(self) -> int:
        """Number of pairs of a user and an item."""
        return len(self.item_numbers)

    @property
    def n_rated(self) -> int:
        """Number of interactions with a rating."""
        return int(np.count_nonzero(self.level_numbers >= 0))

    @property
    def user_numbers(self) -> np.ndarray:
        """The user of each interaction, int32."""
        return np.repeat(np.arange(self.n_users, dtype=np.int32), np.diff(self.starts))

    def select(self, keep: np.ndarray) -> Interactions:
        """The interactions where `keep` holds, over the same users, items and levels.

        Raises:
            SettingError: `keep` is not one boolean per interaction.
        """
        keep = np.asarray(keep)
        if keep.dtype != bool or keep.shape != (len(self),):
            raise SettingError(f"select needs {len(self):,} booleans, one per interaction")
        part = self._taken(keep, row_starts(self.user_numbers[keep], self.n_users))
        if self.events is None:
            return part
        return replace(part, events=self.events.select(keep[self.events.pair_numbers]))

    def take_users(self, user_numbers: np.ndarray) -> Interactions:
        """The interactions of some users, over these users only; same items and levels.

        Args:
            user_numbers: Ascending and distinct, because ids are always in ascending order. Row r
                of the result is user `user_numbers[r]`.

        Raises:
            SettingError: The numbers are out of range, repeated or not ascending.
        """
        chosen = np.asarray(user_numbers, dtype=np.int64)
        in_range = len(chosen) == 0 or (chosen[0] >= 0 and chosen[-1] < self.n_users)
        if not in_range or not (np.diff(chosen) > 0).all():
            raise SettingError(
                f"take_users needs distinct numbers from 0 to {self.n_users - 1} in ascending "
                "order: sort them first"
            )
        counts = np.diff(self.starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(counts)])
        taken = np.repeat(self.starts[chosen] - starts[:-1], counts) + np.arange(starts[-1])
        part = self._taken(taken, starts)
        events = None if self.events is None else self.events.take_users(chosen)
        return replace(part, users=Ids(self.users.ids(chosen), self.users.what), events=events)

    def to_frame(self) -> pl.DataFrame:
        """The interactions as user_id, item_id, rating[, timestamp], null where not rated.

        A binned rating comes back as the value of its level.
        """
        rated = pl.Series(self.level_numbers >= 0)
        values = pl.Series(np.asarray(self.levels.values)[self.level_numbers])
        columns = {
            "user_id": self.users.ids(self.user_numbers),
            "item_id": self.items.ids(self.item_numbers),
            "rating": values.set(~rated, None),
        }
        if self.timestamps is not None:
            timestamps = pl.Series(self.timestamps)
            columns["timestamp"] = timestamps.set(timestamps == NO_TIMESTAMP, None)
        return pl.DataFrame(columns)

    def to_csr(self, values: np.ndarray | None = None) -> sparse.csr_array:
        """A users x items float32 matrix of `values`, one per interaction; ones by default.

        A value of zero stays an explicit entry. Memory: 8 bytes per interaction; below 2^31 of
        them, row starts are int32, or SciPy would make all item numbers int64.
        """
        ones = np.ones(len(self), dtype=np.float32)
        data = ones if values is None else np.asarray(values, dtype=np.float32)
        shape = (self.n_users, self.n_items)
        starts = self.starts.astype(np.int32 if len(self) < 2**31 else np.int64)
        return sparse.csr_array((data, self.item_numbers, starts), shape=shape, copy=True)

    def _taken(self, which: np.ndarray, starts: np.ndarray) -> Interactions:
        """The interactions at `which`, with their new starts."""
        return replace(
            self,
            starts=starts,
            item_numbers=self.item_numbers[which],
            level_numbers=self.level_numbers[which],
            timestamps=None if self.timestamps is None else self.timestamps[which],
            rows=None if self.rows is None else self.rows[which],
            events=None,
        )


def _all_ids(found: pl.Series, stated: Any, what: Literal["user", "item"]) -> Ids:
    """All ids there are: those stated, or else those of a column."""
    if stated is None:
        return Ids.from_values(found, what)
    return stated if isinstance(stated, Ids) else distinct_ids(stated, what)


def row_starts(user_numbers: np.ndarray, n_users: int) -> np.ndarray:
    """Where each user's entries start in a sorted array of user numbers, and the end."""
    counts = np.bincount(user_numbers, minlength=n_users)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def known_numbers(ids: Ids, values: pl.Series) -> np.ndarray:
    """The numbers of a column's ids, all of which must be known, as int32."""
    if values.dtype == pl.Categorical:
        distinct = values.unique()
        codes = distinct.to_physical().to_numpy()
        of_codes = np.zeros(int(codes.max(initial=0)) + 1, dtype=np.int32)
        of_codes[codes] = ids.numbers(distinct.cast(pl.String))
        numbers = of_codes[values.to_physical().to_numpy()]
    else:
        numbers = ids.numbers(values)
    if (numbers < 0).any():
        row = int(np.argmax(numbers < 0))
        raise ids.unknown_error(
            f"{ids.what} {shown(values[row])} in row {row + 1} is not among the "
            f"{len(ids):,} {ids.what}s given"
        )
    return numbers.astype(np.int32, copy=False)
