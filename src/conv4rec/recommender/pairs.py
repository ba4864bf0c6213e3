"""Both answers for given pairs of a person and an item, and how sure P(like) is if asked."""

from __future__ import annotations

from typing import Any

import numpy as np

from conv4rec.data import Interactions
from conv4rec.recommender.list_scores import SCORE_FLOATS
from conv4rec.recommender.lists import rating_columns
from conv4rec.recommender.scoring import Scoring
from conv4rec.recommender.uncertainty import Latent, interval_columns


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
    p_consume, mean, standard_error, deviation = np.zeros((4, len(users)), dtype=np.float32)
    p_rating = np.zeros((len(users), people.n_levels), dtype=np.float32)
    by_user, found = np.argsort(users, kind="stable"), None
    for scores in scoring.blocks(people, np.unique(users), SCORE_FLOATS if intervals else 0):
        first, last = np.searchsorted(users[by_user], [scores.rows[0], scores.rows[-1] + 1])
        pair = by_user[first:last]
        places = np.searchsorted(scores.rows, users[pair])
        p_consume[pair] = np.exp(scores.log_p_consume[places, items[pair]])
        p_rating[pair] = scoring.rating_probabilities(scores.encoding, places, items[pair])
        own = scoring.latent_of_pairs(scores.encoding, places, items[pair]) if intervals else None
        if own is not None:
            mean[pair], standard_error[pair], deviation[pair] = (
                own.mean,
                own.standard_error,
                own.deviation,
            )
            found = Latent(mean, standard_error, deviation, own.thresholds)
    rated = rating_columns(p_rating, people, like_level)
    interval = interval_columns(rated["p_like"], like_level, found) if intervals else {}
    return {"p_consume": p_consume, **interval, **rated}
