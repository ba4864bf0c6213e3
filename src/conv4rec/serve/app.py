"""The application: routes, errors as sentences, and the life of a worker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import APIKeyHeader
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from conv4rec._version import __version__
from conv4rec.errors import Conv4RecError, UnknownItemError, UnknownUserError
from conv4rec.serve import health
from conv4rec.serve.docs_page import STYLE, docs_page
from conv4rec.serve.engine import Engine, UnknownModelError
from conv4rec.serve.gate import Gate
from conv4rec.serve.json_answers import JsonAnswer
from conv4rec.serve.metrics import Metrics
from conv4rec.serve.settings import ServeSettings
from conv4rec.serve.turns import FullError

logger = logging.getLogger("conv4rec.serve")
EXPLORER = Path(__file__).parent / "explorer" / "static"
API_KEY = APIKeyHeader(name="X-API-Key", auto_error=False)
"""For the OpenAPI page; the gate has checked the key already."""
RETRY_AFTER = "1"
NOT_JSON = "the request is not JSON that can be read"


def make_app(settings: ServeSettings) -> FastAPI:
    """The application of one worker. Its models are loaded when it starts.

    Args:
        settings: which models, whose keys.
    """
    engine = Engine(settings, Metrics())
    app = FastAPI(
        title="conv4rec",
        version=__version__,
        description="Saved models of conv4rec, asked by JSON.",
        lifespan=lambda _: _life(engine),
        docs_url=None,
        redoc_url=None,
    )
    app.state.engine = engine
    app.include_router(health.probes)
    for router in (*_answering(settings), health.router):
        app.include_router(router, dependencies=[Depends(API_KEY)] if settings.keys else [])
    _add_pages(app, settings)
    for error, handler in (
        (Conv4RecError, _mistake),
        (UnknownModelError, _unknown_model),
        (RequestValidationError, _malformed),
        (HTTPException, _http_error),
        (FullError, _full),
        (MemoryError, _full),
    ):
        app.add_exception_handler(error, handler)
    app.add_middleware(Gate, settings=settings, metrics=engine.metrics)  # type: ignore[arg-type]
    return app


def _answering(settings: ServeSettings) -> list[APIRouter]:
    """The routes that answer; those of models load torch, those of precomputed lists do not."""
    if settings.is_precomputed:
        from conv4rec.serve.precomputed import router

        return [router]
    from conv4rec.serve import routes
    from conv4rec.serve.explorer.routes import router as explorer

    return [routes.router, explorer]


def _add_pages(app: FastAPI, settings: ServeSettings) -> None:
    """The reference at /docs, the explorer at /explore, and the way there from /."""
    if not settings.is_precomputed:
        app.mount("/explore", StaticFiles(directory=EXPLORER, html=True), name="explore")

    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse("/docs" if settings.is_precomputed else "/explore/")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        name = "{name}" if settings.keys else next(iter(settings.models))
        return HTMLResponse(docs_page(app.openapi(), str(request.base_url).rstrip("/"), name))

    @app.get("/docs/page.css", include_in_schema=False)
    async def style() -> Response:
        return Response(STYLE, media_type="text/css")


@contextlib.asynccontextmanager
async def _life(engine: Engine) -> AsyncIterator[None]:
    """Serve, and look for newer models, until the worker is stopped."""
    engine.start()
    watching = asyncio.create_task(engine.watch())
    with contextlib.suppress(ValueError, RuntimeError):  # not in the main thread: a test
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, engine.look_now)
    yield
    watching.cancel()
    engine.turns.close()


async def _mistake(_: Request, error: Exception) -> JsonAnswer:
    unknown = isinstance(error, (UnknownUserError, UnknownItemError))
    return JsonAnswer({"error": str(error)}, 404 if unknown else 422)


async def _unknown_model(_: Request, error: Exception) -> JsonAnswer:
    return JsonAnswer({"error": str(error)}, 404)


async def _malformed(_: Request, error: Exception) -> JsonAnswer:
    assert isinstance(error, RequestValidationError)
    return JsonAnswer({"error": sentence_of(list(error.errors()))}, 422)


async def _http_error(_: Request, error: Exception) -> JsonAnswer:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # FastAPI's, for what is not even text
        return JsonAnswer({"error": NOT_JSON}, 422)
    return JsonAnswer({"error": str(error.detail)}, error.status_code, error.headers)


async def _full(_: Request, error: Exception) -> JsonAnswer:
    del error
    sentence = f"too many questions wait: try again in {RETRY_AFTER} second"
    return JsonAnswer({"error": sentence}, 503, {"Retry-After": RETRY_AFTER})


def sentence_of(errors: list[dict[str, Any]]) -> str:
    """The first thing that is wrong with a question, and where."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return NOT_JSON
    if first["type"] == "model_attributes_type":
        return "the request must be a JSON object, sent with Content-Type: application/json"
    steps, whats = first["loc"][1:], [first["msg"].removeprefix("Value error, ")]
    same = [(e["input"] is first["input"] and e["loc"][:-1] == first["loc"][:-1]) for e in errors]
    others = [error for error, is_same in zip(errors, same, strict=True) if is_same][1:]
    if others:  # a value of none of the types that it may have
        steps = steps[:-1]
        whats += [other["msg"].removeprefix("Input should be ") for other in others]
    where = ".".join(str(step) for step in steps)[:100]
    return (f"{where}: " if where else "") + ", or ".join(whats)
