"""From scores to lists: what is asked for, what may be listed, and what each row says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from conv4rec.evaluate.ranking import top_k
from conv4rec.model.readouts import expected_rating, p_like
from conv4rec.recommender.discovery import discovery_columns
from conv4rec.recommender.explanation import Explainer, reason_columns
from conv4rec.recommender.list_scores import (
    SCORE_FLOATS,
    UNCERTAIN_LISTS,
    ListSpec,
    Norms,
    list_scores,
)
from conv4rec.recommender.scoring import Scores, Scoring
from conv4rec.recommender.uncertainty import interval_columns, probability


@dataclass(frozen=True)
class ListRequest:
    """What to list for each person."""

    spec: ListSpec
    k: int
    exclude_seen: bool
    allowed: np.ndarray
    """items, bool: False where an item may never be listed."""
    reasons: int = 0
    """How many reasons for each item."""


class Lists:
    """Answers a question, block by block, as tidy frames.

    `short` counts the people who got fewer than k items, `empty` those who got none.

    Args:
        scoring: the network and what it is served with.
        histories: of those asked about.
        question: what to list.
        norms: what people and items are compared with; needed for the kinds in `UNCERTAIN_LISTS`.
    """

    def __init__(
        self,
        scoring: Scoring,
        histories: Interactions,
        question: ListRequest,
        norms: Norms | None = None,
    ) -> None:
        self.scoring, self.histories, self.question = scoring, histories, question
        self.norms, self.short, self.empty = norms, 0, 0

    def frames(self) -> Iterator[pl.DataFrame]:
        """One frame a block of people, in the order of `histories`."""
        rows = np.arange(self.histories.n_users)
        by = self.question.spec.by
        floats = 3 * self.histories.n_levels if by != "consume" else 0
        floats += SCORE_FLOATS if by in UNCERTAIN_LISTS else 0
        for scores in self.scoring.blocks(self.histories, rows, floats):
            yield self._frame(scores)

    def _frame(self, scores: Scores) -> pl.DataFrame:
        question, by = self.question, self.question.spec.by
        ranked = list_scores(self.scoring, scores, self.histories, question.spec, self.norms)
        if self.norms is not None and by in self.norms.prices:
            ranked = ranked - self.norms.prices[by]
        ranked[:, ~question.allowed] = -np.inf
        if question.exclude_seen:
            ranked[np.isneginf(scores.log_p_consume)] = -np.inf
        listed = top_k(ranked, min(question.k, ranked.shape[1]))
        n_listed = (listed >= 0).sum(1)
        self.short += int((n_listed < question.k).sum())
        self.empty += int((n_listed == 0).sum())
        places, ranks = np.nonzero(listed >= 0)
        items = listed[places, ranks]
        score = ranked[places, items]
        columns: dict[str, Any] = {
            "user_id": self.histories.users.ids(scores.rows[places]),
            "item_id": self.histories.items.ids(items),
            "rank": (ranks + 1).astype(np.int32),
            "score": probability(score).astype(np.float32) if by in ("like", "discover") else score,
            "p_consume": np.exp(scores.log_p_consume[places, items]),
        }
        p_rating = self.scoring.rating_probabilities(scores.encoding, places, items)
        if by == "discover":
            counts = self.scoring.item_side.type_counts.sum(1).cpu().numpy() + 1.0
            columns |= discovery_columns(scores.log_p_consume, counts, places, items)
        like_level = question.spec.like_level
        rated = rating_columns(p_rating, self.histories, like_level)
        if by in UNCERTAIN_LISTS:
            latent = self.scoring.latent_of_pairs(scores.encoding, places, items)
            columns |= interval_columns(rated["p_like"], like_level, latent)
        return pl.DataFrame(columns | rated | self._reasons(scores, places, items))

    def _reasons(self, scores: Scores, places: np.ndarray, items: np.ndarray) -> dict[str, Any]:
        if not self.question.reasons:
            return {}
        contribution, spec = [], self.question.spec
        for place in np.unique(places):
            person = Explainer(
                self.scoring, self.histories, int(scores.rows[place]), spec.like_level
            )
            contribution.append((person.parts(items[places == place], spec.by)[1], person))
        return reason_columns(contribution, self.question.reasons, self.histories)


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
