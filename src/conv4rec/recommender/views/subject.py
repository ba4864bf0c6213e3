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
    """Whom an answer is about, and what of them was not used."""


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
    found = histories_of(answers.known, person.users)
    facts = {"n_interactions": len(found), "n_rated": found.n_rated, **person.remarks}
    return Subject(found, facts)
