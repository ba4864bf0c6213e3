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
from conv4rec.recommender.discovery import find_columns
from conv4rec.recommender.explanation import Reasons, reason_columns
from conv4rec.recommender.list_scores import MERIT_FLOATS, UNSURE, Norms, Standard, merits
from conv4rec.recommender.scoring import Scores, Scoring
from conv4rec.recommender.uncertainty import chance, interval_columns


@dataclass(frozen=True)
class Question:
    """What to list for each person."""

    standard: Standard
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
        norms: what people and items are compared with; needed for the kinds in `UNSURE`.
    """

    def __init__(
        self,
        scoring: Scoring,
        histories: Interactions,
        question: Question,
        norms: Norms | None = None,
    ) -> None:
        self.scoring, self.histories, self.question = scoring, histories, question
        self.norms, self.short, self.empty = norms, 0, 0

    def frames(self) -> Iterator[pl.DataFrame]:
        """One frame a block of people, in the order of `histories`."""
        rows = np.arange(self.histories.n_users)
        by = self.question.standard.by
        floats = 3 * self.histories.n_levels if by != "consume" else 0
        floats += MERIT_FLOATS if by in UNSURE else 0
        for scores in self.scoring.blocks(self.histories, rows, floats):
            yield self._frame(scores)

    def _frame(self, scores: Scores) -> pl.DataFrame:
        question, by = self.question, self.question.standard.by
        ranked = merits(self.scoring, scores, self.histories, question.standard, self.norms)
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
            "score": chance(score).astype(np.float32) if by in ("like", "discover") else score,
            "p_consume": np.exp(scores.log_p_consume[places, items]),
        }
        p_rating = self.scoring.rating_probabilities(scores.reading, places, items)
        if by == "discover":
            counts = self.scoring.item_side.type_counts.sum(1).cpu().numpy() + 1.0
            columns |= find_columns(scores.log_p_consume, counts, places, items)
        like_level = question.standard.like_level
        rated = rating_columns(p_rating, self.histories, like_level)
        if by in UNSURE:
            latent = self.scoring.latent_of_pairs(scores.reading, places, items)
            columns |= interval_columns(rated["p_like"], like_level, latent)
        return pl.DataFrame(columns | rated | self._reasons(scores, places, items))

    def _reasons(self, scores: Scores, places: np.ndarray, items: np.ndarray) -> dict[str, Any]:
        if not self.question.reasons:
            return {}
        said, standard = [], self.question.standard
        for place in np.unique(places):
            person = Reasons(
                self.scoring, self.histories, int(scores.rows[place]), standard.like_level
            )
            said.append((person.parts(items[places == place], standard.by)[1], person))
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
