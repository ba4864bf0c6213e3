"""Ids of users and items, and the row and column numbers that stand for them."""

from __future__ import annotations

import contextlib
import difflib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
import polars as pl

from conv4rec.data.forks import polars_started
from conv4rec.errors import DataError, UnknownItemError, UnknownUserError

SHOWN_ROWS = 5  # row numbers listed in an error message
SHOWN_CHARACTERS = 60  # of an id
SPELLED_AT_MOST = 100_000  # ids compared by spelling for a hint: more take seconds
SEARCHED_AT_MOST = 10_000  # ids looked up one by one: for more, a hash join is faster
MAPPED_AT_MOST = 200_000  # strings kept in a dict, about 160 bytes each


class Ids:
    """The distinct ids of all users, or of all items, in ascending order.

    The number of an id is its place in that order, so numbers do not depend on the order of
    the rows in a file. Ids are all integers (int64, or uint64 where one exceeds 2**63 - 1) or
    all strings (compared byte by byte: no trimming, no Unicode normalisation). The integer 1
    and the string "1" are different ids: looking up the wrong type is an error.

    Memory: 8 bytes an integer id; 16 bytes plus its length a string id; about twice that
    while ids are looked up in bulk.

    Args:
        values: The ids, strictly ascending. `Ids.from_values` takes any order and repeats.
        what: "user" or "item": used in messages, and decides the class of errors.

    Raises:
        DataError: The ids are not integers or strings, or not strictly ascending.

    >>> items = Ids.from_values(pl.Series(["dune", "alien", "dune"]), what="item")
    >>> items.number("dune"), items.numbers(["alien", "heat"]).tolist()
    (1, [0, -1])
    >>> items.ids(np.array([1, 0])).to_list()
    ['dune', 'alien']
    """

    def __init__(self, values: pl.Series, what: Literal["user", "item"] = "user") -> None:
        self._values = exact_ids(values, f"{what}_id")
        if len(values) > 1:
            polars_started()
        self.what: Literal["user", "item"] = what
        if len(values) > 1 and not (self._values[1:] > self._values[:-1]).all():
            raise DataError(
                f"the {what} ids must be distinct and in ascending order; "
                "use Ids.from_values for ids in any order"
            )

    @classmethod
    def from_values(cls, values: pl.Series, what: Literal["user", "item"] = "user") -> Ids:
        """Collect the distinct ids of a column, in any order and with repeats.

        Raises:
            DataError: An id is null, or the column holds neither integers nor strings.
        """
        if values.dtype == pl.Categorical:
            values = values.unique()  # before they become strings
        return cls(exact_ids(values, f"{what}_id").unique().sort(), what)

    @property
    def kind(self) -> Literal["int", "str"]:
        """Whether the ids are integers or strings."""
        return "str" if self._values.dtype == pl.String else "int"

    @property
    def unknown_error(self) -> type[UnknownUserError | UnknownItemError]:
        """The error that an unknown id raises."""
        return UnknownUserError if self.what == "user" else UnknownItemError

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Ids({len(self):,} {self.what} ids, {self.kind})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ids):
            return NotImplemented
        same_type = self.what == other.what and self._values.dtype == other._values.dtype
        return same_type and self._values.equals(other._values)

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # equal by value, and large

    def __contains__(self, id: object) -> bool:
        return self._find(id) >= 0

    def number(self, id: int | str, where: str | None = None) -> int:
        """The number of one id; `where` says in an error what it was looked up in.

        Raises:
            UnknownUserError: (or UnknownItemError) The id is unknown. The message has the closest
                spelling, or says that ids have the other type.
        """
        number = self._find(id)
        if number < 0:
            where = where or ("training data" if self.what == "user" else "catalogue")
            raise self.unknown_error(
                f"{self.what} {shown(id)} is not in the {where} "
                f"of {len(self):,} {self.what}{'s' * (len(self) != 1)}.{self._hint(id)}"
            )
        return number

    def number_of_each(self, ids: Iterable[object]) -> list[int]:
        """`number` of each id, for a few: ids of any type, and the error names the first unknown.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is unknown.
        """
        listed = list(ids)
        if self.kind == "int" and {type(id) for id in listed} == {int}:
            with contextlib.suppress(OverflowError):  # an id beyond the type: it is unknown
                asked = np.array(listed, dtype=self._integers.dtype)
                numbers = self._search_integers(asked).tolist()
                if -1 not in numbers:
                    return numbers
        return [self.number(cast("int | str", id)) for id in listed]

    def numbers(self, ids: Sequence[int | str] | np.ndarray | pl.Series) -> np.ndarray:
        """The numbers of many ids, as int64; -1 where an id is unknown.

        Raises:
            DataError: The ids have the other type ("1" where ids are integers), or are null.
        """
        if not isinstance(ids, pl.Series):
            listed = _of_one_type(ids, self.what)
            if not _is_storable(listed):
                return np.array([self._find(id) for id in listed], dtype=np.int64)
            ids = _column(listed) if listed else self._values.clear()
        if len(ids) == 0:
            return np.empty(0, dtype=np.int64)
        asked = exact_ids(ids, f"{self.what}_id")
        if (asked.dtype == pl.String) != (self.kind == "str"):
            kind = "str" if asked.dtype == pl.String else "int"
            raise DataError(
                f"the {self.what} ids here are {self.kind}, got the {kind} {shown(asked[0])}: "
                "ids keep their type, cast yours to match"
            )
        if asked.dtype != self._values.dtype:  # int64 against uint64
            asked = asked.cast(self._values.dtype, strict=False)  # out of range: null, unknown
        return self._search(asked) if len(asked) < SEARCHED_AT_MOST else self._join(asked)

    def ids(self, numbers: np.ndarray) -> pl.Series:
        """The ids of an array of numbers, with their exact type.

        Raises:
            IndexError: A number is negative or beyond the last id.
        """
        numbers = np.asarray(numbers, dtype=np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"{self.what} numbers run from 0 to {len(self) - 1}")
        return self._values[numbers]

    def to_series(self) -> pl.Series:
        """All ids in ascending order: the id at index n has number n."""
        return self._values

    def _find(self, id: object) -> int:
        """The number of one id of any type, or -1."""
        id = id.item() if isinstance(id, np.generic) else id
        if isinstance(id, bool) or not isinstance(id, str if self.kind == "str" else int):
            return -1
        if isinstance(id, str):
            return self._find_string(id)
        bounds = np.iinfo(self._integers.dtype)
        if not bounds.min <= id <= bounds.max:
            return -1
        return int(self._search_integers(np.array([id], dtype=self._integers.dtype))[0])

    # Few ids are looked up without polars: the threads of its pool do not live on in a forked
    # process, which would wait for them for ever.

    @cached_property
    def _integers(self) -> np.ndarray:
        return self._values.to_numpy()

    @cached_property
    def _numbers_of_strings(self) -> dict[str, int]:
        return {id: number for number, id in enumerate(self._values.to_list())}

    def _find_string(self, id: str) -> int:
        if len(self) <= MAPPED_AT_MOST:
            return self._numbers_of_strings.get(id, -1)
        place = bisect_left(range(len(self)), id, key=self._values.__getitem__)
        return place if place < len(self) and self._values[place] == id else -1

    def _search(self, asked: pl.Series) -> np.ndarray:
        """Numbers one by one: m log n, fast for few ids."""
        if asked.null_count():
            return self._join(asked)
        if self.kind == "int":
            return self._search_integers(asked.to_numpy())
        return np.array([self._find_string(id) for id in asked.to_list()], dtype=np.int64)

    def _search_integers(self, asked: np.ndarray) -> np.ndarray:
        if len(self) == 0:
            return np.full(len(asked), -1, dtype=np.int64)
        places = np.minimum(self._integers.searchsorted(asked), len(self) - 1)
        return np.where(self._integers[places] == asked, places, -1)

    def _join(self, asked: pl.Series) -> np.ndarray:
        """Numbers by a hash join: m + n, fast for many ids."""
        index = pl.DataFrame({"id": self._values}).with_row_index("number")
        found = asked.to_frame("id").join(index, on="id", how="left", maintain_order="left")
        return found["number"].cast(pl.Int64).fill_null(-1).to_numpy()

    def _hint(self, id: object) -> str:
        """A sentence with the likely mistake, to append to an error."""
        right_type = isinstance(id, str if self.kind == "str" else (int, np.integer))
        if isinstance(id, (bool, np.bool_)) or not right_type:
            return f" Hint: the ids here are {self.kind}, got the {type(id).__name__} {shown(id)}."
        if not isinstance(id, str) or len(id) > 1000 or len(self) > SPELLED_AT_MOST:
            return ""
        close = difflib.get_close_matches(id, self._values.to_list(), n=1, cutoff=0.7)
        return f" Hint: did you mean {shown(close[0])}?" if close else ""


