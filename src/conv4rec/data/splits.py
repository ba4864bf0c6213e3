"""Splits of a data set into training interactions, histories at inference, and a test part."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from conv4rec.data.datasets import Dataset, load_dataset
from conv4rec.data.interactions import NO_TIMESTAMP, Interactions
from conv4rec.data.liang import LIANG, PROTOCOLS, liang_split
from conv4rec.errors import DataError, SettingError

OWNERS = {"mar": "coat", "monti": "douban-monti", "lightgcn": "gowalla", "glocal": "ml-1m"}
"""The data set of each split of one publication: a column `split`, or for glocal a rule."""
KINDS = r"r\d+|u[1-5]|time|new-users|mar|monti|glocal|lightgcn|liang(-validation)?"
SLACK = 1e-9  # in floats, 29% of 100 is a hair below 29


@dataclass(frozen=True)
class Split:
    """A data set divided into training interactions, histories at inference, and a test part."""

    name: str
    train: Interactions
    """What a model is fitted on. Items and levels are those of the whole data set, so the
    catalogue includes items that only the test part has. Users are those of the whole data set
    too, except in new-users splits, where the new users have no training interactions. The
    splits of Liang et al. have only the items and the users of training."""
    given: Interactions
    """The histories at inference, one row for each user to evaluate. The same object as `train`
    except in new-users splits."""
    test: Interactions
    """The held-out interactions, over the users (rows) of `given`."""


def split_by_name(name: str, folder: str | os.PathLike[str] | None = None) -> Split:
    """Load a data set and split it, by a name such as "ml-100k/u1" or "ml-1m/r0".

    After the slash, for any data set: `rSEED`, a random tenth (see `random_split`);
    `new-users` (see `new_users_split`, seed 0); `time`, the published time split of the data
    set if it has one, else the latest tenth (see `time_split`). For some data sets the split of
    a publication: `u1` to `u5` (ml-100k), `mar` (coat), `monti` (douban-monti), `glocal`
    (ml-1m: Han et al., "GLocal-K", CIKM 2021), `lightgcn` (gowalla: train and validation against
    test, He et al., "LightGCN", SIGIR 2020), `liang` and `liang-validation` (ml-20m, netflix,
    msd: see `liang_split`).

    Args:
        name: Data set, slash, split.
        folder: Holds a folder for each data set; by default $CONV4REC_DATA (see `load_dataset`).

    Raises:
        SettingError: There is no such split of this data set.
        DatasetError: The data set is unknown, or could not be found or fetched.
    """
    set_name, slash, kind = name.rpartition("/")
    if not slash or not re.fullmatch(KINDS, kind):
        raise SettingError(
            f"no split {name!r}: write a data set, a slash and rSEED, new-users, time, u1 to u5, "
            "mar, monti, glocal, lightgcn, liang or liang-validation, as in 'ml-1m/r0'"
        )
    if kind in LIANG and set_name not in PROTOCOLS:
        raise SettingError(
            f"{set_name} has no split {kind!r}, which is for {', '.join(PROTOCOLS)}: try "
            f"{set_name}/r0 or {set_name}/new-users"
        )
    if OWNERS.get(kind, set_name) != set_name:  # before it is fetched
        raise _no_split(set_name, kind)
    dataset = load_dataset(set_name, folder)
    if kind in LIANG:
        validation = kind != LIANG[0]
        return Split(name, *liang_split(dataset.frame, PROTOCOLS[set_name], validation))
    everything = Interactions.from_frame(dataset.frame)
    if kind == "new-users":
        split = new_users_split(everything)
        return Split(name, split.train, split.given, split.test)
    if kind.startswith("r"):
        train, test = random_split(everything, seed=int(kind[1:]))
    elif kind == "time" and "ts_split" not in dataset.frame.columns:
        train, test = time_split(everything)
    else:
        in_test = _published(dataset, kind)[_rows(everything)]
        train, test = everything.select(~in_test), everything.select(in_test)
    return Split(name, train, given=train, test=test)


def split_log(log: Any, kind: str = "r0", *, name: str = "log", **loading: Any) -> Split:
    """Split any log into a training part and a test part.

    Args:
        log: `Interactions`, a frame, or a file (see `Interactions.from_frame`).
        kind: "rSEED", a random tenth is the test (`random_split`); "time", the latest tenth
            (`time_split`); "new-users", a fifth of the users (`new_users_split`, seed 0).
        name: what to call the log; the split is called "name/kind".
        **loading: passed to `Interactions.from_frame` (columns=, levels=, ...).

    Raises:
        SettingError: There is no such kind.
        DataError: The log cannot be used, or is too small for the split.

    >>> import polars as pl
    >>> table = pl.DataFrame({"user_id": [1] * 10, "item_id": range(10)})
    >>> split = split_log(table, "r3", name="mine")
    >>> split.name, len(split.train), len(split.test)
    ('mine/r3', 9, 1)
    """
    if not re.fullmatch(r"r\d+|new-users|time", str(kind)):
        raise SettingError(f"no split {kind!r}: there are r0 (or any seed), new-users and time")
    if not isinstance(log, Interactions):
        log = Interactions.from_frame(log, **loading)
    if kind == "new-users":
        split = new_users_split(log)
        return Split(f"{name}/{kind}", split.train, split.given, split.test)
    train, test = time_split(log) if kind == "time" else random_split(log, seed=int(kind[1:]))
    return Split(f"{name}/{kind}", train, given=train, test=test)


def random_split(
    interactions: Interactions, test_share: float = 0.1, seed: int = 0, per_user: bool = False
) -> tuple[Interactions, Interactions]:
    """Hold out a random share of the interactions: (train, test).

    With the rows left by the duplicate policy in file order and `p = default_rng(seed)
    .permutation(n_rows)`, the test is the first `floor(test_share * n_rows)` rows of p. With
    `per_user`, it is that share of each user's rows, rounded down.

    Raises:
        SettingError: `test_share` is not between 0 and 1.
        DataError: The share comes to no interaction at all.

    >>> import polars as pl
    >>> table = pl.DataFrame({"user_id": [1, 1, 2, 2, 2], "item_id": [1, 2, 1, 2, 3]})
    >>> train, test = random_split(Interactions.from_frame(table), test_share=0.4)
    >>> len(train), len(test)
    (3, 2)
    """
    _check_share(test_share)
    rng = np.random.default_rng(seed)
    if per_user:
        counts = np.floor(np.diff(interactions.starts) * test_share + SLACK)
        in_test = _random_share(interactions, counts, rng)
    else:
        in_file_order = np.argsort(_rows(interactions), kind="stable")
        n_test = math.floor(len(interactions) * test_share + SLACK)
        in_test = np.zeros(len(interactions), dtype=bool)
        in_test[in_file_order[rng.permutation(len(interactions))[:n_test]]] = True
    if not in_test.any():
        raise DataError(
            f"{test_share:.0%} of {len(interactions)} interactions comes to none: "
            "a test needs at least one"
        )
    return interactions.select(~in_test), interactions.select(in_test)


def time_split(
    interactions: Interactions, test_share: float = 0.1
) -> tuple[Interactions, Interactions]:
    """Hold out the latest share of all interactions: (train, test); ties in file order.

    Raises:
        SettingError: `test_share` is not between 0 and 1.
        DataError: An interaction has no timestamp.
    """
    _check_share(test_share)
    times = interactions.timestamps
    if times is None or (times == NO_TIMESTAMP).any():
        raise DataError("a time split needs a timestamp in every row")
    in_test = np.ones(len(interactions), dtype=bool)
    n_train = len(interactions) - math.floor(len(interactions) * test_share + SLACK)
    in_test[np.lexsort((_rows(interactions), times))[:n_train]] = False
    return interactions.select(~in_test), interactions.select(in_test)


def new_users_split(
    interactions: Interactions, seed: int = 0, user_share: float = 0.2, test_share: float = 0.2
) -> Split:
    """Hold out users (strong generalisation): test on users who are not in training.

    A share of the users has no training interactions. Of each of them, a `test_share` of the
    interactions (rounded down, at least one) is the test part, and the rest is given as the
    history at inference. Users with a single interaction stay in training.

        user     items in train    given    test
        ann      a b c
        bob                        a c d    b

    Raises:
        SettingError: A share is not between 0 and 1.
        DataError: No user is left to be new, or none to train on.
    """
    _check_share(user_share)
    _check_share(test_share)
    rng = np.random.default_rng(seed)
    eligible = np.flatnonzero(np.diff(interactions.starts) >= 2)
    n_new = min(math.floor(interactions.n_users * user_share + SLACK), len(eligible))
    if not 0 < n_new < interactions.n_users:
        raise DataError(
            f"{user_share:.0%} of {interactions.n_users} users, with two rows or more each, "
            f"comes to {n_new}: a new-users split needs users on both sides"
        )
    new = np.sort(rng.permutation(eligible)[:n_new])
    old = np.setdiff1d(np.arange(interactions.n_users), new)
    histories = interactions.take_users(new)
    counts = np.floor(np.diff(histories.starts) * test_share + SLACK)
    in_test = _random_share(histories, np.maximum(counts, 1), rng)
    return Split(
        name="new-users",
        train=interactions.take_users(old),
        given=histories.select(~in_test),
        test=histories.select(in_test),
    )


def _published(dataset: Dataset, kind: str) -> np.ndarray:
    """Which rows of a data set a publication put in the test part, as booleans."""
    if kind == "glocal":
        return _glocal_rows(dataset.frame.height)
    column = {"time": "ts_split", **dict.fromkeys(OWNERS, "split")}.get(kind, "fold")
    if column not in dataset.frame.columns:
        raise _no_split(dataset.name, kind)
    test = int(kind[1:]) if column == "fold" else "test"
    return (dataset.frame[column] == test).to_numpy()


def _no_split(name: str, kind: str) -> SettingError:
    return SettingError(f"{name} has no split {kind!r}: try {name}/r0 or {name}/new-users")


def _glocal_rows(n_rows: int) -> np.ndarray:
    """The test rows of GLocal-K on ml-1m, as booleans over the rows of the file.

    Its code calls `numpy.random.seed(1234)` and shuffles `arange(n_rows)` in place; the first
    `int(0.1 * n_rows)` entries are the test rows. `RandomState` is the same random stream.
    """
    order = np.arange(n_rows)
    np.random.RandomState(1234).shuffle(order)
    in_test = np.zeros(n_rows, dtype=bool)
    in_test[order[: int(0.1 * n_rows)]] = True
    return in_test


def _random_share(
    interactions: Interactions, counts: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """For each user, a random `counts[user]` of the interactions, as booleans."""
    users = interactions.user_numbers
    shuffled = np.lexsort((rng.random(len(interactions)), users))
    place = np.arange(len(interactions)) - interactions.starts[:-1][users]
    chosen = np.zeros(len(interactions), dtype=bool)
    chosen[shuffled] = place < counts[users]
    return chosen


def _rows(interactions: Interactions) -> np.ndarray:
    """The row of each interaction in the file, or its place where there was none."""
    return np.arange(len(interactions)) if interactions.rows is None else interactions.rows


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise SettingError(f"a share lies strictly between 0 and 1, got {share}")
