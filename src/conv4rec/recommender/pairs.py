"""Predictions for given pairs of a user and an item, with the uncertainty of P(like) if asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from conv4rec.recommender.list_scores import SCORE_FLOATS
from conv4rec.recommender.lists import rating_columns
from conv4rec.recommender.scoring import Scoring
from conv4rec.recommender.uncertainty import Latent, interval_columns


def numbers_of(ids: Any, wanted: pl.Series, where: str | None = None) -> np.ndarray:
    """The number of each id, or the error of the first unknown one with its row.

    Args:
        ids: what the ids are looked up in.
        wanted: the ids.
        where: what an error calls `ids`; by default the training data.

    Raises:
        UnknownUserError: (or UnknownItemError) An id is unknown.
    """
    numbers = ids.numbers(wanted)
    if (numbers < 0).any():
        row = int(np.argmax(numbers < 0))
        try:
            ids.number(wanted[row], where)
        except ids.unknown_error as error:
            raise ids.unknown_error(f"row {row + 1}: {error}") from None
    return numbers


def pair_columns(
    scoring: Scoring,
    histories: Interactions,
    users: np.ndarray,
    items: np.ndarray,
    like_level: int,
    intervals: bool = False,
) -> dict[str, Any]:
    """The columns of `Conv4Rec.predict` after the ids; each history is read once.

    Args:
        scoring: the network and what it is served with.
        histories: of the users in the pairs.
        users: the row of `histories` of each pair.
        items: the item number of each pair.
        like_level: number of the first level that counts as liking.
        intervals: whether to add p_like_low and p_like_high.
    """
    p_consume, mean, standard_error, deviation = np.zeros((4, len(users)), dtype=np.float32)
    p_rating = np.zeros((len(users), histories.n_levels), dtype=np.float32)
    by_user, latent = np.argsort(users, kind="stable"), None
    for scores in scoring.blocks(histories, np.unique(users), SCORE_FLOATS if intervals else 0):
        first, last = np.searchsorted(users[by_user], [scores.rows[0], scores.rows[-1] + 1])
        pair = by_user[first:last]
        places = np.searchsorted(scores.rows, users[pair])
        p_consume[pair] = np.exp(scores.log_p_consume[places, items[pair]])
        p_rating[pair], own = scoring.rated(scores.encoding, places, items[pair])
        if intervals and own is not None:
            mean[pair], standard_error[pair] = own.mean, own.standard_error
            deviation[pair] = own.deviation
            latent = Latent(mean, standard_error, deviation, own.thresholds)
    rated = rating_columns(p_rating, histories, like_level)
    interval = interval_columns(rated["p_like"], like_level, latent) if intervals else {}
    return {"p_consume": p_consume, **interval, **rated}
