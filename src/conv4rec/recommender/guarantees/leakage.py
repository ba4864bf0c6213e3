"""Leakage: whether held-out users, or copies of them, were training users."""

from __future__ import annotations

import hashlib
import itertools
import warnings

import numpy as np

from conv4rec.data import Interactions
from conv4rec.data.ids import shown
from conv4rec.errors import DataError

LONG = 5  # interactions: two users with shorter histories often agree by chance
TOLERATED = 0.05  # share of held-out users who may agree with a training user by chance


def known_users(trained: Interactions, held_out: Interactions) -> np.ndarray:
    """Which users of `held_out` have an id of a training user, as booleans."""
    ids = held_out.users.to_series()
    if trained.users.kind != held_out.users.kind:
        return np.zeros(held_out.n_users, dtype=bool)
    return trained.users.numbers(ids) >= 0


def check_leakage(trained: Interactions, held_out: Interactions) -> None:
    """Refuse held-out users on whom the model was trained: a certificate would be invalid.

    A held-out user is a training user if the ids are equal, or if the histories are equal in items
    and ratings and have at least 5 interactions (a renamed copy). In a small catalogue, two users
    may agree by chance: up to one in twenty such histories gives a warning only.

    Raises:
        DataError: A held-out user is a training user; says how many are and names one.
    """
    known = known_users(trained, held_out)
    if known.any():
        example = held_out.users.ids(np.flatnonzero(known)[:1])[0]
        raise DataError(
            f"{int(known.sum()):,} of {held_out.n_users:,} held-out users trained this model, "
            f"e.g. user {shown(example)}: give users on whom it was not trained"
        )
    digests = set(_digests(trained)) - {b""}
    copies = [user for user, digest in enumerate(_digests(held_out)) if digest in digests]
    if not copies:
        return
    example = held_out.users.ids(np.array(copies[:1]))[0]
    sentence = (
        f"{len(copies):,} of {held_out.n_users:,} held-out users have the same history as a "
        f"training user, e.g. user {shown(example)}"
    )
    if len(copies) > TOLERATED * held_out.n_users:
        raise DataError(f"{sentence}: give users on whom the model was not trained")
    warnings.warn(f"{sentence}: few enough to be by chance", stacklevel=3)


def _digests(log: Interactions) -> list[bytes]:
    """One digest per history; empty for a short one."""
    pairs = np.stack([log.item_numbers, log.level_numbers.astype(np.int32)], axis=1)
    bounds = log.starts.tolist()
    return [
        hashlib.sha256(pairs[first:last].tobytes()).digest() if last - first >= LONG else b""
        for first, last in itertools.pairwise(bounds)
    ]
