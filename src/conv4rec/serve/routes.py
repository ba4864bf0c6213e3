"""The routes of /v1: each hands its question to `recommender.answers`."""

from __future__ import annotations

from fastapi import APIRouter, Request

from conv4rec.recommender.questions import (
    ExplainQuestion,
    PredictQuestion,
    ProfileQuestion,
    RecommendQuestion,
    SimilarQuestion,
)
from conv4rec.serve import answer_forms as forms
from conv4rec.serve.engine import ask, engine_of
from conv4rec.serve.json_answers import JsonAnswer

router = APIRouter(prefix="/v1", tags=["answers"])


@router.get("/models", summary="The models that are served", responses=forms.of(forms.Models))
async def models(request: Request) -> JsonAnswer:
    """Name, version, sizes and rating scale of each model."""
    return JsonAnswer({"models": engine_of(request).facts()})


@router.post(
    "/models/{name}/recommend", summary="Lists of items", responses=forms.asking(forms.Lists)
)
async def recommend(request: Request, name: str, question: RecommendQuestion) -> JsonAnswer:
    """Lists for users of the training data, or for anyone's history.

    Ranked by P(consume), by what is liked, or by what would be loved but hardly found. Items of
    a history that the model does not know are left out and named in `unknown_items`. A history
    of which nothing is known is answered by popularity: `fallback` says so.
    """
    return await ask(request, name, lambda answers: answers.recommend(question))


@router.post(
    "/models/{name}/predict",
    summary="Both answers for given pairs",
    responses=forms.asking(forms.Predictions),
)
async def predict(request: Request, name: str, question: PredictQuestion) -> JsonAnswer:
    """P(consume), P(like), the expected rating and the chance of each rating."""
    return await ask(request, name, lambda answers: answers.predict(question))


@router.post(
    "/models/{name}/explain",
    summary="Why a score is what it is",
    responses=forms.asking(forms.Explanation),
)
async def explain(request: Request, name: str, question: ExplainQuestion) -> JsonAnswer:
    """What each item of the history adds to the score; the parts sum to it exactly."""
    return await ask(request, name, lambda answers: answers.explain(question))


@router.post(
    "/models/{name}/profile", summary="A user in words", responses=forms.asking(forms.Profiled)
)
async def profile(request: Request, name: str, question: ProfileQuestion) -> JsonAnswer:
    """Levels used, generosity, and the main directions of taste."""
    return await ask(request, name, lambda answers: answers.profile(question))


@router.post(
    "/models/{name}/similar",
    summary="Items consumed by the same users",
    responses=forms.asking(forms.Similar),
)
async def similar(request: Request, name: str, question: SimilarQuestion) -> JsonAnswer:
    """The nearest items by the vectors that decode P(consume)."""
    return await ask(request, name, lambda answers: answers.similar(question))
