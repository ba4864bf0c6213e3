"""Ids as a caller gives them: one id, or any iterable or column of ids."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl

from conv4rec.data.ids import Ids, shown
from conv4rec.errors import DataError

TO_LIST = ("tolist", "to_list", "to_pylist")  # NumPy and pandas; polars; Arrow
NOTHING = ("NoneType", "NAType", "NaTType")


def is_table(value: Any) -> bool:
    """Whether a value has several columns: a frame of any library, or a query for one."""
    return hasattr(type(value), "columns") or hasattr(type(value), "schema")


def given_ids(given: Any, what: Literal["user", "item"]) -> list[Any]:
    """The ids in an argument, in their order: the one rule for every argument that takes ids.

    A string or a number alone is one id. All else that is iterable is many: a list, a set, the
    keys of a dict, a generator; a NumPy array; a Series, an Index or an array of pandas; a Series
    of polars; an array of Arrow.

    Raises:
        DataError: It is a table, or nothing that holds ids; or an id is missing.

    >>> given_ids("heat", "item"), given_ids(pl.Series(["a", "b"], dtype=pl.Categorical), "item")
    (['heat'], ['a', 'b'])
    """
    if is_table(given):
        raise DataError(
            f"{what} ids are asked for and a table was given, a {type(given).__name__}: "
            f"give its column of {what} ids"
        )
    listed: Any = (given := _plain(given))
    if not isinstance(given, (str, bytes, int, float, np.generic)):
        method = next((name for name in TO_LIST if hasattr(given, name)), None)
        try:
            listed = list(given) if method is None else getattr(given, method)()
        except TypeError:
            raise DataError(
                f"{what} ids are one id, or a list, a column or any other iterable of ids; "
                f"got a {type(given).__name__}"
            ) from None
    listed = listed if isinstance(listed, list) else [listed]
    listed = [_plain(id) for id in listed]
    for place, id in enumerate(listed):
        if type(id).__name__ in NOTHING or (isinstance(id, float) and id != id):
            raise DataError(f"the {what} id at place {place + 1} of {len(listed):,} is missing")
    return listed


def numbers_given(ids: Ids, given: Any) -> np.ndarray:
    """The numbers of the ids in an argument (see `given_ids`), int64, in their order.

    Raises:
        UnknownUserError: (or UnknownItemError) An id is unknown.
        DataError: There are no ids in it.
    """
    listed = given_ids(given, ids.what)
    kind = str if ids.kind == "str" else int
    if all(type(id) is kind for id in listed):
        numbers = ids.numbers(listed)
        if (numbers >= 0).all():
            return numbers
    return np.array([ids.number(id) for id in listed], dtype=np.int64)  # the first unknown raises


def distinct_ids(given: Any, what: Literal["user", "item"]) -> Ids:
    """All ids in an argument (see `given_ids`), each once.

    Raises:
        DataError: It holds no ids, or integers and strings together.
    """
    listed = given_ids(given, what)
    if {type(id) for id in listed} not in ({int}, {str}):
        kinds = ", ".join(sorted({type(id).__name__ for id in listed})) or "nothing"
        raise DataError(f"{what} ids must be all integers or all strings, got {kinds}")
    try:
        return Ids.from_values(pl.Series(listed, strict=True), what)
    except (OverflowError, pl.exceptions.PolarsError, UnicodeEncodeError) as error:
        raise DataError(
            f"{what} ids cannot be a column, e.g. {shown(listed[0])}: {error}"
        ) from None


def _plain(id: Any) -> Any:
    """A scalar of NumPy or Arrow as Python's own."""
    if isinstance(id, np.generic):
        return id.item()
    return id.as_py() if hasattr(id, "as_py") else id
