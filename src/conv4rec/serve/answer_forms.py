"""The forms of the answers, for the OpenAPI page: nothing is checked against them at run time."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = int | str


class Error(BaseModel):
    """Why there is no answer: one sentence that says what would be right."""

    error: str = Field(examples=["item 'Duna' is not in the catalogue of 1,682 items."])


class Model(BaseModel):
    """A model in service."""

    name: str
    version: str = Field(description="Head of the checksum of the model's folder.")
    users: int
    items: int
    interactions: int
    user_ids: Literal["int", "str"]
    item_ids: Literal["int", "str"]
    levels: list[float] = Field(description="The rating scale.")
    types: list[str] = Field(description="The types of events; empty for a log of ratings.")
    like_threshold: float = Field(description="The lowest rating that counts as liking.")
    titles: int = Field(description="Items that have a title.")


class Models(BaseModel):
    """All models in service."""

    models: list[Model]


class Item(BaseModel):
    """An item and what is said of it; `p_rating_<level>` are the chances of each rating."""

    model_config = ConfigDict(extra="allow")
    item_id: Id
    title: str | None = Field(None, description="Where the service was started with titles.")


class Prediction(Item):
    """Both answers for a user and an item."""

    user_id: Id | None = Field(description="null for a history.")
    p_consume: float = Field(description="To be the next item consumed.")
    p_like: float = Field(description="A rating at the like threshold or above, if consumed.")
    expected_rating: float


class Listed(Prediction):
    """An item of a list."""

    rank: int
    score: float


class Remarks(BaseModel):
    """Which model answered, and what of the history it does not know."""

    model: str
    version: str
    unknown_items: list[Id] = Field(description="Items of the history that were left out.")
    fallback: Literal["popularity"] | None = Field(description="Set where nothing was known.")
    warnings: list[str]


class Lists(Remarks):
    """Lists of items, best first; the users are in ascending order of id."""

    by: str
    k: int
    recommendations: list[Listed]
    short_lists: int = Field(description="Lists with fewer than k items.")


class Predictions(Remarks):
    """Predictions in the order of the question."""

    predictions: list[Prediction]


class Part(BaseModel):
    """What an item of the history adds; the baseline has no item."""

    item_id: Id | None
    title: str | None = None
    rating: float | None
    contribution: float


class Explanation(Remarks):
    """A score and its parts."""

    item_id: Id
    by: str
    score: float
    parts: list[Part]


class Direction(BaseModel):
    """A direction of taste."""

    strength: float
    items: list[Id]
    titles: list[str | None]


class Profile(BaseModel):
    """One user."""

    user_id: Id | None
    n_interactions: int
    n_rated: int
    levels_used: dict[str, int]
    generosity: float
    polarisation: float
    directions: list[Direction]


class Profiled(Remarks):
    """One user as the model describes them."""

    profile: Profile


class SimilarItem(Item):
    """An item consumed by the same users."""

    rank: int
    similarity: float


class Similar(BaseModel):
    """The nearest items."""

    model: str
    version: str
    item_id: Id
    similar: list[SimilarItem]


_MEANINGS = {
    401: "The header X-API-Key is missing or wrong.",
    404: "No such model, user or item.",
    408: "The request was not complete in time.",
    413: "The request is too large.",
    421: "The service is for its own machine, and was asked under another name.",
    422: "The question breaks a rule: the sentence says which.",
    503: "Too many questions wait: try again after `Retry-After` seconds.",
}


def of(form: type[BaseModel] | None, *codes: int) -> dict[int | str, dict[str, Any]]:
    """The responses of a route for the OpenAPI page."""
    responses: dict[int | str, dict[str, Any]] = {200: {"model": form}} if form else {}
    for code in (401, 421, *codes):
        responses[code] = {"model": Error, "description": _MEANINGS[code]}
    return responses


def asking(form: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """The responses of a route that asks a model."""
    return of(form, 404, 408, 413, 422, 503)
