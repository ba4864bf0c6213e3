"""A model's answers to questions that arrive as JSON: what the service and other doors share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Ids, Interactions
from conv4rec.data.json_ids import known_id, numbers_of_any
from conv4rec.data.titles import with_titles
from conv4rec.errors import UnknownUserError
from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.questions import (
    ExplainQuestion,
    PredictQuestion,
    ProfileQuestion,
    RecommendQuestion,
    SimilarQuestion,
)

Answer = dict[str, Any]
SEND_A_HISTORY = (
    "To ask for someone who is not in the training data, send their history instead: "
    '"history": {"<item id>": <rating or null>}.'
)


@dataclass
class Person:
    """Whose histories are read for an answer, and what of them the model does not know."""

    users: Any
    """As `Conv4Rec.recommend` takes it."""
    n_users: int = 1
    unknown_items: list[int | str] = field(default_factory=list)
    fallback: str | None = None
    """"popularity" where no item of the history is known."""
    is_history: bool = False

    @property
    def remarks(self) -> Answer:
        """What every answer says about the history."""
        return {"unknown_items": self.unknown_items, "fallback": self.fallback}


class Answers:
    """Answers questions with one model, as values that JSON can hold.

    Numbers are those of the Python calls, bit for bit. Items of a history that the model does
    not know are left out and listed; a history without any known item is answered by
    popularity, and labelled. The sentences that the library warns with are in the answer.

    Args:
        model: fitted.
        titles: of items, by item id.

    Raises:
        NotFittedError: The model is not fitted.

    >>> log = pl.DataFrame({"user_id": ["ann", "ann", "bob", "bob"], "rating": [5, 4, 2, 3],
    ...                     "item_id": ["dune", "alien", "dune", "heat"]})
    >>> answers = Answers(Conv4Rec(n_steps=5).fit(log))
    >>> found = answers.recommend(RecommendQuestion(history={"dune": 5.0, "Duna": None}, k=1))
    >>> len(found["recommendations"]), found["unknown_items"], found["fallback"]
    (1, ['Duna'], None)
    """

    def __init__(self, model: Conv4Rec, titles: Mapping[Any, str] | None = None) -> None:
        self.model, self.titles, self.known = model, titles or {}, model.check_fitted()

    def recommend(self, question: RecommendQuestion) -> Answer:
        """Lists, as `Conv4Rec.recommend` makes them: one row an item of a list.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is not in the training data.
            SettingError: An argument is out of range, or does not go with another.
        """
        person = self.person(question.users, question.history)
        frame, remarks = _with_warnings(
            lambda: self.model.recommend(
                person.users,
                question.k,
                by=question.by,
                exclude_seen=question.exclude_seen,
                exclude=question.exclude,
                allow=self._items(question.allow),
                block=self._items(question.block),
                novelty=question.novelty,
                confidence=question.confidence,
                min_p_like=question.min_p_like,
                limit_exposure=question.limit_exposure,
                reasons=question.reasons,
            )
        )
        full = int((frame["rank"] == question.k).sum())
        return {
            "by": question.by,
            "k": question.k,
            "recommendations": self._rows(frame, person),
            "short_lists": person.n_users - full,
            **person.remarks,
            "warnings": remarks,
        }

    def predict(self, question: PredictQuestion) -> Answer:
        """Both answers for pairs, as `Conv4Rec.predict` makes them.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is not in the training data.
        """
        if question.pairs is not None:
            users = [known_id(pair.user_id, self.known.users) for pair in question.pairs]
            items = self._items(pair.item_id for pair in question.pairs) or []
            person = Person(None)
        else:
            person = self.person(None, question.history)
            items = self._items(question.items) or []
            users = [self._own_id()] * len(items)
        self._check(users if question.pairs is not None else [], items)
        pairs = pl.DataFrame({"user_id": users, "item_id": items})
        frame, remarks = _with_warnings(
            lambda: self.model.predict(pairs, users=person.users, intervals=question.intervals)
        )
        rows = self._rows(frame, person)
        return {"predictions": rows, **person.remarks, "warnings": remarks}

    def explain(self, question: ExplainQuestion) -> Answer:
        """The parts of a score, as `Conv4Rec.explain` makes them.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is not in the training data.
            SettingError: The item is in the history, or the scale has nothing to explain.
        """
        person, item = self._one(question), known_id(question.item, self.known.items)
        by, confidence = question.by, question.confidence
        frame, remarks = _with_warnings(
            lambda: self.model.explain(person.users, item, by=by, confidence=confidence)
        )
        parts = self._rows(frame, person)
        score = float(frame["contribution"].sum())
        head = {"item_id": item, "by": by, "score": score, "parts": parts}
        return {**head, **person.remarks, "warnings": remarks}

    def profile(self, question: ProfileQuestion) -> Answer:
        """One user in words, as `Conv4Rec.profile` describes them.

        Raises:
            UnknownUserError: The id is not in the training data.
        """
        person = self._one(question)
        profile, remarks = _with_warnings(lambda: self.model.profile(person.users))
        facts = asdict(profile)
        facts["user_id"] = None if person.is_history else facts["user_id"]
        for direction in facts["directions"]:
            direction["titles"] = [self.titles.get(item) for item in direction["items"]]
        return {"profile": facts, **person.remarks, "warnings": remarks}

    def similar(self, question: SimilarQuestion) -> Answer:
        """The items consumed by the same users, as `Conv4Rec.similar_items` finds them.

        Raises:
            UnknownItemError: The item is not in the catalogue.
        """
        item = known_id(question.item, self.known.items)
        frame = self.model.similar_items(item, question.k)
        return {"item_id": item, "similar": self._rows(frame, Person(None))}

    def facts(self) -> Answer:
        """What the model is: sizes, the rating scale, and which ratings count as liking."""
        known, options = self.known, self.model.options()
        return {
            "users": known.n_users,
            "items": known.n_items,
            "interactions": len(known),
            "user_ids": known.users.kind,
            "item_ids": known.items.kind,
            "levels": list(known.levels.values),
            "like_threshold": known.levels.like_threshold(options.like_threshold),
            "types": [] if self.model.events_ is None else list(self.model.events_.log.types.names),
            "titles": len(self.titles),
        }

    def person(
        self, users: Iterable[int | str] | None, history: Mapping[str, Any] | None
    ) -> Person:
        """Whose histories are read: training users by id, or the known items of a history.

        Raises:
            UnknownUserError: Says how to send a history instead.
        """
        if users is not None:
            ids = [known_id(user, self.known.users) for user in users]
            self._check(ids, [])
            return Person(ids, len(set(ids)))
        rated = {known_id(item, self.known.items): r for item, r in (history or {}).items()}
        is_known = dict(zip(rated, numbers_of_any(self.known.items, list(rated)) >= 0, strict=True))
        unknown = [item for item in rated if not is_known[item]]
        read = {item: rating for item, rating in rated.items() if is_known[item]}
        if read:
            return Person(read, 1, unknown, None, True)
        return Person(self._nobody(), 1, unknown, "popularity", True)

    def _one(self, question: ProfileQuestion) -> Person:
        return self.person(None if question.user is None else [question.user], question.history)

    def _nobody(self) -> Interactions:
        """A log of one user without interactions."""
        none = np.zeros(0, dtype=np.int64)
        empty = self.known.take_users(none)
        ids = pl.Series([self._own_id()], dtype=self.known.users.to_series().dtype)
        return Interactions(
            users=Ids(ids),
            items=empty.items,
            levels=empty.levels,
            starts=np.zeros(2, dtype=empty.starts.dtype),
            item_numbers=empty.item_numbers,
            level_numbers=empty.level_numbers,
            timestamps=None,
            report=empty.report,
        )

    def _own_id(self) -> int | str:
        """The id of the one user of a history (see `histories_of`)."""
        return 0 if self.known.users.kind == "int" else "new"

    def _items(self, ids: Iterable[int | str] | None) -> list[int | str] | None:
        return None if ids is None else [known_id(item, self.known.items) for item in ids]

    def _check(self, users: Sequence[int | str], items: Sequence[int | str]) -> None:
        for at in np.flatnonzero(numbers_of_any(self.known.users, users) < 0)[:1]:
            try:
                self.known.users.number(users[at])
            except UnknownUserError as error:
                raise UnknownUserError(f"{error} {SEND_A_HISTORY}") from None
        for at in np.flatnonzero(numbers_of_any(self.known.items, items) < 0)[:1]:
            self.known.items.number(items[at])  # raises

    def _rows(self, frame: pl.DataFrame, person: Person) -> list[Answer]:
        rows = with_titles(frame, self.titles).to_dicts()
        if person.is_history and "user_id" in frame.columns:
            rows = [{**row, "user_id": None} for row in rows]
        return rows


def _with_warnings(ask: Callable[[], Any]) -> tuple[Any, list[str]]:
    """An answer, and the sentences that the library warned with. For one thread at a time."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        answer = ask()
    own = [str(w.message) for w in caught if w.category is UserWarning]
    return answer, list(dict.fromkeys(own))
