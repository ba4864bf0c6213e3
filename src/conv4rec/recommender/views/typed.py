"""View of a log with types: one person's events, and what comes next by each type, with why."""

from __future__ import annotations

import polars as pl

from conv4rec.errors import SettingError
from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.event_answers import PREFIX
from conv4rec.recommender.event_histories import event_histories_of
from conv4rec.recommender.views.view import View


def types_view(model: Conv4Rec, user: int | str, k: int = 10, reasons: int = 2) -> View:
    """What a training user did, and the lists by each type.

    Args:
        model: fitted to a log with types.
        user: whom.
        k: items of each list.
        reasons: for each item of the lists.

    Returns:
        Table "history": an item a row, with the types of its events in words. Table "lists": for
        each type its items, `p` being P(item | the next event is of the type). Table
        "associations": see `Conv4Rec.kernels`.

    Raises:
        SettingError: The model was fitted to a log without types.
        UnknownUserError: The user is not in the training data.
    """
    if model.events_ is None:
        raise SettingError("this model is of a log without types: its view is person")
    events = event_histories_of(model.events_.log, user)
    label = pl.col("type")
    if "rating" in (frame := events.to_frame()).columns:
        label = pl.concat_str("type", "rating", separator=" ", ignore_nulls=True)
    history = frame.group_by("item_id", maintain_order=True).agg(label.str.join(", "))
    lists = []
    for name in events.types.names:
        found = model.recommend(user, k, by=PREFIX + name, reasons=reasons)
        found = found.drop("user_id", f"p_{name}").rename({"score": "p"})
        lists.append(found.select(pl.lit(name).alias("by"), pl.all()))
    tables = {"history": history, "lists": pl.concat(lists), "associations": model.kernels()}
    return View({"n_events": int(events.counts.sum()), "n_items": history.height}, tables)
