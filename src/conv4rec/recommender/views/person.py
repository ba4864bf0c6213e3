"""Views of one person: the plane and their lists, why an item, and the rows of a home page."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.discovery import FEWEST_CONSUMED, MOST_CONSUMED, DiscoveryCriteria
from conv4rec.recommender.list_scores import Order
from conv4rec.recommender.views.subject import Subject
from conv4rec.recommender.views.view import View

N_PLACES = 10  # of the first row of a home page, which the dial divides
ROW_ITEMS, ROWS, CANDIDATES = 12, 4, 200
PLANE = ("p_consume", "p_like", "p_like_low", "p_like_high", "expected_rating")


def person_view(
    model: Conv4Rec,
    subject: Subject,
    k: int = 10,
    criteria: DiscoveryCriteria | None = None,
    reasons: int = 2,
    every_detail: bool = False,
) -> View:
    """Everything that one history says of the catalogue.

    Args:
        model: fitted.
        subject: whom.
        k: items of each list.
        criteria: what counts as a discovery.
        reasons: for each item of the lists; with 0 there is no generosity either, and the
            answer takes a third of the time.
        every_detail: adds P(level) and the reasons of every item to the plane: for a page that
            cannot ask again.

    Returns:
        Facts of the person and of what counts as a discovery; the history; the lists by
        "consume" and "discover" with reasons; and the plane: one row an item in the order of
        ids, null where it is in the history.

    Memory: 200 bytes an item, and as one list takes.
    """
    known, criteria = model.check_fitted(), criteria or DiscoveryCriteria()
    history = subject.history
    whole = bool(reasons)
    reasons = reasons if len(history) and model.like_level_ else 0
    everything = _listed(
        model, history, known.n_items, "discover", novelty=0, min_p_like=0,
        reasons=reasons if every_detail else 0,
    )  # fmt: skip
    consume = (
        _listed(model, history, k, "consume", reasons=reasons)
        if reasons
        else _likeliest(everything, k)
    )
    discover = _listed(model, history, k, "discover", reasons=reasons, **asdict(criteria))
    facts = {
        **subject.facts,
        "generosity": model.profile(history).generosity if whole and len(history) else None,
        "novelty": criteria.novelty,
        "confidence": criteria.confidence,
        "novel_below": _edge(everything, criteria, len(history)),
    }
    plane = _in_catalogue_order(model, everything, every_detail)
    own = history.to_frame().drop("user_id").select("item_id", "rating")
    tables = {"discover": discover, "consume": consume, "history": own, "plane": plane}
    return View(facts, tables)


def why_view(model: Conv4Rec, subject: Subject, item: int | str) -> View:
    """One item for one person: both answers, the interval, and what speaks for it.

    Returns:
        Facts: the columns of `predict`, and the rank by P(consume). Tables "like" and "consume":
        the rows of `explain`, of 12 items of the history at most, those that contribute most
        either way; empty where the model cannot explain.
    """
    history = subject.history
    user = history.users.ids(np.zeros(1, np.int64))[0]
    pair = pl.DataFrame({"user_id": [user], "item_id": [item]})
    facts = model.predict(pair, users=history, intervals=True).drop("user_id").row(0, named=True)
    number = model.check_fitted().items.number(item)
    seen = history.item_numbers == number
    levels = history.level_numbers[seen]
    facts["seen"] = bool(seen.any())
    facts["rating"] = (
        history.levels.values[int(levels[0])] if len(levels) and levels[0] >= 0 else None
    )
    tables = {}
    if len(history) and model.like_level_:
        tables["like"] = _strongest(model.explain(history, item, by="like"))
    if len(history) and not seen.any():
        tables["consume"] = _strongest(model.explain(history, item, by="consume"))
    return View({**subject.facts, **facts}, tables)


def rows_view(model: Conv4Rec, subject: Subject) -> View:
    """The rows of a home page, and what each setting of the dial from safe to daring gives.

    The first row has ten places; the dial says how many of them are discoveries. The other
    places go to the items likeliest to be consumed. Rows "because of" an item of the history
    hold those of the 200 likeliest items that it contributes more to than the others do.

    Returns:
        Table "dial": for 0 to 10 discoveries, the expected number of likes among the ten if all
        are consumed, the share of them that the person would miss without the list, and the
        chance that the next item consumed is among them. Tables "consume", "discover",
        "because" (with column `reason_1`).
    """
    history, n = subject.history, N_PLACES
    consume = _listed(model, history, ROW_ITEMS, "consume")
    discover = _listed(model, history, ROW_ITEMS, "discover")
    dial = []
    for daring in range(min(n, discover.height) + 1):
        bold = discover.head(daring)
        safe = consume.filter(~pl.col("item_id").is_in(bold["item_id"].implode())).head(n - daring)
        p, likes = (np.concatenate([bold[c], safe[c]]) for c in ("p_consume", "p_like"))
        dial.append({
            "discoveries": daring,
            "expected_likes": float(likes.sum()),
            "would_miss": float(_would_miss(p, len(history)).mean()) if len(p) else 0.0,
            "p_next": float(p.sum()),
        })  # fmt: skip
    tables = {"dial": pl.DataFrame(dial), "consume": consume, "discover": discover}
    if len(history):
        tables["because"] = _because(model, subject)
    return View(subject.facts, tables)


def _would_miss(p_consume: np.ndarray, n_consumed: int) -> np.ndarray:
    """The probability to miss an item within as many interactions again (see `NOVELTY`)."""
    again = np.clip(n_consumed, FEWEST_CONSUMED, MOST_CONSUMED)
    return (1 - p_consume.astype(np.float64)) ** again


def _because(model: Conv4Rec, subject: Subject) -> pl.DataFrame:
    """Items grouped by the item of the history that contributes most to P(consume)."""
    found = _listed(model, subject.history, CANDIDATES, "consume", reasons=1)
    found = found.drop_nulls("reason_1")
    loved = subject.history.to_frame().filter(
        pl.col("rating").is_null()
        | (pl.col("rating") >= subject.history.levels.like_threshold(model.like_threshold))
    )["item_id"]
    found = found.filter(pl.col("reason_1").is_in(loved.implode()))
    size = found.group_by("reason_1").agg(n=pl.len(), adds=pl.col("reason_1_adds").sum())
    best = size.filter(pl.col("n") >= 3).sort("n", "adds", descending=True).head(ROWS)
    rows = found.join(best.drop("adds").with_row_index("row"), on="reason_1").sort("row", "rank")
    return rows.group_by("row", maintain_order=True).head(ROW_ITEMS)


def _listed(
    model: Conv4Rec, history: Any, k: int, by: Order, reasons: int = 0, **criteria: Any
) -> pl.DataFrame:
    """A list without the user column; one that is short shows it by its length."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
        return model.recommend(history, k, by=by, reasons=reasons, **criteria).drop("user_id")


