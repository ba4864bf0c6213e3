"""Label dropout: a log without a random share of its ratings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from conv4rec.data.interactions import Interactions
from conv4rec.data.splits import SLACK, Split
from conv4rec.errors import SettingError


def drop_labels(interactions: Interactions, share: float, seed: int = 0) -> Interactions:
    """Remove a random share of the ratings; the interactions themselves stay.

    With `p = default_rng([seed, 1]).permutation(n_rated)`, the first `floor(share * n_rated)` of
    p lose their rating: with one seed, what is dropped at 30% is also dropped at 50%. (The
    random stream differs from that of `random_split`, which would hold out the dropped rows.)

    Args:
        interactions: A log.
        share: Of the rated interactions, from 0 up to, not including, 1.
        seed: Of the draw.

    Raises:
        SettingError: `share` is out of range.

    >>> import polars as pl
    >>> table = pl.DataFrame({"user_id": [1, 1, 2, 2], "item_id": [1, 2, 1, 2],
    ...                       "rating": [5, 4, 3, None]})
    >>> drop_labels(Interactions.from_frame(table), share=0.4)
    Interactions(2 users, 2 items, 4 interactions, 2 of them rated on 3 levels)
    """
    if not 0 <= share < 1:
        raise SettingError(
            f"a share of labels to drop lies from 0 up to, not including, 1: {share}"
        )
    rated = np.flatnonzero(interactions.level_numbers >= 0)
    n_dropped = math.floor(share * len(rated) + SLACK)
    order = np.random.default_rng([seed, 1]).permutation(len(rated))
    level_numbers = interactions.level_numbers.copy()
    level_numbers[rated[order[:n_dropped]]] = -1
    return replace(interactions, level_numbers=level_numbers)


def scarce_split(split: Split, share: float, seed: int = 0) -> Split:
    """The same split with fewer labels in the training and given parts; the test part is the same.

    The name of the split does not change.

    Raises:
        SettingError: `share` is out of range.
    """
    train = drop_labels(split.train, share, seed)
    given = train if split.given is split.train else drop_labels(split.given, share, seed)
    return Split(split.name, train, given, split.test)
