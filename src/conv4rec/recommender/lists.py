"""From scores to lists: what is asked for, what may be listed, and what each row says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from conv4rec.evaluate.ranking import top_k
from conv4rec.model.readouts import expected_rating, p_like
from conv4rec.recommender.doubt import Doubt
from conv4rec.recommender.finds import FIND_FLOATS, Finds, find_columns
from conv4rec.recommender.reasons import Reasons, reason_columns
from conv4rec.recommender.scoring import Scores, Scoring

ORDERS = ("consume", "like", "rating", "pick_and_like", "discover")


@dataclass(frozen=True)
class Question:
    """What to list for each person."""

    by: str
    k: int
    exclude_seen: bool
    allowed: np.ndarray
    """items, bool: False where an item may never be listed."""
    like_level: int
    finds: Finds = field(default_factory=Finds)
    """What counts as a find, where finds are asked for."""
    reasons: int = 0
    """How many reasons for each item."""


class Lists:
    """Answers a question, block by block, as tidy frames.

    `short` counts the people who got fewer than k items.

    Args:
        scoring: the network and what it is served with.
        histories: of those asked about.
        question: what to list.
        doubt: how sure P(like) is; needed for finds.
    """

    def __init__(
        self,
        scoring: Scoring,
        histories: Interactions,
        question: Question,
        doubt: Doubt | None = None,
    ) -> None:
        self.scoring, self.histories, self.question = scoring, histories, question
        self.doubt, self.short = doubt, 0

    def frames(self) -> Iterator[pl.DataFrame]:
        """One frame a block of people, in the order of `histories`."""
        rows = np.arange(self.histories.n_users)
        levels = 3 * self.histories.n_levels if self.question.by != "consume" else 0
        levels += FIND_FLOATS if self.question.by == "discover" else 0
        for scores in self.scoring.blocks(self.histories, rows, levels):
            yield self._frame(scores)

    def _frame(self, scores: Scores) -> pl.DataFrame:
        question = self.question
        errors = self._errors(scores)
        ranked = self._ranked(scores, errors)
        ranked[:, ~question.allowed] = -np.inf
        if question.exclude_seen:
            ranked[np.isneginf(scores.log_p_consume)] = -np.inf
        listed = top_k(ranked, min(question.k, ranked.shape[1]))
        self.short += int(((listed >= 0).sum(1) < question.k).sum())
        places, ranks = np.nonzero(listed >= 0)
        items = listed[places, ranks]
        columns: dict[str, Any] = {
            "user_id": self.histories.users.ids(scores.rows[places]),
            "item_id": self.histories.items.ids(items),
            "rank": (ranks + 1).astype(np.int32),
            "score": ranked[places, items],
            "p_consume": np.exp(scores.log_p_consume[places, items]),
        }
        p_rating = self.scoring.rating_probabilities(scores.reading, places, items)
        rated = rating_columns(p_rating, self.histories, question.like_level)
        if errors is not None:
            counts = self.scoring.item_side.type_counts.sum(1).cpu().numpy() + 1.0
            columns |= find_columns(
                scores.log_p_consume, counts, rated["p_like"], errors[places, items], places, items
            )
        return pl.DataFrame(columns | rated | self._reasons(scores, places, items))

    def _errors(self, scores: Scores) -> np.ndarray | None:
        """Standard errors of the log-odds of P(like), rows x items, if finds are asked for."""
        if self.question.by != "discover":
            return None
        assert self.doubt is not None
        return self.doubt.errors(scores.reading, self.histories, scores.rows)

    def _ranked(self, scores: Scores, errors: np.ndarray | None) -> np.ndarray:
        """The number to rank by, rows x items float32; what cannot be asked for is -inf."""
        by, chances = self.question.by, scores.log_p_consume
        if by == "consume":
            return np.exp(chances)
        p_rating = self.scoring.all_rating_probabilities(scores.reading)
        if by == "rating":
            values = np.asarray(self.histories.levels.values, dtype=np.float32)
            return expected_rating(p_rating, values)  # pyright: ignore[reportArgumentType]
        likes = p_like(p_rating, self.question.like_level)
        if by == "like":
            return likes
        if errors is None:
            return np.exp(chances) * likes
        finds = self.question.finds
        promise = finds.promise(likes, errors)
        promise[~finds.hardly(chances) | (likes < finds.min_p_like)] = -np.inf
        return promise

    def _reasons(self, scores: Scores, places: np.ndarray, items: np.ndarray) -> dict[str, Any]:
        if not self.question.reasons:
            return {}
        said = []
        for place in np.unique(places):
            person = Reasons(
                self.scoring, self.histories, int(scores.rows[place]), self.question.like_level
            )
            said.append((person.parts(items[places == place], self.question.by)[1], person))
        return reason_columns(said, self.question.reasons, self.histories)


def rating_columns(
    p_rating: np.ndarray, histories: Interactions, like_level: int
) -> dict[str, np.ndarray]:
    """The columns that every answer has: p_like, expected_rating, p_rating_<level> ..."""
    levels = histories.levels
    columns = {
        "p_like": p_like(p_rating, like_level),
        "expected_rating": expected_rating(p_rating, levels.values).astype(np.float32),
    }
    for level, label in enumerate(levels.labels):
        columns[f"p_rating_{label}"] = np.ascontiguousarray(p_rating[:, level])
    return columns
