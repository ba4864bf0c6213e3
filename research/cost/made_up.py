"""A log of any size, with what real ones have: a long tail, groups of users, rating levels."""

from __future__ import annotations

import numpy as np
import polars as pl

from conv4rec import Interactions
from conv4rec.errors import SettingError

N_GROUPS = 40  # of users, who share a taste
OWN = 0.7  # of the interactions are with items of one's group
WIDTH = 5  # factors of the ratings


def made_up(
    n_users: int, n_items: int, n_rows: int, n_levels: int = 5, seed: int = 0
) -> Interactions:
    """Users log-normal in activity, items of Zipf's popularity; no users x items array.

    Raises:
        SettingError: So many rows do not fit into users x items.
    """
    if 4 * n_rows > n_users * n_items:
        raise SettingError(
            f"{n_rows:,} rows are more than a quarter of {n_users:,} users x {n_items:,} items"
        )
    rng = np.random.default_rng(seed)
    activity = rng.lognormal(0.0, 1.0, n_users)
    popularity = np.cumsum((np.arange(n_items) + 10.0) ** -0.9)
    group = rng.integers(N_GROUPS, size=n_users)
    cells = np.zeros(0, dtype=np.int64)
    while len(cells) < n_rows:
        users = rng.choice(n_users, size=n_rows, p=activity / activity.sum())
        items = np.searchsorted(popularity, popularity[-1] * rng.random(n_rows))
        own = items // N_GROUPS * N_GROUPS + group[users]  # every 40th item is of one's group
        items = np.where(rng.random(n_rows) < OWN, own.clip(0, n_items - 1), items)
        cells = np.union1d(cells, users * n_items + items)
    users, items = np.divmod(rng.permutation(cells)[:n_rows], n_items)
    of_users, of_items = rng.normal(size=(n_users, WIDTH)), rng.normal(size=(n_items, WIDTH))
    values = (of_users[users] * of_items[items]).sum(1) / 2 + of_items[items, 0] / 2
    values += rng.normal(scale=0.8, size=n_rows)
    levels = np.searchsorted(np.quantile(values, np.arange(1, n_levels) / n_levels), values)
    table = {"user_id": users, "item_id": items, "rating": levels + 1}
    return Interactions.from_frame(pl.DataFrame(table))
