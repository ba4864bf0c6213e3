"""Whom a view is about: a training user by id, or anyone by their history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Ids, Interactions
from conv4rec.errors import SettingError
from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.user_histories import histories_of


@dataclass(frozen=True)
class Subject:
    """One person as a model reads them."""

    history: Interactions
    """Of one user."""
    user_id: int | str | None
    """None for a history that was given."""
    unknown_items: list[Any]
    """Items of the given history that the model does not know."""

    @property
    def facts(self) -> dict[str, Any]:
        """Whom an answer is about, and what of them was not used."""
        return {
            "user_id": self.user_id,
            "n_interactions": len(self.history),
            "n_rated": self.history.n_rated,
            "unknown_items": self.unknown_items,
            "fallback": None if len(self.history) else "popularity",
        }


def subject_of(
    model: Conv4Rec, user: int | str | None = None, history: Mapping[Any, Any] | None = None
) -> Subject:
    """A training user, or the person with a history {item_id: rating or None}.

    Items that the model does not know are left out and named. Nothing left: the answers are
    those of popularity, and `Subject.facts` says so.

    Raises:
        SettingError: Neither or both are given.
        UnknownUserError: The user is not in the training data.
        DataError: A rating is not on the scale.
    """
    if (user is None) == (history is None):
        raise SettingError("say who: a user, or a history")
    known = model.check_fitted()
    if history is None:
        found = histories_of(known, [user])
        return Subject(found, found.users.ids(np.zeros(1, np.int64))[0], [])
    own = {item: rating for item, rating in history.items() if item in known.items}
    unknown = [item for item in history if item not in known.items]
    if own:
        return Subject(histories_of(known, own), None, unknown)
    name = pl.Series([0] if known.users.kind == "int" else ["new"])
    nothing = np.zeros(0, dtype=np.int64)
    empty = Interactions.from_numbers(Ids(name), known.items, known.levels, nothing, nothing)
    return Subject(empty, None, unknown)
