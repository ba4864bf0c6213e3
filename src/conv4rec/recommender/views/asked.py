"""A view asked for by name and by texts, as they come in the address of a page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from conv4rec.data.json_ids import known_id
from conv4rec.errors import SettingError
from conv4rec.recommender.answers import Answers
from conv4rec.recommender.discovery import CONFIDENCE, NOVELTY, DiscoveryCriteria
from conv4rec.recommender.questions import MOST_HISTORY
from conv4rec.recommender.views.item import item_view
from conv4rec.recommender.views.person import person_view, rows_view, why_view
from conv4rec.recommender.views.subject import Subject, subject_of
from conv4rec.recommender.views.view import View
from conv4rec.recommender.views.whole_model import catalogue_view, model_view, users_view

MOST_ITEMS = 100  # of a list
Texts = Mapping[str, str]


def view_of(answers: Answers, name: str, texts: Texts) -> View:
    """The view of this name.

    Args:
        answers: of a fitted model, with titles.
        name: one of `VIEWS`.
        texts: `user` (an id) or `history` (JSON: {item: rating or null}), `item`, `k`,
            `novelty`, `confidence`, `reasons`, `start`; what the view reads of these.

    Raises:
        SettingError: There is no such view, or a text is not what it should be.
        UnknownUserError: (or UnknownItemError) An id is not in the training data.
        DataError: A rating is not on the scale.
    """
    if name not in VIEWS:
        raise SettingError(f"a view is one of {', '.join(VIEWS)}; got {name!r}")
    view = VIEWS[name]
    if stray := [text for text in texts if text not in view.reads]:
        raise SettingError(f"{name} reads {', '.join(view.reads) or 'nothing'}; got {stray[0]!r}")
    return view.make(answers, texts)


def _subject(answers: Answers, texts: Texts) -> Subject:
    history = _history(texts["history"]) if "history" in texts else None
    return subject_of(answers, texts.get("user"), history)


def _history(text: str) -> dict[str, float | None]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SettingError('history must be JSON such as {"dune": 5, "heat": null}')
    if len(found) > MOST_HISTORY:
        raise SettingError(f"a history has at most {MOST_HISTORY:,} items; got {len(found):,}")
    return found


def _item(answers: Answers, texts: Texts) -> int | str:
    if "item" not in texts:
        raise SettingError("say which item")
    return known_id(texts["item"], answers.known.items)


def _number(texts: Texts, name: str, default: int, least: int = 1, most: int = MOST_ITEMS) -> int:
    text = texts.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
        raise SettingError(f"{name} must be a whole number from {least} to {most}; got {text!r}")
    return int(text)


def _criteria(texts: Texts) -> DiscoveryCriteria:
    novelty: str | float = texts.get("novelty", str(NOVELTY))
    try:
        novelty = int(novelty) if re.fullmatch(r"\d{1,9}", str(novelty)) else float(novelty)
        confidence = float(texts.get("confidence", CONFIDENCE))
    except ValueError:
        if "confidence" in texts or novelty != "median":
            raise SettingError("novelty and confidence are numbers, or novelty=median") from None
        confidence = CONFIDENCE
    return DiscoveryCriteria(novelty, confidence)


def _person(answers: Answers, texts: Texts) -> View:
    return person_view(
        answers.model, _subject(answers, texts), _number(texts, "k", 10), _criteria(texts),
        _number(texts, "reasons", 2, least=0, most=5),
    )  # fmt: skip


def _why(answers: Answers, texts: Texts) -> View:
    return why_view(answers.model, _subject(answers, texts), _item(answers, texts))


def _rows(answers: Answers, texts: Texts) -> View:
    return rows_view(answers.model, _subject(answers, texts))


def _of_item(answers: Answers, texts: Texts) -> View:
    return item_view(answers.model, _item(answers, texts), _number(texts, "k", 10))


def _users(answers: Answers, texts: Texts) -> View:
    return users_view(answers.model, texts.get("start", ""), _number(texts, "k", 20))


def _catalogue(answers: Answers, _: Texts) -> View:
    return catalogue_view(answers.model, answers.titles)


def _model(answers: Answers, texts: Texts) -> View:
    return model_view(answers.model, _number(texts, "k", 10))


@dataclass(frozen=True)
class Askable:
    """A view that can be asked for."""

    meaning: str
    make: Callable[[Answers, Texts], View]
    reads: tuple[str, ...] = ()


WHOM = ("user", "history")
VIEWS = {
    "catalogue": Askable("The items with titles and counts, and the rating levels.", _catalogue),
    "users": Askable("Training users, with the length of the history.", _users, ("start", "k")),
    "person": Askable(
        "Everything that one history says of the catalogue.",
        _person,
        (*WHOM, "k", "novelty", "confidence", "reasons"),
    ),
    "why": Askable("Why an item is where it is, for one person.", _why, (*WHOM, "item")),
    "rows": Askable("The rows of a home page for one person.", _rows, WHOM),
    "item": Askable(
        "How an item was rated, its neighbours and its audience.", _of_item, ("item", "k")
    ),
    "model": Askable("How the model treats its catalogue and users.", _model, ("k",)),
}
"""Each view by its name."""
