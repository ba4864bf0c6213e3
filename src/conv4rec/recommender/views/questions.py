"""A view asked for by name and by texts, as they come in the address of a page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from conv4rec.data import Ids
from conv4rec.errors import SettingError
from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.discovery import CONFIDENCE, NOVELTY, DiscoveryCriteria
from conv4rec.recommender.views.item import item_view
from conv4rec.recommender.views.person import person_view, rows_view, why_view
from conv4rec.recommender.views.subject import Subject, subject_of
from conv4rec.recommender.views.view import View
from conv4rec.recommender.views.whole_model import catalogue_view, model_view, users_view

MOST_ITEMS = 100  # of a list
MOST_HISTORY = 10_000

Texts = Mapping[str, str]


def view_of(model: Conv4Rec, name: str, texts: Texts, titles: Mapping[Any, str]) -> View:
    """The view of this name.

    Args:
        model: fitted.
        name: one of `VIEWS`.
        texts: `user` (an id) or `history` (JSON: {item: rating or null}), `item`, `k`,
            `novelty`, `confidence`, `reasons`, `start`; what the view reads of these.
        titles: by item id.

    Raises:
        SettingError: There is no such view, or a text is not what it should be.
        UnknownUserError: (or UnknownItemError) An id is not in the training data.
        DataError: A rating is not on the scale.
    """
    if name not in VIEWS:
        raise SettingError(f"a view is one of {', '.join(VIEWS)}; got {name!r}")
    reads, make = VIEWS[name]
    if stray := [text for text in texts if text not in reads]:
        raise SettingError(f"{name} reads {', '.join(reads) or 'nothing'}; got {stray[0]!r}")
    if name == "catalogue":
        return catalogue_view(model, titles)
    return make(model, texts)


def id_of(text: str, ids: Ids) -> int | str:
    """A text as an id: an integer where the ids are integers."""
    return int(text) if ids.kind == "int" and re.fullmatch(r"-?\d{1,20}", text) else text


def _subject(model: Conv4Rec, texts: Texts) -> Subject:
    known = model.check_fitted()
    user = id_of(texts["user"], known.users) if "user" in texts else None
    history = _history(texts["history"], known.items) if "history" in texts else None
    return subject_of(model, user, history)


def _history(text: str, items: Ids) -> dict[Any, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SettingError('history must be JSON such as {"dune": 5, "heat": null}')
    if len(found) > MOST_HISTORY:
        raise SettingError(f"a history has at most {MOST_HISTORY:,} items; got {len(found):,}")
    return {id_of(item, items): rating for item, rating in found.items()}


def _item(model: Conv4Rec, texts: Texts) -> int | str:
    if "item" not in texts:
        raise SettingError("say which item")
    return id_of(texts["item"], model.check_fitted().items)


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


def _person(model: Conv4Rec, texts: Texts) -> View:
    return person_view(
        model, _subject(model, texts), _number(texts, "k", 10), _criteria(texts),
        _number(texts, "reasons", 2, least=0, most=5),
    )  # fmt: skip


VIEWS: dict[str, tuple[tuple[str, ...], Callable[[Conv4Rec, Texts], View]]] = {
    "catalogue": ((), lambda model, _: catalogue_view(model)),
    "users": (
        ("start", "k"),
        lambda model, texts: users_view(model, texts.get("start", ""), _number(texts, "k", 20)),
    ),
    "person": (("user", "history", "k", "novelty", "confidence", "reasons"), _person),
    "why": (
        ("user", "history", "item"),
        lambda model, texts: why_view(model, _subject(model, texts), _item(model, texts)),
    ),
    "rows": (("user", "history"), lambda model, texts: rows_view(model, _subject(model, texts))),
    "item": (
        ("item", "k"),
        lambda model, texts: item_view(model, _item(model, texts), _number(texts, "k", 10)),
    ),
    "model": (("k",), lambda model, texts: model_view(model, _number(texts, "k", 10))),
}
"""What each view reads, and how it is made."""
