"""Views of a whole model: its catalogue and users, and how it treats them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from conv4rec.evaluate.calibration import calibration_error, reliability
from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.list_scores import Order
from conv4rec.recommender.views.view import View

SAMPLE_USERS = 100
"""Evenly spaced, whose lists and ratings the view of a model counts: 2 s at 27,000 items."""
GROUPS = 10  # of items, by popularity
HELD_OUT = 10  # every tenth rating of a sampled history
LISTED: tuple[Order, ...] = ("consume", "like", "discover")


def catalogue_view(model: Conv4Rec, titles: Mapping[Any, str] | None = None) -> View:
    """The items in the order of their ids, with titles; the rating levels; sizes.

    Returns:
        Table "items": item_id, title (null without one), n_consumed, mean_rating.
    """
    known = model.check_fitted()
    n = np.bincount(known.item_numbers, minlength=known.n_items)
    rated = known.level_numbers >= 0
    values = np.asarray(known.levels.values)[known.level_numbers[rated]]
    n_rated = np.bincount(known.item_numbers[rated], minlength=known.n_items)
    total = np.bincount(known.item_numbers[rated], weights=values, minlength=known.n_items)
    ids = known.items.to_series()
    items = pl.DataFrame({
        "item_id": ids,
        "title": pl.Series([(titles or {}).get(id) for id in ids], dtype=pl.String),
        "n_consumed": n,
        "mean_rating": pl.Series(total / np.maximum(n_rated, 1)).set(pl.Series(n_rated == 0), None),
    })  # fmt: skip
    facts = {
        "n_users": known.n_users,
        "n_items": known.n_items,
        "n_interactions": len(known),
        "n_rated": known.n_rated,
        "id_kinds": {"user": known.users.kind, "item": known.items.kind},
        "levels": known.levels.labels,
        "level_values": list(known.levels.values),
        "like_threshold": known.levels.like_threshold(model.like_threshold),
    }
    return View(facts, {"items": items})


def users_view(model: Conv4Rec, start: str = "", k: int = 20) -> View:
    """Users whose id starts with a text, or a spread of all; each with the length of the history.

    Returns:
        Table "users": user_id, n_interactions.
    """
    known = model.check_fitted()
    ids = known.users.to_series()
    if start:
        rows = ids.cast(pl.String).str.starts_with(start).arg_true()[:k].to_numpy()
    else:
        rows = np.unique(np.linspace(0, known.n_users - 1, min(k, known.n_users)).astype(np.int64))
    n = np.diff(known.starts)[rows]
    return View(
        {}, {"users": pl.DataFrame({"user_id": known.users.ids(rows), "n_interactions": n})}
    )


def model_view(model: Conv4Rec, k: int = 10) -> View:
    """How a model treats a sample of its users, and what it learned of the rating levels.

    Returns:
        Tables: "exposure", for ten groups of items with a tenth of all interactions each, most
        popular first: how many items, and their share of the places in lists of k by consume,
        like and discover. "coverage": the share of the catalogue in any list of a kind.
        "reliability": predicted P(like) and observed share of likes, of every tenth rating of
        the sampled users, predicted without it; the weights were trained with it, so this is
        the best case, and the fact `reliability_of` says so. "pairs": these ratings, for the
        calibration of a part of the plane. "kernels".
    """
    known = model.check_fitted()
    n_asked = min(SAMPLE_USERS, known.n_users)
    rows = np.unique(np.linspace(0, known.n_users - 1, n_asked).astype(np.int64))
    sample = known.take_users(rows)
    counts = np.bincount(known.item_numbers, minlength=known.n_items)
    group = popularity_groups(counts)
    exposure = {
        "group": np.arange(1, GROUPS + 1),
        "items": np.bincount(group, minlength=GROUPS),
        "interactions": _share(group, counts),
    }
    coverage = []
    for by in LISTED if known.n_levels > 1 else ("consume",):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
            listed = known.items.numbers(model.recommend(sample, k, by=by)["item_id"])
        times = np.bincount(listed, minlength=known.n_items)
        exposure[by] = _share(group, times)
        shown, top = times > 0, times.max() / len(rows)
        coverage.append({"by": by, "items": shown.sum(), "share": shown.mean(), "top_item": top})
    pairs = _held_out_pairs(model, sample)
    p, liked = (pairs[name].to_numpy() for name in ("p_like", "liked"))
    table = reliability(p, liked) if len(p) and model.like_level_ else None
    facts = {
        "n_users_asked": len(rows),
        "k": k,
        "n_parameters": model.n_parameters_,
        "calibration_error": None if table is None else calibration_error(table),
        "reliability_of": "ratings of training users, each read without it: the best case",
    }
    tables = {
        "exposure": pl.DataFrame(exposure),
        "coverage": pl.DataFrame(coverage),
        "reliability": pl.DataFrame(None if table is None else table._asdict()),
        "kernels": model.kernels(),
        "pairs": pairs,
    }
    return View(facts, tables)


def popularity_groups(counts: np.ndarray, n_groups: int = GROUPS) -> np.ndarray:
    """The group of each item, from 0: items in falling popularity, cut into equal interactions.

    >>> popularity_groups(np.array([1, 5, 2, 2]), 2).tolist()
    [1, 0, 1, 1]
    """
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    group = np.empty(len(counts), dtype=np.int64)
    group[order] = np.minimum(n_groups * before // max(1, counts.sum()), n_groups - 1)
    return group


def _share(group: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.bincount(group, weights=times, minlength=GROUPS) / max(1, times.sum())


def _held_out_pairs(model: Conv4Rec, sample: Interactions) -> pl.DataFrame:
    """Every tenth rating of each user, predicted from the other interactions of theirs."""
    place = np.arange(len(sample)) - np.repeat(sample.starts[:-1], np.diff(sample.starts))
    out = (place % HELD_OUT == HELD_OUT - 1) & (sample.level_numbers >= 0)
    users, items = sample.user_numbers[out], sample.item_numbers[out]
    pairs = pl.DataFrame({"user_id": sample.users.ids(users), "item_id": sample.items.ids(items)})
    liked = sample.level_numbers[out] >= model.like_level_
    if not len(pairs):
        return pairs.with_columns(p_consume=pl.lit(0.0), p_like=pl.lit(0.0), liked=pl.Series(liked))
    found = model.predict(pairs, users=sample.select(~out))
    return found.select("user_id", "item_id", "p_consume", "p_like").with_columns(
        liked=pl.Series(liked)
    )
