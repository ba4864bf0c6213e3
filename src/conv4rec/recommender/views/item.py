"""The view of one item: how it was rated, its neighbours, and the people for it."""

from __future__ import annotations

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.views.view import View

MOST_USERS = 300  # evenly spaced training users: with more an answer takes many seconds
FEWEST_BOTH = 5  # users who consumed both items


def item_view(model: Conv4Rec, item: int | str, k: int = 10) -> View:
    """One item.

    Returns:
        Facts: how many consumed and liked it, and among how many users its audience was sought
        (`MOST_USERS` at most, evenly spaced). Tables: "audience", who would love it and hardly
        find it (`Conv4Rec.audience`); "neighbours" (`similar_items`); "ratings", how often each
        level was given; "liked_too", what those who like the item like more often than others
        do: of `n` who rated both a `share` of at least half liked it, and `share_of_all` of all
        its raters; `surprise` is the difference in standard deviations of `n` raters.

    Raises:
        UnknownItemError: The item is not in the training data.
    """
    known = model.check_fitted()
    number = known.items.number(item)
    levels = known.level_numbers[known.item_numbers == number]
    rated = levels[levels >= 0]
    n_asked = min(MOST_USERS, known.n_users)
    rows = np.unique(np.linspace(0, known.n_users - 1, n_asked).astype(np.int64))
    facts = {
        "item_id": item,
        "n_consumed": len(levels),
        "n_rated": len(rated),
        "share_liked": float((rated >= model.like_level_).mean()) if len(rated) else None,
        "n_users_asked": len(rows),
        "n_users": known.n_users,
    }
    counts = np.bincount(rated, minlength=known.n_levels)
    tables = {
        "audience": model.audience(item, k, users=known.take_users(rows)),
        "neighbours": model.similar_items(item, k),
        "liked_too": _liked_too(known, number, model.like_level_, k),
        "ratings": pl.DataFrame({"level": known.levels.labels, "n": counts}),
    }
    return View(facts, tables)


def _liked_too(known: Interactions, item: int, like_level: int, k: int) -> pl.DataFrame:
    """Of the users who liked an item: what else they liked more often than all its raters did."""
    liked = known.level_numbers >= like_level
    users = known.user_numbers
    is_fan = np.zeros(known.n_users, dtype=bool)
    is_fan[users[liked & (known.item_numbers == item)]] = True
    rated = known.level_numbers >= 0
    of_fans = rated & is_fan[users]

    def count(which: np.ndarray) -> np.ndarray:
        return np.bincount(known.item_numbers[which], minlength=known.n_items).astype(np.float64)

    n, n_liked = count(of_fans), count(of_fans & liked)
    share, share_all = (
        n_liked / np.maximum(n, 1),
        count(rated & liked) / np.maximum(count(rated), 1),
    )
    # How many standard deviations above what as many of all raters would give.
    deviation = np.sqrt(n * share_all * (1 - share_all))
    surprise = (n_liked - n * share_all) / np.maximum(deviation, 1e-9)
    surprise[(n < FEWEST_BOTH) | (share < 0.5) | (deviation == 0)] = -np.inf
    surprise[item] = -np.inf
    best = np.argsort(-surprise, kind="stable")[:k]
    best = best[surprise[best] > 0]
    return pl.DataFrame(
        {
            "item_id": known.items.ids(best),
            "n": n[best].astype(np.int64),
            "share": share[best],
            "share_of_all": share_all[best],
            "surprise": surprise[best],
        }
    )
