"""The data of the explorer: each view of a model as JSON, and each of its tables as CSV."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from fastapi import APIRouter, Request, Response

from conv4rec.errors import SettingError
from conv4rec.recommender.answers import Answers
from conv4rec.recommender.views import VIEWS, View, view_of
from conv4rec.serve import answer_forms as forms
from conv4rec.serve.engine import engine_of

KEPT = ("catalogue", "item", "model")  # views that take seconds, and are the same for everyone
MOST_KEPT = 200  # of each model

ANY_TEXT = {"type": "string"}
FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "user": (ANY_TEXT, "A training user; or send a `history`."),
    "history": (ANY_TEXT, 'JSON: `{"dune": 5, "heat": null}`, null for "not rated".'),
    "item": (ANY_TEXT, "Which item."),
    "start": (ANY_TEXT, "What the ids of users begin with; without it, a spread of all."),
    "k": ({"type": "integer", "minimum": 1, "maximum": 100}, "How many rows of a table."),
    "novelty": (ANY_TEXT, "A probability, a whole number, or `median`: see `recommend`."),
    "confidence": ({"type": "number"}, "From 0.5 to below 1: see `recommend`."),
    "reasons": (
        {"type": "integer", "minimum": 0, "maximum": 5},
        "How many reasons for each item of a list.",
    ),
    "table": (ANY_TEXT, "Which table; without it, the first."),
}
"""What a view may read, for the OpenAPI page. Views check their texts themselves."""

router = APIRouter(prefix="/v1/models/{name}/explore", tags=["explorer"])
_kept: WeakKeyDictionary[Answers, dict[tuple[str, ...], View]] = WeakKeyDictionary()


async def explore(request: Request, name: str, view: str) -> Response:
    """A view as JSON; with `.csv` after its name, one `table` of it."""
    engine = engine_of(request)
    served = engine.find(name)
    request.scope["served_model"] = name
    view, is_csv, _ = view.partition(".csv")
    texts = dict(request.query_params)
    if len(texts) < len(request.query_params.multi_items()):
        raise SettingError("a parameter of the address is given twice")
    table = texts.pop("table", None) if is_csv else None

    def answer(answers: Answers) -> Response:
        found = _view(answers, view, texts)
        if is_csv:
            return Response(found.csv(table), media_type="text/csv")
        return Response(found.json(), media_type="application/json")

    return await engine.run(served, answer)


def _view(answers: Answers, view: str, texts: dict[str, str]) -> View:
    if view not in KEPT:
        return view_of(answers, view, texts)
    kept, key = _kept.setdefault(answers, {}), (view, *map(str, sorted(texts.items())))
    if key not in kept:
        if len(kept) >= MOST_KEPT:
            kept.pop(next(iter(kept)))
        kept[key] = view_of(answers, view, texts)
    return kept[key]


def _add_route(view: str, ending: str) -> None:
    async def ask(request: Request, name: str) -> Response:
        return await explore(request, name, view + ending)

    shape = {"text/csv": {"schema": ANY_TEXT}} if ending else {"application/json": {}}
    parameters = [
        {"in": "query", "name": text, "required": text == "item", "schema": schema}
        | {"description": meaning}
        for text in (*VIEWS[view].reads, *(("table",) if ending else ()))
        for schema, meaning in [FORMS[text]]
    ]
    router.add_api_route(
        f"/{view}{ending}",
        ask,
        summary=f"Explorer: {view}" + (", a table" if ending else ""),
        description=VIEWS[view].meaning,
        responses={**forms.of(None, 404, 422, 503), 200: {"content": shape}},
        response_class=Response,
        openapi_extra={"parameters": parameters},
    )


for _name in VIEWS:
    _add_route(_name, "")
    _add_route(_name, ".csv")
router.add_api_route("/{view}", explore, include_in_schema=False)  # says which views there are