def _likeliest(everything: pl.DataFrame, k: int) -> pl.DataFrame:
    """The list by "consume", from the rows of all items: half as long to wait for."""
    best = everything.sort("p_consume", "item_id", descending=[True, False]).head(k)
    ranks = pl.Series("rank", np.arange(1, best.height + 1, dtype=np.int32))
    return best.select(
        "item_id", ranks, pl.col("p_consume").alias("score"), "p_consume", "p_like",
        "expected_rating", pl.selectors.starts_with("p_rating_"),
    )  # fmt: skip


def _in_catalogue_order(model: Conv4Rec, everything: pl.DataFrame, all: bool) -> pl.DataFrame:
    known = model.check_fitted()
    names = [name for name in everything.columns if name in PLANE]
    if all:
        names += [n for n in everything.columns if n.startswith(("p_rating_", "reason_"))]
    numbers = known.items.numbers(everything["item_id"])
    place = np.full(known.n_items, -1, dtype=np.int64)
    place[numbers] = np.arange(everything.height)
    order = pl.Series(place)
    rows = everything.select(names)[pl.Series(np.maximum(place, 0))] if everything.height else None
    if rows is None:
        rows = pl.DataFrame({n: [None] * known.n_items for n in names})
    return rows.select(pl.when(order >= 0).then(pl.all()))


def _edge(everything: pl.DataFrame, criteria: DiscoveryCriteria, n_consumed: int) -> float | None:
    """P(consume) of the likeliest novel item outside the short head; None where all are novel."""
    p = everything["p_consume"].sort(descending=True).to_numpy().astype(np.float64)
    log_p = np.log(np.maximum(p, 1e-30))[None]
    is_novel = criteria.novel(log_p, np.array([n_consumed]), np.zeros(len(p), dtype=bool))[0]
    return float(p[int(np.argmax(is_novel))]) if is_novel.any() else None


def _strongest(parts: pl.DataFrame, most: int = 12) -> pl.DataFrame:
    """The baseline, and the contributions that are largest either way."""
    first, rest = parts.head(1), parts[1:]
    kept = rest.sort(pl.col("contribution").abs(), descending=True).head(most)
    others = float(rest["contribution"].sum()) - float(kept["contribution"].sum())
    found = pl.concat([first, kept.sort("contribution", descending=True)])
    return found.with_columns(others=pl.lit(others))
