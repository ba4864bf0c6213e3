"""The splits of Liang et al. 2018: strong generalisation on ml-20m, netflix and msd."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from conv4rec.data.ids import Ids
from conv4rec.data.interactions import Interactions
from conv4rec.errors import DataError

LIANG = ("liang", "liang-validation")  # held out are the test users, or the validation users
SEED = 98765
TEST_SHARE = 0.2  # of each held-out user's interactions
SPLIT_FROM = 5  # interactions: all of a shorter history are given


@dataclass(frozen=True)
class Protocol:
    """What the publication states of one data set."""

    n_held_out: int
    """Users in the validation part, and again in the test part."""
    min_user_items: int
    min_item_users: int = 0
    """Items with fewer users are left out, before users are counted."""
    min_rating: float | None = None
    """A lower rating is no interaction; None where there are no ratings."""


PROTOCOLS = {
    "ml-20m": Protocol(10_000, 5, min_rating=4),
    "netflix": Protocol(40_000, 5, min_rating=4),
    "msd": Protocol(50_000, 20, min_item_users=200),
}


def liang_split(
    frame: pl.DataFrame, protocol: Protocol, validation: bool = False
) -> tuple[Interactions, Interactions, Interactions]:
    """Split as in the published preprocessing, draw for draw: (train, given, test).

    Interactions have no rating. Users are put in ascending order and shuffled; the last
    `n_held_out` are the test users, as many before them are the validation users, all others are
    trained on. The catalogue is the items that these have. Of each held-out user with at least 5
    interactions left, `int(0.2 * n)` are drawn for the test, from the rows in file order. The
    generator is NumPy's legacy one with seed 98765, seeded anew for the draws of each part.

    Memory: about 100 bytes a row of `frame` beyond it.

    Args:
        frame: The data set as published: user_id, item_id[, rating].
        protocol: One of `PROTOCOLS`.
        validation: Whether to hold out the validation users in place of the test users.

    Raises:
        DataError: Ratings are needed and there are none, or too few users are left.

    Reference:
        Liang, Krishnan, Hoffman and Jebara, "Variational Autoencoders for Collaborative
        Filtering", WWW 2018, and its notebook (github.com/dawenl/vae_cf).
    """
    if protocol.min_rating is not None:
        if "rating" not in frame.columns:
            raise DataError(
                f"this split keeps ratings from {protocol.min_rating:g} up, and the data set has "
                "no column for ratings"
            )
        frame = frame.filter(pl.col("rating") >= protocol.min_rating)
    log = Interactions.from_frame(frame.select("user_id", "item_id"))
    n_users_of = np.bincount(log.item_numbers, minlength=log.n_items)
    log = log.select(n_users_of[log.item_numbers] >= protocol.min_item_users)
    users = np.flatnonzero(np.diff(log.starts) >= protocol.min_user_items)
    n = protocol.n_held_out
    if len(users) <= 2 * n:
        raise DataError(
            f"{len(users):,} users with {protocol.min_user_items} interactions or more are left: "
            f"this split holds out 2 x {n:,} and needs others to train on"
        )
    users = users[np.random.RandomState(SEED).permutation(len(users))]
    held_out = users[-2 * n : -n] if validation else users[-n:]
    train = log.take_users(np.sort(users[: -2 * n]))
    catalogue = np.unique(train.item_numbers)
    histories = _over(log.take_users(np.sort(held_out)), catalogue)
    in_test = _drawn(histories)
    return _over(train, catalogue), histories.select(~in_test), histories.select(in_test)


def _over(log: Interactions, catalogue: np.ndarray) -> Interactions:
    """The interactions with the items of a catalogue, and no other items."""
    numbers = np.full(log.n_items, -1, dtype=np.int32)
    numbers[catalogue] = np.arange(len(catalogue))
    kept = log.select(numbers[log.item_numbers] >= 0)
    items = Ids(log.items.ids(catalogue), "item")
    return replace(kept, items=items, item_numbers=numbers[kept.item_numbers])


def _drawn(log: Interactions) -> np.ndarray:
    """The test interactions of held-out users, as booleans."""
    random = np.random.RandomState(SEED)
    rows = np.arange(len(log)) if log.rows is None else log.rows
    in_test = np.zeros(len(log), dtype=bool)
    for start, end in zip(log.starts[:-1], log.starts[1:], strict=True):
        n = int(end - start)
        if n >= SPLIT_FROM:
            in_file_order = start + np.argsort(rows[start:end])
            drawn = random.choice(n, size=int(TEST_SHARE * n), replace=False)
            in_test[in_file_order[drawn]] = True
    return in_test
