"""Names of the columns of a log, and their aliases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from conv4rec.data.ids import shown
from conv4rec.errors import DataError, SettingError

COLUMNS = ("user_id", "item_id", "rating", "timestamp")
IDS = COLUMNS[:2]
EVENT_COLUMNS = (*COLUMNS, "type", "count")  # of a log with types
OFF = (None, "")  # in `columns`: no column has the role
# Names are compared in lower case and without "_", "-" and blanks; earlier names win.
ALIASES: dict[str, tuple[str, ...]] = {
    "user_id": ("userid", "uid", "user", "username", "reviewerid", "customerid"),
    "item_id": (
        *("itemid", "iid", "item", "movieid", "movie", "bookid", "book", "animeid", "productid"),
        *("product", "asin", "parentasin", "isbn", "jokeid", "artistid", "songid", "trackid"),
    ),
    "rating": ("rating", "ratings", "stars", "score", "overall", "bookrating"),
    "timestamp": ("timestamp", "time", "datetime", "date", "unixtimestamp", "unixreviewtime", "ts"),
    "type": (
        *("type", "event", "eventtype", "eventname", "action", "actiontype", "behavior"),
        *("behaviour", "behaviortype", "behaviourtype", "interaction", "interactiontype"),
    ),
    "count": ("count", "counts", "playcount", "plays", "quantity"),
    "title": ("title", "name"),  # of tables of items
}


def column_names(
    found: Iterable[Any],
    columns: Mapping[str, Any] | None = None,
    roles: Sequence[str] = COLUMNS,
    required: Sequence[str] = IDS,
    of_several: bool = False,
) -> dict[str, Any]:
    """The column of a table for each role that has one.

    Args:
        found: the columns of the table.
        columns: the column of a role, by name or by its place from 1, where it is stated; None or
            "" for a role that no column is to have. Roles beyond `roles` are ignored.
        roles: the roles that are wanted.
        required: the roles that must have a column.
        of_several: whether `columns` is stated of several tables: this one may then have the
            usual name instead.

    Raises:
        DataError: A required role has no column, or two columns compete for one role.
        SettingError: `columns` has a key that is not a role, or switches off a required one.

    >>> column_names(["client", "sku"], {"user_id": "client", "item_id": 2, "rating": ""})
    {'user_id': 'client', 'item_id': 'sku'}
    """
    found = list(found)
    stated = _stated(columns, roles, required)
    names: dict[str, Any] = {}
    for role in roles:
        may_be_usual = of_several and stated.get(role) not in (*OFF, *found)
        if role not in stated or may_be_usual:
            names[role] = _match(role, found)
        if role in stated and names.get(role) is None:
            names[role] = _stated_column(stated[role], found)
    missing = [role for role in required if names[role] is None]
    if missing:
        accepted = "; ".join(
            f"{role} may also be {', '.join(ALIASES[role][:5])}" for role in missing
        )
        raise DataError(
            f"no column for {' or '.join(missing)} in the table; it has {_listed(found)} "
            f"(understood: {accepted}): rename one, or pass columns={{{missing[0]!r}: '...'}}"
        )
    return {role: name for role, name in names.items() if name is not None}


def places_of(
    n_columns: int,
    columns: Mapping[str, Any] | None,
    roles: Sequence[str] = COLUMNS,
    required: Sequence[str] = IDS,
) -> dict[str, int]:
    """The place, from 0, of the column of each role in a table without names.

    Without `columns`, the columns are the roles in their order, but for types and counts; with
    them, those that are stated.

    Raises:
        DataError: A required role has no column.
        SettingError: A place is not a number, or there is no such role.

    >>> places_of(3, None), places_of(4, {"user_id": 2, "item_id": "4"})
    ({'user_id': 0, 'item_id': 1, 'rating': 2}, {'user_id': 1, 'item_id': 3})
    """
    stated = _stated(columns, roles, required)
    by_place = [role for role in roles if role not in EVENT_COLUMNS or role in COLUMNS]
    in_order = dict(zip(by_place, range(1, n_columns + 1), strict=False))
    if any(place not in OFF for place in stated.values()):
        in_order = {}
    wanted = {role: at for role, at in (in_order | stated).items() if at not in OFF}
    for role, place in wanted.items():
        if not str(place).isdigit() or not 1 <= int(place) <= n_columns:
            raise DataError(
                f"columns are numbers from 1 to {n_columns} where a file has no names; {role} is "
                f"{place!r}: pass columns={{{role!r}: 1}}"
            )
    if missing := [role for role in required if role not in wanted]:
        raise DataError(
            f"no column for {missing[0]} among {n_columns}: pass columns={{{missing[0]!r}: 1}}"
        )
    return {role: int(place) - 1 for role, place in wanted.items()}


def _stated(
    columns: Mapping[str, Any] | None, roles: Sequence[str], required: Sequence[str]
) -> dict[str, Any]:
    """What is stated of the wanted roles."""
    stated = dict(columns or {})
    if unknown := [role for role in stated if role not in ALIASES]:
        raise SettingError(
            f"columns= maps {', '.join(ALIASES)} to the names in your table; "
            f"it has no key {unknown[0]!r}"
        )
    if off := [role for role in required if role in stated and stated[role] in OFF]:
        raise SettingError(f"{off[0]} cannot be switched off: columns= must name its column")
    return {role: name for role, name in stated.items() if role in roles}


def _stated_column(name: Any, found: list[Any]) -> Any:
    """The column of a stated name or place."""
    if name in OFF:
        return None
    if name in found:
        return name
    if str(name).isdigit() and 1 <= int(name) <= len(found):
        return found[int(name) - 1]
    raise DataError(f"no column {name!r} in the table; it has {_listed(found)}")


def _match(role: str, found: list[Any]) -> Any:
    """The column whose name is the best-ranked alias of a role, or None."""
    plain = [re.sub(r"[\s_\-]", "", str(name)).lower() for name in found]
    if found.count(role) == 1:
        return role
    for alias in ALIASES[role]:
        candidates = [name for name, spelled in zip(found, plain, strict=True) if spelled == alias]
        if len(candidates) > 1:
            raise DataError(
                f"columns {_listed(candidates)} could all be {role}: say which with "
                f"columns={{{role!r}: {candidates[0]!r}}}, or drop the others"
            )
        if candidates:
            return candidates[0]
    return None


def _listed(names: list[Any]) -> str:
    """Column names for a message: at most a dozen."""
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return (", ".join(shown(name) for name in names[:12]) or "no columns") + more
