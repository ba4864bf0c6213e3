"""The data of the explorer: each view of a model as JSON, and each of its tables as CSV."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from fastapi import APIRouter, Request, Response

from conv4rec.recommender.answers import Answers
from conv4rec.recommender.views import View, view_of
from conv4rec.serve.engine import engine_of

KEPT = ("catalogue", "item", "model")  # views that take seconds, and are the same for everyone
MOST_KEPT = 200  # of each model

router = APIRouter(prefix="/v1/models/{name}/explore", include_in_schema=False)
_kept: WeakKeyDictionary[Answers, dict[tuple[str, ...], View]] = WeakKeyDictionary()


@router.get("/{view}")
async def explore(request: Request, name: str, view: str) -> Response:
    """A view as JSON; with `.csv` after its name, one `table` of it."""
    engine = engine_of(request)
    served = engine.find(name)
    request.scope["served_model"] = name
    view, is_csv, _ = view.partition(".csv")
    texts = dict(request.query_params)
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
