"""Health and metadata as in the Open Inference Protocol, and the counts for Prometheus."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from conv4rec._version import __version__
from conv4rec.serve import answer_forms as forms
from conv4rec.serve.engine import engine_of
from conv4rec.serve.json_answers import JsonAnswer

probes = APIRouter(tags=["health"])
"""Answered without a key."""
router = APIRouter(tags=["health"])


class Live(BaseModel):
    """Whether the service runs."""

    live: bool


class Ready(BaseModel):
    """Whether all models, or the one asked for, are loaded."""

    ready: bool


class Server(BaseModel):
    """Metadata of the service."""

    name: str
    version: str
    extensions: list[str]


class ModelMetadata(BaseModel):
    """Metadata of a model; it is asked at /v1, not by tensors, so these lists are empty."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Any]
    outputs: list[Any]


_NOT_READY = {503: {"model": Ready, "description": "Not yet."}}


@router.get("/v2", summary="What runs here", responses=forms.of(Server))
async def server() -> JsonAnswer:
    """Name and version of the service."""
    return JsonAnswer({"name": "conv4rec", "version": __version__, "extensions": []})


@probes.get("/v2/health/live", summary="Does it run", responses={200: {"model": Live}})
async def live() -> JsonAnswer:
    """Always true: who does not run does not answer."""
    return JsonAnswer({"live": True})


@probes.get(
    "/v2/health/ready",
    summary="Are all models loaded",
    responses={200: {"model": Ready}, **_NOT_READY},
)
async def ready(request: Request) -> JsonAnswer:
    """503 until all models are loaded."""
    is_ready = engine_of(request).is_ready
    return JsonAnswer({"ready": is_ready}, 200 if is_ready else 503)


@router.get("/v2/models/{name}", summary="A model", responses=forms.of(ModelMetadata, 404, 422))
async def model(request: Request, name: str) -> JsonAnswer:
    """Name and version of a model."""
    version = engine_of(request).find(name).version
    facts = {"name": name, "versions": [version], "platform": "conv4rec"}
    return JsonAnswer({**facts, "inputs": [], "outputs": []})


@router.get(
    "/v2/models/{name}/ready", summary="Is a model loaded", responses=forms.of(Ready, 404, 422)
)
async def model_ready(request: Request, name: str) -> JsonAnswer:
    """404 for a model that is not served."""
    engine_of(request).find(name)
    return JsonAnswer({"ready": True})


@router.get(
    "/metrics",
    summary="Counts for Prometheus",
    responses={**forms.of(None), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
async def metrics(request: Request) -> Response:
    """Requests, latencies, versions, short lists, unknown items, in Prometheus' text format."""
    page = engine_of(request).metrics.page()
    return Response(page, media_type="text/plain; version=0.0.4")
