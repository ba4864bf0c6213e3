"""Whom a view is about: a training user by id, or anyone by their history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.recommender.answers import Answers
from conv4rec.recommender.user_histories import histories_of


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
    those of popularity, and `facts` says so.

    Raises:
        SettingError: Neither or both are given.
        UnknownUserError: The user is not in the training data.
        DataError: A rating is not on the scale.
    """
    if (user is None) == (history is None):
        raise SettingError("say who: a user, or a history")
    person = answers.person(None if user is None else [user], history)
    return Subject.of(histories_of(answers.known, person.users), **person.remarks)
