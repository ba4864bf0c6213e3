"""Facts about a log: how often each level is given, and a user of typical activity."""

from __future__ import annotations

import numpy as np
import polars as pl

from conv4rec.data.interactions import Interactions

FEWEST = 50  # interactions of a typical user, where any user has as many


def level_counts(log: Interactions) -> pl.DataFrame:
    """How often each level is given.

    Returns:
        level, interactions, share; a first row "not rated" where some are not.
    """
    counts = np.bincount(log.level_numbers.astype(np.int64) + 1, minlength=log.n_levels + 1)
    names = ["not rated", *log.levels.labels]
    shares = counts / max(1, counts.sum())
    frame = pl.DataFrame({"level": names, "interactions": counts, "share": shares.round(3)})
    return frame if counts[0] else frame.slice(1)


def typical_user(log: Interactions) -> int | str:
    """The id of the user of median activity among those with `FEWEST` interactions or more."""
    counts = np.diff(log.starts)
    active = np.flatnonzero(counts >= min(FEWEST, counts.max()))
    in_order = active[np.argsort(counts[active], kind="stable")]
    return log.users.ids(in_order[[len(in_order) // 2]])[0]


def levels_by_item(log: Interactions, user: int | str) -> dict[int | str, str | None]:
    """What a user gave each item: the label of the level by item id, None where not rated."""
    number = log.users.number(user)
    rows = slice(log.starts[number], log.starts[number + 1])
    labels = [*log.levels.labels, None]  # the level number -1 stands for "not rated"
    given = [labels[level] for level in log.level_numbers[rows].tolist()]
    return dict(zip(log.items.ids(log.item_numbers[rows]).to_list(), given, strict=True))
