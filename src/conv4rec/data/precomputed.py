"""Lists of items that were made beforehand, as `conv4rec recommend --all --out` writes them."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data.files import guarded
from conv4rec.data.ids import Ids
from conv4rec.data.parquet_pages import check_pages
from conv4rec.errors import DataError

NEEDED = ("user_id", "item_id")


class PrecomputedLists:
    """Everyone's list, found by the user's id; neither a model nor torch is needed.

    Memory: the columns of the table but `user_id`, once (about 40 bytes a row of
    `recommend --by consume` on five levels with integer ids), and `Ids` of the users.

    Args:
        table: rows of lists, with the columns `user_id` and `item_id`, each user's in the order of
            `rank` where there is such a column, else as they stand. Other columns are kept.

    Raises:
        DataError: A column is missing, an id is missing, or there is no row.

    >>> lists = PrecomputedLists(pl.DataFrame({"user_id": ["ann", "ann", "bob"], "rank": [1, 2, 1],
    ...                                  "item_id": ["heat", "dune", "alien"]}))
    >>> lists.of("ann", 1)
    [{'user_id': 'ann', 'rank': 1, 'item_id': 'heat'}]
    >>> lists.of("ann", 1, block={"heat"})
    [{'user_id': 'ann', 'rank': 1, 'item_id': 'dune'}]
    """

    def __init__(self, table: pl.DataFrame) -> None:
        missing = [name for name in NEEDED if name not in table.columns]
        if missing or not table.height:
            what = f"no column {' and no column '.join(missing)}" if missing else "no row"
            raise DataError(
                f"a table of lists has user_id and item_id, a row for each item of a list; this "
                f"one has {what}: make it by conv4rec recommend MODEL --all --out lists.parquet"
            )
        coded = [name for name in NEEDED if table[name].dtype in (pl.Categorical, pl.Enum)]
        table = table.with_columns(pl.col(coded).cast(pl.String))
        self.users = Ids.from_values(table["user_id"], "user")
        self.items = Ids.from_values(table["item_id"], "item")
        order = [name for name in ("user_id", "rank") if name in table.columns]
        if not _in_order(table, order):
            table = table.sort(order, maintain_order=True)
        lengths = table["user_id"].rle().struct.field("len").to_numpy()
        self._starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self._columns = table.columns
        self._rows = table.drop("user_id")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> PrecomputedLists:
        """Read a Parquet file.

        Raises:
            DataError: It cannot be read, or is no table of lists.
        """
        with guarded(path):
            with open(path, "rb") as file:
                check_pages(file, str(path))
            table = pl.read_parquet(os.fspath(path), glob=False)
        try:
            return cls(table)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error

    def __len__(self) -> int:
        return self._rows.height

    @property
    def longest(self) -> int:
        """Items of the longest list."""
        return int(np.diff(self._starts).max())

    def of(
        self, user: int | str, k: int, block: Collection[int | str] = ()
    ) -> list[dict[str, Any]]:
        """The first `k` rows of a user's list, without some items; ranks count from 1.

        Raises:
            UnknownUserError: There is no list for this user.
        """
        number = self.users.number(user, "lists")
        rows = self._rows[int(self._starts[number]) : int(self._starts[number + 1])]
        if block:
            rows = rows.filter(~pl.Series([item in block for item in rows["item_id"]]))
        rows = rows.head(k)
        if block and "rank" in rows.columns:
            rows = rows.with_columns(pl.int_range(1, pl.len() + 1).alias("rank"))
        return [
            {name: user if name == "user_id" else row[name] for name in self._columns}
            for row in rows.to_dicts()
        ]


def _in_order(table: pl.DataFrame, columns: Sequence[str]) -> bool:
    """Whether the rows are in ascending order of one column or two."""
    first, *others = (table[name] for name in columns)
    ascending = first[1:] > first[:-1]
    for other in others:
        ascending |= (first[1:] == first[:-1]) & (other[1:] >= other[:-1])
    return bool((ascending if others else first[1:] >= first[:-1]).all())
