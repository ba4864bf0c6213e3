"""Whom a view is about: a training user by id, or anyone by their history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.recommender.answers import Answers


@dataclass(frozen=True)
class Subject:
    """One person as a model reads them."""

    history: Interactions
    """Of one user."""
    facts: dict[str, Any]
    """How long the history is, and what of it was not used."""

    @classmethod
    def of(cls, history: Interactions, **remarks: Any) -> Subject:
        """The one user of a log over the model's items and levels."""
        sizes = {"n_interactions": len(history), "n_rated": history.n_rated}
        return cls(history, {**sizes, "unknown_items": [], "fallback": None, **remarks})


def subject_of(
    answers: Answers, user: int | str | None, history: Mapping[str, Any] | None
) -> Subject:
    """A training user, or the person with a history {item: rating or None}.

    Items that the model does not know are left out and named. Nothing left: the answers are
    those of popularity, and `facts` says so. In a log with types, None is the commonest type
    without a rating.

    Raises:
        SettingError: Neither or both are given.
        UnknownUserError: The user is not in the training data.
        DataError: A rating is not on the scale.
    """
    if (user is None) == (history is None):
        raise SettingError("say who: a user, or a history")
    person = answers.person(None if user is None else [user], history)
    users = person.users
    if isinstance(users, dict) and (unrated := _commonest_unrated(answers)) is not None:
        users = {item: unrated if done is None else done for item, done in users.items()}
    return Subject.of(answers.model.histories(users), **person.remarks)


def _commonest_unrated(answers: Answers) -> str | None:
    """What "seen, no opinion" is in a log with types: its commonest event without a rating."""
    if answers.model.events_ is None:
        return None
    log = answers.model.events_.log
    is_rated = np.asarray(log.types.kind_levels)[log.kind_numbers] >= 0
    counts = np.bincount(log.type_numbers[~is_rated], minlength=len(log.types.names))
    return log.types.names[int(counts.argmax())] if counts.any() else None
