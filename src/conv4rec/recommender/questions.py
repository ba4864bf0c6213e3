"""Questions to a model as JSON objects, checked before the model is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    model_validator,
)

from conv4rec.data.json_ids import LONGEST_ID, JsonId, TextId, Whole
from conv4rec.recommender.discovery import CONFIDENCE, NOVELTY
from conv4rec.recommender.explanation import Explained
from conv4rec.recommender.list_scores import Order

MOST_USERS, MOST_IDS, MOST_HISTORY, MOST_ITEMS = 100, 10_000, 10_000, 1_000
MOST_ROWS = 10_000  # of an answer
ABSENT: Any = None
"""The default of a field that may be left out, but is never null."""


TypeName = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=LONGEST_ID)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Types = Annotated[list[TypeName], Field(min_length=1, max_length=MOST_USERS)]
Done = Annotated[list[TypeName | Number], Field(min_length=1, max_length=MOST_USERS)]
History = Annotated[dict[TextId, Number | TypeName | Done | None], Field(max_length=MOST_HISTORY)]
By = Annotated[
    Order | TypeName,
    Field(description="What is ranked by; where the log has types, also a type, or 'next'."),
]
ManyIds = Annotated[list[JsonId], Field(max_length=MOST_IDS)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]

_ONE_OF = "{0!r}, of the training data, or 'history', anyone's items with their ratings"
_HISTORY = (
    "Item ids with their ratings, null for 'not rated'; where the log has types, with a type or a "
    "list of types, each with its rating behind it if it has one. Nobody needs to be in training."
)


class Question(BaseModel):
    """What all questions have in common: no field is guessed at, converted or ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def _exactly_one(self, *names: str) -> None:
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1 or self.model_fields_set.intersection(names) != set(given):
            raise ValueError(f"give exactly one of {_ONE_OF.format(names[0])}")


def _one_of(*names: str, **more: Any) -> dict[str, Any]:
    return {"oneOf": [{"required": [name]} for name in names], **more}


class RecommendQuestion(Question):
    """Lists of items, for users of the training data or for anyone's history."""

    model_config = ConfigDict(
        json_schema_extra=_one_of(
            "users",
            "history",
            examples=[
                {"users": ["ann"], "k": 5, "by": "discover"},
                {"history": {"dune": 5, "heat": 2}, "k": 3},
            ],
        )
    )
    users: Annotated[
        list[JsonId],
        Field(min_length=1, max_length=MOST_USERS, description="Ids of the training data."),
    ] = ABSENT
    history: Annotated[History, Field(description=_HISTORY)] = ABSENT
    k: Annotated[Whole, Field(ge=1, le=MOST_ITEMS, description="Items of a list.")] = 10
    by: By = "consume"
    exclude_seen: Annotated[bool, Field(description="Leave out the items of the history.")] = True
    exclude: Annotated[
        Types | None, Field(description="By a type: leave out items with an event of these types.")
    ] = None
    allow: Annotated[ManyIds | None, Field(description="List nothing else.")] = None
    block: Annotated[ManyIds | None, Field(description="Never list these.")] = None
    novelty: Annotated[
        Literal["median"] | Annotated[StrictInt, Field(ge=1)] | Probability,
        Field(description="Discoveries: which items are novel (see `Conv4Rec.recommend`)."),
    ] = NOVELTY
    confidence: Annotated[
        float,
        Field(ge=0.5, lt=1.0, description="Of lists by like, rating and discover."),
    ] = CONFIDENCE
    min_p_like: Annotated[Probability | None, Field(description="Discoveries: least P(like).")] = (
        None
    )
    limit_exposure: Annotated[bool, Field(description="Keep an item out of most users' lists.")] = (
        True
    )
    reasons: Annotated[
        Whole, Field(ge=0, le=20, description="Items of the history to name for each item.")
    ] = 0

    @model_validator(mode="after")
    def _of_whom(self) -> RecommendQuestion:
        self._exactly_one("users", "history")
        if self.users is not None and len(self.users) * self.k > MOST_ROWS:
            raise ValueError(f"users x k is at most {MOST_ROWS:,}: ask for some at a time")
        return self


class Pair(Question):
    """A user of the training data and an item."""

    user_id: JsonId
    item_id: JsonId


class PredictQuestion(Question):
    """Both answers for given pairs: of training users, or of one history with some items."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["pairs"], "not": {"required": ["items"]}},
                {"required": ["history", "items"]},
            ],
            "examples": [
                {"pairs": [{"user_id": "ann", "item_id": "heat"}]},
                {"history": {"dune": 5}, "items": ["heat", "alien"], "intervals": True},
            ],
        }
    )
    pairs: Annotated[list[Pair], Field(min_length=1, max_length=MOST_IDS)] = ABSENT
    history: Annotated[History, Field(description=_HISTORY)] = ABSENT
    items: Annotated[
        list[JsonId],
        Field(min_length=1, max_length=MOST_IDS, description="Of the history's predictions."),
    ] = ABSENT
    intervals: Annotated[bool, Field(description="Add a 90% interval of P(like).")] = False

    @model_validator(mode="after")
    def _of_whom(self) -> PredictQuestion:
        self._exactly_one("pairs", "history")
        if (self.items is None) != (self.history is None) or (
            "items" in self.model_fields_set and self.items is None
        ):
            raise ValueError("'items' goes with 'history', and 'history' with 'items'")
        if self.pairs is not None and len({pair.user_id for pair in self.pairs}) > MOST_USERS:
            raise ValueError(f"pairs are of at most {MOST_USERS} users: ask for some at a time")
        return self


class ProfileQuestion(Question):
    """One user: of the training data, or anyone's history."""

    model_config = ConfigDict(
        json_schema_extra=_one_of(
            "user", "history", examples=[{"user": "ann"}, {"history": {"dune": 5, "heat": 1}}]
        )
    )
    user: Annotated[JsonId, Field(description="Of the training data.")] = ABSENT
    history: Annotated[History, Field(description=_HISTORY)] = ABSENT

    @model_validator(mode="after")
    def _of_whom(self) -> ProfileQuestion:
        self._exactly_one("user", "history")
        return self


class ExplainQuestion(ProfileQuestion):
    """The contribution of each item of one history to the score of an item."""

    model_config = ConfigDict(
        json_schema_extra=_one_of(
            "user", "history", examples=[{"user": "ann", "item": "heat", "by": "like"}]
        )
    )
    item: JsonId
    by: Explained | TypeName = "like"
    confidence: Annotated[float, Field(ge=0.5, lt=1.0, description="Of discoveries.")] = CONFIDENCE


class SimilarQuestion(Question):
    """The items consumed by the same users."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"item": "dune", "k": 5}]})
    item: JsonId
    k: Annotated[Whole, Field(ge=1, le=MOST_ITEMS)] = 10