def text_roles(*known: Ids) -> tuple[str, ...]:
    """The columns of ids that are strings: "7" in a text file is then no integer."""
    return tuple(f"{ids.what}_id" for ids in known if ids.kind == "str")


def exact_ids(values: pl.Series, column: str) -> pl.Series:
    """A column of ids as Int64, UInt64 or String, without changing any value.

    Raises:
        DataError: The column holds nulls, booleans, floats or anything but integers and
            strings.
    """
    if values.null_count():
        raise DataError(
            f"{column} is missing in {rows_where(values.is_null())}: every row needs one"
        )
    if isinstance(values.dtype, (pl.Categorical, pl.Enum)):
        return values.cast(pl.String)
    if values.dtype == pl.String:
        return values
    if values.dtype.is_integer() or (values.dtype == pl.Null and len(values) == 0):
        return _exact_integers(values, column)
    if values.dtype.is_float():
        raise DataError(
            f"{column} holds floats ({values.dtype}), which lose the exactness of ids: "
            f"cast them to integers or strings first, e.g. .astype('int64') in pandas or "
            f".cast(pl.Int64) in polars; in pandas a missing id turns integers into floats"
        )
    raise DataError(
        f"{column} holds {values.dtype} values; ids are integers or strings: "
        "cast the column to one of these"
    )


