"""Both answers for given pairs of a person and an item, and how sure P(like) is if asked."""

from __future__ import annotations

from typing import Any

import numpy as np

from conv4rec.data import Interactions
from conv4rec.recommender.lists import rating_columns
from conv4rec.recommender.merits import MERIT_FLOATS
from conv4rec.recommender.scoring import Scoring
from conv4rec.recommender.uncertainty import interval_columns, unknown_interval


def pair_columns(
    scoring: Scoring,
    people: Interactions,
    users: np.ndarray,
    items: np.ndarray,
    like_level: int,
    intervals: bool = False,
) -> dict[str, Any]:
    """The columns of `Conv4Rec.predict` after the ids: everyone asked about is read once.

    Args:
        scoring: the network and what it is served with.
        people: histories.
        users: the row of `people` of each pair.
        items: the item number of each pair.
        like_level: number of the first level that counts as liking.
        intervals: whether to add p_like_low and p_like_high.
    """
    p_consume, off = np.zeros((2, len(users)), dtype=np.float32)
    p_rating = np.zeros((len(users), people.n_levels), dtype=np.float32)
    by_user, is_known = np.argsort(users, kind="stable"), True
    floats = MERIT_FLOATS if intervals else 0
    for scores in scoring.blocks(people, np.unique(users), floats, spread=intervals):
        first, last = np.searchsorted(users[by_user], [scores.rows[0], scores.rows[-1] + 1])
        pair = by_user[first:last]
        places = np.searchsorted(scores.rows, users[pair])
        p_consume[pair] = np.exp(scores.log_p_consume[places, items[pair]])
        p_rating[pair] = scoring.rating_probabilities(scores.reading, places, items[pair])
        deviation = scoring.deviation(scores.reading) if intervals else None
        is_known = deviation is not None
        if deviation is not None:
            off[pair] = deviation[places, items[pair]]
    found: dict[str, Any] = {"p_consume": p_consume}
    if intervals and is_known:
        found |= interval_columns(p_rating, scoring.standard_ratings, like_level, off)
    elif intervals:
        found |= unknown_interval(len(users))
    return found | rating_columns(p_rating, people, like_level)
