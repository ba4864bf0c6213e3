"""Names of the four columns of a log, and their aliases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from conv4rec.data.ids import shown
from conv4rec.errors import DataError, SettingError

COLUMNS = ("user_id", "item_id", "rating", "timestamp")
# Names are compared in lower case and without "_", "-" and blanks; earlier names win.
ALIASES: dict[str, tuple[str, ...]] = {
    "user_id": ("userid", "uid", "user", "username", "reviewerid", "customerid"),
    "item_id": (
        *("itemid", "iid", "item", "movieid", "movie", "bookid", "book", "animeid", "productid"),
        *("product", "asin", "parentasin", "isbn", "jokeid", "artistid", "songid", "trackid"),
    ),
    "rating": ("rating", "ratings", "stars", "score", "overall", "bookrating"),
    "timestamp": ("timestamp", "time", "datetime", "date", "unixtimestamp", "unixreviewtime", "ts"),
}


def column_names(found: Iterable[Any], columns: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The column of a table for each of the four roles.

    With `columns` None, error messages do not suggest `columns=`: the caller has no such option.

    Raises:
        DataError: user_id or item_id is missing, or two columns compete for one role.
        SettingError: `columns` has a key that is not one of the four roles.
    """
    found = list(found)
    if columns is not None and not isinstance(columns, Mapping):
        raise SettingError(
            f"columns= maps {', '.join(COLUMNS)} to the names in your table, as in "
            f"{{'user_id': 'client'}}; got {columns!r:.200}"
        )
    stated = dict(columns or {})
    if unknown := [role for role in stated if role not in COLUMNS]:
        raise SettingError(
            f"columns= maps {', '.join(COLUMNS)} to the names in your table; "
            f"it has no key {unknown[0]!r}"
        )
    if absent := [name for name in stated.values() if name not in found]:
        raise DataError(f"no column {absent[0]!r} in the table; it has {_listed(found)}")
    names = {
        role: stated[role] if role in stated else _match(role, found, columns) for role in COLUMNS
    }
    missing = [role for role in COLUMNS[:2] if names[role] is None]
    if missing:
        accepted = "; ".join(
            f"{role} may also be {', '.join(ALIASES[role][:5])}" for role in missing
        )
        advice = "rename one"
        if columns is not None:
            advice += f", or pass columns={{{missing[0]!r}: '...'}}"
        raise DataError(
            f"no column for {' or '.join(missing)} in the table; it has {_listed(found)} "
            f"(understood: {accepted}): {advice}"
        )
    return {role: name for role, name in names.items() if name is not None}


def _match(role: str, found: list[Any], columns: Mapping[str, str] | None) -> Any:
    """The column whose name is the best-ranked alias of a role, or None."""
    plain = [re.sub(r"[\s_\-]", "", str(name)).lower() for name in found]
    if found.count(role) == 1:
        return role
    for alias in ALIASES[role]:
        candidates = [name for name, spelled in zip(found, plain, strict=True) if spelled == alias]
        if len(candidates) > 1:
            advice = "drop all but one"
            if columns is not None:
                advice = (
                    f"say which with columns={{{role!r}: {candidates[0]!r}}}, or drop the others"
                )
            raise DataError(f"columns {_listed(candidates)} could all be {role}: {advice}")
        if candidates:
            return candidates[0]
    return None


def _listed(names: list[Any]) -> str:
    """Column names for a message: at most a dozen."""
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return (", ".join(shown(name) for name in names[:12]) or "no columns") + more
