"""Both answers for given pairs of a person and an item, and how sure P(like) is if asked."""

from __future__ import annotations

import numpy as np

from conv4rec.data import Interactions
from conv4rec.recommender.doubt import Doubt
from conv4rec.recommender.finds import FIND_FLOATS, interval_columns
from conv4rec.recommender.lists import rating_columns
from conv4rec.recommender.scoring import Scoring


def pair_columns(
    scoring: Scoring,
    people: Interactions,
    users: np.ndarray,
    items: np.ndarray,
    like_level: int,
    doubt: Doubt | None = None,
) -> dict[str, np.ndarray]:
    """The columns of `Conv4Rec.predict` after the ids: everyone asked about is read once.

    Args:
        scoring: the network and what it is served with.
        people: histories.
        users: the row of `people` of each pair.
        items: the item number of each pair.
        like_level: number of the first level that counts as liking.
        doubt: to add p_like_low and p_like_high.
    """
    p_consume, errors = np.zeros((2, len(users)), dtype=np.float32)
    p_rating = np.zeros((len(users), people.n_levels), dtype=np.float32)
    by_user = np.argsort(users, kind="stable")
    for scores in scoring.blocks(people, np.unique(users), FIND_FLOATS if doubt else 0):
        first, last = np.searchsorted(users[by_user], [scores.rows[0], scores.rows[-1] + 1])
        pair = by_user[first:last]
        places = np.searchsorted(scores.rows, users[pair])
        p_consume[pair] = np.exp(scores.log_p_consume[places, items[pair]])
        p_rating[pair] = scoring.rating_probabilities(scores.reading, places, items[pair])
        if doubt is not None:
            errors[pair] = doubt.errors(scores.reading, people, scores.rows)[places, items[pair]]
    rated = rating_columns(p_rating, people, like_level)
    interval = {} if doubt is None else interval_columns(rated["p_like"], errors)
    return {"p_consume": p_consume, **interval, **rated}
