"""The people for an item: a list of users, where `recommend` lists items."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from conv4rec.recommender.list_request import check_count
from conv4rec.recommender.list_scores import UNCERTAIN_LISTS, Order
from conv4rec.recommender.uncertainty import log_odds, standard_errors
from conv4rec.recommender.user_histories import Users

if TYPE_CHECKING:
    from conv4rec.recommender.conv4rec import Conv4Rec

FIRST_USERS, USERS_AT_A_TIME = 32, 256  # read whole: twice as many each time
SLACK = 1e-3  # log-odds: a bound of pairs and one of whole rows differ by rounding


def audience_of(
    model: Conv4Rec, item: int | str, k: int, users: Users, by: Order, confidence: float
) -> pl.DataFrame:
    """The answer of `Conv4Rec.audience`.

    Users are read in falling order of the lower bound of P(like) of this item, which takes no
    catalogue; lists are made of the first ones alone, until k are found.
    """
    known = model.check_fitted()
    check_count("k", k)
    number = known.items.number(item)
    histories = model.histories(users)
    order = np.arange(histories.n_users)
    bounds = None
    if by in UNCERTAIN_LISTS and by != "rating" and model.like_level_:
        bounds = _bounds(model, histories, number, confidence)
        order = np.argsort(-bounds, kind="stable")
    found: list[pl.DataFrame] = []
    first, n_next = 0, FIRST_USERS
    while first < len(order):
        part = np.sort(order[first : first + n_next])
        found.append(_of_block(model, histories.take_users(part), item, by, confidence))
        first, n_next = first + n_next, min(2 * n_next, USERS_AT_A_TIME)
        best = pl.concat(found).sort("score", "user_id", descending=[True, False])
        if bounds is not None and best.height >= k and first < len(order):
            worst = float(log_odds(best["score"].to_numpy()[k - 1 : k])[0])
            if bounds[order[first]] < worst - SLACK:
                break
    best = pl.concat(found).sort("score", "user_id", descending=[True, False]).head(k)
    return best.drop("item_id", "rank").insert_column(
        1, pl.Series("rank", np.arange(1, best.height + 1, dtype=np.int32))
    )


def _bounds(model: Conv4Rec, histories: Interactions, item: int, confidence: float) -> np.ndarray:
    """The lower bound of the log-odds of P(like) of one item, for each user."""
    scoring, found = model.scoring_, []
    for first in range(0, histories.n_users, USERS_AT_A_TIME):
        rows = np.arange(first, min(first + USERS_AT_A_TIME, histories.n_users))
        encoding, _ = scoring.encode(histories, rows, with_consume=False)
        places, items = np.arange(len(rows)), np.full(len(rows), item)
        p_rating, latent = scoring.rated(encoding, places, items)
        bound = log_odds(p_rating[:, model.like_level_ :].sum(1))
        if latent is not None:
            bound = bound + latent.log_odds_move(model.like_level_, -standard_errors(confidence))
        found.append(bound)
    return np.concatenate(found)


def _of_block(
    model: Conv4Rec, histories: Interactions, item: int | str, by: Order, confidence: float
) -> pl.DataFrame:
    options = {"confidence": confidence, "limit_exposure": False} if by in UNCERTAIN_LISTS else {}
    with warnings.catch_warnings():  # users who are not of the audience have an empty list
        warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
        return model.recommend(histories, 1, by=by, allow=[item], **options)