def _exact_integers(values: pl.Series, column: str) -> pl.Series:
    """Integers of any width as Int64, or as UInt64 where the largest needs it."""
    if len(values) == 0 or values.dtype in (pl.Int8, pl.Int16, pl.Int32, pl.Int64):
        return values.cast(pl.Int64)
    low, high = int(values.min()), int(values.max())  # pyright: ignore[reportArgumentType]
    if high <= np.iinfo(np.int64).max and low >= np.iinfo(np.int64).min:
        return values.cast(pl.Int64)
    if low >= 0 and high <= np.iinfo(np.uint64).max:
        return values.cast(pl.UInt64)
    raise DataError(
        f"{column} runs from {low} to {high}, which no 64-bit integer type holds: "
        "cast the ids to strings"
    )


def _of_one_type(ids: Sequence[int | str] | np.ndarray, what: str) -> list[Any]:
    """Ids as a list; refuses a mixture of types, which a column would convert."""
    if isinstance(ids, (str, bytes)):
        raise DataError(f"{what} ids come as a list or an array, got the one value {shown(ids)}")
    listed = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    listed = [id.item() if isinstance(id, np.generic) else id for id in listed]
    types = {type(id) for id in listed}
    if not all(issubclass(t, int) and t is not bool for t in types) and types != {str}:
        names = ", ".join(sorted(t.__name__ for t in types))
        raise DataError(f"{what} ids must be all integers or all strings, got {names}")
    return listed


def _is_storable(ids: list[Any]) -> bool:
    """Whether a column can hold these ids. If not, they are unknown."""
    if not ids or isinstance(ids[0], str):
        try:
            "".join(ids).encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            return False
        return True
    low, high = min(ids), max(ids)
    return low >= -(2**63) and high < (2**64 if low >= 0 else 2**63)


def _column(ids: list[Any]) -> pl.Series:
    """Strings, or integers that fit 64 bits, as a column of the narrowest exact type."""
    if isinstance(ids[0], str):
        return pl.Series(ids, dtype=pl.String)
    return pl.Series(ids, dtype=pl.UInt64 if max(ids) >= 2**63 else pl.Int64)


def shown(id: object) -> str:
    """An id for an error message: with quotes if a string, cut if very long."""
    text = repr(id.item() if isinstance(id, np.generic) else id)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def rows_where(wrong: pl.Series | np.ndarray) -> str:
    """The 1-based numbers of the rows where `wrong` holds, at most five of them, in words.

    >>> rows_where(np.array([False, True, True]))
    'rows 2, 3'
    """
    rows = np.flatnonzero(np.asarray(wrong)) + 1
    listed = ", ".join(f"{row}" for row in rows[:SHOWN_ROWS])
    more = f" and {len(rows) - SHOWN_ROWS:,} more" if len(rows) > SHOWN_ROWS else ""
    return f"row {listed}" if len(rows) == 1 else f"rows {listed}{more}"
