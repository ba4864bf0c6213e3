"""Why an item is listed by a type, and what is learnt about types, as tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Events
from conv4rec.errors import SettingError
from conv4rec.model.event_attribution import event_contributions
from conv4rec.model.event_model import EventModel


def event_explanation(model: EventModel, history: Events, item: int, target: int) -> pl.DataFrame:
    """The contributions of one user's events, as `Conv4Rec.explain` gives them for a type.

    Raises:
        SettingError: There is more than one user, or the item cannot come next.
    """
    if history.n_users != 1:
        raise SettingError(f"explain is of one user: got {history.n_users:,}")
    log_p = model.log_p_items(history, target)[0]
    if not np.isfinite(log_p[item]):
        name = history.types.names[target]
        raise SettingError(
            f"the user has the type {name} with this item already, and it does not come again: "
            "explain another item or another type"
        )
    _, parts = event_contributions(model, history, target, item)
    score = float(log_p[item] - log_p[np.isfinite(log_p)].mean())
    order = np.argsort(-parts, kind="stable")
    rows = pl.DataFrame(
        {
            "item_id": history.items.ids(history.item_numbers[order]),
            "type": _labels(history, order),
            "contribution": parts[order],
        }
    )
    first = {"item_id": None, "type": None, "contribution": score - float(parts.sum())}
    return pl.concat([pl.DataFrame([first], schema=rows.schema), rows])


def reason_columns(
    model: EventModel, part: Events, target: int, users: np.ndarray, items: np.ndarray, n: int
) -> dict[str, Any]:
    """The columns of a list with reasons: reason_<n> (an item id), reason_<n>_type and _adds.

    Only a positive contribution is a reason; where there are fewer, the rest is null.

    Args:
        model: fitted.
        part: histories of the users.
        target: the number of the type that the list is by.
        users: the row of `part` of each listed item.
        items: the listed items.
        n: how many reasons.
    """
    schema: dict[str, Any] = {}
    for place in range(1, n + 1):
        schema |= {f"reason_{place}": part.items.to_series().dtype}
        schema |= {f"reason_{place}_type": pl.String, f"reason_{place}_adds": pl.Float32}
    rows = []
    for user, item in zip(users.tolist(), items.tolist(), strict=True):
        history = part.take_users(np.array([user]))
        _, parts = event_contributions(model, history, target, item)
        best = np.argsort(-parts, kind="stable")[:n]
        best = best[parts[best] > 0]
        ids, labels = history.items.ids(history.item_numbers[best]), _labels(history, best)
        row = [value for found in zip(ids, labels, parts[best], strict=True) for value in found]
        rows.append(row + [None] * (3 * n - len(row)))
    return pl.DataFrame(rows, schema=schema, orient="row").to_dict()


def association_table(model: EventModel) -> pl.DataFrame:
    """The table of `Conv4Rec.kernels` for a log with types."""
    tables = model.tables
    times, share, chance = model.get_buffer("associations").numpy()
    done = [_source_label(tables.types.labels, kinds) for kinds in tables.sources]
    rows = [
        (done[source], name, *(float(table[target, source]) for table in (times, share, chance)))
        for target, name in enumerate(tables.types.names)
        for source in range(len(done))
        if np.isfinite(times[target, source]) and np.isfinite(share[target, source])
    ]
    schema: dict[str, Any] = {"done": pl.String, "next": pl.String}
    schema |= dict.fromkeys(("times", "share", "chance"), pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _labels(history: Events, cells: np.ndarray) -> pl.Series:
    return pl.Series(history.types.labels, dtype=pl.String).gather(history.kind_numbers[cells])


def _source_label(labels: tuple[str, ...], kinds: tuple[int, ...]) -> str:
    """A source in words: "view", "rate 1 to 3"."""
    first, last = labels[kinds[0]], labels[kinds[-1]]
    return first if len(kinds) == 1 else f"{first} to {last.rpartition(' ')[2]}"
