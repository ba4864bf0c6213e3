"""From scores to lists: what is asked for, what may be listed, and what each row says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from conv4rec.evaluate.ranking import top_k
from conv4rec.model.readouts import expected_rating, p_like
from conv4rec.recommender.scoring import Scores, Scoring

ORDERS = ("consume", "like", "rating", "pick_and_like", "discover")
GEM_PRIOR = 5.0  # ratings: how many it takes to believe an item's own P(like) half way


@dataclass(frozen=True)
class Question:
    """What to list for each person."""

    by: str
    k: int
    exclude_seen: bool
    allowed: np.ndarray
    """items, bool: False where an item may never be listed."""
    like_level: int


class Lists:
    """Answers a question, block by block, as tidy frames.

    `short` counts the people who got fewer than k items.
    """

    def __init__(self, scoring: Scoring, histories: Interactions, question: Question) -> None:
        self.scoring, self.histories, self.question = scoring, histories, question
        self.short = 0

    def frames(self) -> Iterator[pl.DataFrame]:
        """One frame a block of people, in the order of `histories`."""
        rows = np.arange(self.histories.n_users)
        needs_all = self.question.by != "consume"
        levels = 3 * self.histories.n_levels if needs_all else 0
        for scores in self.scoring.blocks(self.histories, rows, levels):
            yield self._frame(scores)

    def _frame(self, scores: Scores) -> pl.DataFrame:
        question = self.question
        ranked = self._ranked(scores)
        ranked[:, ~question.allowed] = -np.inf
        if question.exclude_seen:
            ranked[np.isneginf(scores.log_p_consume)] = -np.inf
        listed = top_k(ranked, min(question.k, ranked.shape[1]))
        self.short += int(((listed >= 0).sum(1) < question.k).sum())
        places, ranks = np.nonzero(listed >= 0)
        items = listed[places, ranks]
        columns = {
            "user_id": self.histories.users.ids(scores.rows[places]),
            "item_id": self.histories.items.ids(items),
            "rank": (ranks + 1).astype(np.int32),
            "score": ranked[places, items],
            "p_consume": np.exp(scores.log_p_consume[places, items]),
        }
        p_rating = self.scoring.rating_probabilities(scores.reading, places, items)
        return pl.DataFrame(columns | rating_columns(p_rating, self.histories, question.like_level))

    def _ranked(self, scores: Scores) -> np.ndarray:
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
        if by == "pick_and_like":
            return np.exp(chances) * likes
        return self._gems(chances, likes)

    def _gems(self, chances: np.ndarray, likes: np.ndarray) -> np.ndarray:
        """P(like), shrunk for items few people rated, among items a person would hardly pick.

        "Hardly" is below the person's median P(consume). The likelihood says little where
        P(consume) is low, so an item's promise counts n / (n + 5), n its ratings in training,
        and the share of liked ratings overall counts the rest.
        """
        counts = self.scoring.item_side.type_counts[:, :-1].cpu().numpy()
        n_rated = counts.sum(1)
        overall = counts[:, self.question.like_level :].sum() / max(1.0, counts.sum())
        trust = n_rated / (n_rated + GEM_PRIOR)
        promise = (trust * likes + (1 - trust) * overall).astype(np.float32)
        promise[chances >= _upper_median(chances)] = -np.inf
        return promise


def _upper_median(chances: np.ndarray) -> np.ndarray:
    """The median of each row's finite values, the upper one of two: rows x 1; -inf if none."""
    n_items = chances.shape[1]
    n_seen = np.isneginf(chances).sum(1)  # they sort first
    middle = np.minimum(n_seen + (n_items - n_seen) // 2, n_items - 1)
    return np.take_along_axis(np.sort(chances, axis=1), middle[:, None], axis=1)


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
