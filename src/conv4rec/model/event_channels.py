"""The channels of each user and item: what the 1-by-1 convolution over types reads.

For one target type, each pair of a user and an item has these numbers:

- own, by source: whether the user did it with this very item; where types repeat, log how often;
  where there are timestamps, how lately;
- similarity, by source: log of the sum of the item's cosines to the items of the history;
- regression: log of the SLIM component's similarity of the item to the history, of any type;
- popularity, by source: log of how many users did it with the item, and how many of them lately;
  whether nobody met it;
- length, by source: log of how many items the user did it with.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from conv4rec.data import Events
from conv4rec.model.event_tables import EventTables, ages

FLOOR = 0.01  # added to a similarity before its log
SLIM_FLOOR = 0.5  # the same of SLIM, whose similarities have mean 1, as in a log of ratings
LEAST_AGE = 1e-5  # of the span of the log


def n_channels(tables: EventTables) -> int:
    """How many channels there are."""
    own = 1 + tables.counted + tables.timed
    return len(tables.sources) * (own + 2) + 1 + tables.popularity.shape[1]


def channels(tables: EventTables, histories: Events, target: int) -> np.ndarray:
    """The channels of all items for every user of `histories`: users x items x channels, float32.

    Memory: 8 x users x items x channels bytes: call it on a few users at a time.

    Args:
        tables: of the training log.
        histories: of the users, over the same items and types.
        target: the number of the type that is asked for.
    """
    n_users, n_items, n_sources = histories.n_users, histories.n_items, len(tables.sources)
    of_kind = tables.source_of_kind[histories.kind_numbers]
    heard = of_kind >= 0
    at = (histories.user_numbers[heard], histories.item_numbers[heard], of_kind[heard])
    own = np.zeros((n_users, n_items, n_sources, 1 + tables.counted + tables.timed), np.float32)
    own[(*at, 0)] = 1.0
    if tables.counted:
        np.maximum.at(own[..., 1], at, np.log(histories.counts[heard]).astype(np.float32))
    if tables.now is not None:
        age = np.full(int(heard.sum()), 1.0)
        if histories.last is not None:
            age = ages(histories.last[heard], tables.now, tables.span)
        # At most 1, for what was done just now, and 0 for what never was.
        lately = np.log(np.maximum(age, LEAST_AGE)) / np.log(LEAST_AGE)
        np.maximum.at(own[..., -1], at, lately.astype(np.float32))
    present = own[..., 0]
    lengths = present.sum(1)
    similarity = np.empty((n_users, n_items, n_sources), np.float32)
    for source in range(n_sources):
        history = sparse.csr_array(present[:, :, source])
        sums = sparse.csr_array(history @ tables.neighbours[target][source]).toarray()
        similarity[:, :, source] = sums / np.sqrt(lengths[:, source, None] + 1.0)
    pairs = histories.to_csr()
    pairs.data[:] = 1.0
    regression = sparse.csr_array(pairs @ tables.slim).toarray() * np.float32(n_items)
    regression /= np.diff(pairs.indptr)[:, None].astype(np.float32) + 1.0
    shape = (n_users, n_items)
    return np.concatenate(
        [
            own.reshape(*shape, -1),
            np.log(similarity + FLOOR),
            np.log(regression + SLIM_FLOOR)[:, :, None],
            np.broadcast_to(tables.popularity, (*shape, tables.popularity.shape[1])),
            np.broadcast_to(np.log1p(lengths)[:, None], (*shape, n_sources)),
        ],
        axis=2,
    )


def used(histories: Events, target: int) -> np.ndarray:
    """Where the type cannot come again: users x items, bool."""
    mask = np.zeros((histories.n_users, histories.n_items), dtype=bool)
    if not histories.types.repeating[target]:
        own = histories.type_numbers == target
        mask[histories.user_numbers[own], histories.item_numbers[own]] = True
    return mask
