"""Lists made beforehand, over HTTP: the routes and the answers of a service without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from conv4rec.data.json_ids import JsonId, Whole, known_id
from conv4rec.data.precomputed import PrecomputedLists
from conv4rec.errors import UnknownUserError
from conv4rec.serve import answer_forms as forms
from conv4rec.serve.engine import ask, engine_of
from conv4rec.serve.json_answers import JsonAnswer

router = APIRouter(prefix="/v1", tags=["answers"])
NO_LIST = (
    "Who was not in the training data when the lists were made, or had an empty list, has none: "
    "show what is popular, or ask a model with their history."
)


class PrecomputedQuestion(BaseModel):
    """Whose lists. What they are ranked by was decided when they were made."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"examples": [{"users": ["ann"], "k": 5, "block": ["dune"]}]},
    )
    users: Annotated[list[JsonId], Field(min_length=1, max_length=100)]
    k: Annotated[Whole, Field(ge=1, le=1_000, description="Items of a list, at most.")] = 10
    block: Annotated[
        list[JsonId],
        Field(max_length=10_000, description="Leave these out: what was consumed since."),
    ] = []

    @model_validator(mode="before")
    @classmethod
    def _nothing_else(cls, given: Any) -> Any:
        more = set(given) - {*cls.model_fields} if isinstance(given, dict) else ()
        if more:
            raise ValueError(
                "lists made beforehand are asked for by users, k and block alone; for a history "
                "or another kind of list ask a model"
            )
        return given


class PrecomputedAnswers:
    """Answers questions from a table of lists.

    Args:
        lists: the table.
    """

    def __init__(self, lists: PrecomputedLists) -> None:
        self.lists = lists

    @classmethod
    def read(cls, path: Path) -> PrecomputedAnswers:
        """Read a Parquet file.

        Raises:
            DataError: It cannot be read, or is no table of lists.
        """
        return cls(PrecomputedLists.read(path))

    def recommend(self, question: PrecomputedQuestion) -> dict[str, Any]:
        """The rows of the table, users in ascending order of id, as of a model.

        Raises:
            UnknownUserError: There is no list for a user.
        """
        users = {known_id(user, self.lists.users) for user in question.users}
        block = {known_id(item, self.lists.items) for item in question.block}
        try:
            numbers = {self.lists.users.number(user, "lists"): user for user in users}
        except UnknownUserError as error:
            raise UnknownUserError(f"{error} {NO_LIST}") from None
        found = [self.lists.of(user, question.k, block) for _, user in sorted(numbers.items())]
        return {
            "k": question.k,
            "recommendations": [row for rows in found for row in rows],
            "short_lists": sum(len(rows) < question.k for rows in found),
        }

    def facts(self) -> dict[str, Any]:
        """How many lists there are, and how long they are."""
        lists = self.lists
        return {"users": len(lists.users), "items": len(lists.items), "rows": len(lists),
                "longest_list": lists.longest}  # fmt: skip


class PrecomputedItem(BaseModel):
    """A row of the table; its other columns are there too."""

    model_config = ConfigDict(extra="allow")
    user_id: int | str
    item_id: int | str


class PrecomputedRows(BaseModel):
    """Lists from a table."""

    model: str
    version: str = Field(description="Head of the checksum of the file.")
    k: int
    recommendations: list[PrecomputedItem]
    short_lists: int = Field(description="Lists with fewer than k items.")


class PrecomputedTable(BaseModel):
    """A table of lists in service."""

    name: str
    version: str
    users: int
    items: int
    rows: int
    longest_list: int


class PrecomputedTables(BaseModel):
    """All tables in service."""

    models: list[PrecomputedTable]


@router.get("/models", summary="The tables that are served", responses=forms.of(PrecomputedTables))
async def models(request: Request) -> JsonAnswer:
    """Name, version and sizes of each table of lists."""
    return JsonAnswer({"models": engine_of(request).facts()})


@router.post(
    "/models/{name}/recommend", summary="Lists of items", responses=forms.asking(PrecomputedRows)
)
async def recommend(request: Request, name: str, question: PrecomputedQuestion) -> JsonAnswer:
    """Lists of training users, as they were made; `block` leaves out what was consumed since.

    A user without a list is a 404.
    """
    return await ask(request, name, lambda lists: lists.recommend(question))
