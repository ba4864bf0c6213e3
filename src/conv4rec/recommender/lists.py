"""From scores to lists: what is listed, and the columns of each row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from conv4rec.evaluate.ranking import top_k
from conv4rec.model.readouts import expected_rating, p_like
from conv4rec.recommender.discovery import discovery_columns
from conv4rec.recommender.explanation import Explainer, reason_columns
from conv4rec.recommender.list_request import ListRequest
from conv4rec.recommender.list_scores import (
    SCORE_FLOATS,
    UNCERTAIN_LISTS,
    Norms,
    list_scores,
)
from conv4rec.recommender.nearly_rated import NearlyRated
from conv4rec.recommender.scoring import Scores, Scoring
from conv4rec.recommender.shortlist import Shortlister, one_row
from conv4rec.recommender.surroundings import warn
from conv4rec.recommender.uncertainty import Latent, interval_columns, joined, probability
from conv4rec.recommender.user_histories import fallback_column

Read = tuple[np.ndarray, Latent | None]
"""Of pairs, as `Scoring.rated` gives them."""


class Lists:
    """Makes the lists of a request, block by block, as tidy frames.

    Args:
        scoring: the network and what it is served with.
        histories: of the users asked about.
        request: what to list.
        norms: what users and items are compared with; needed for the kinds in `UNCERTAIN_LISTS`.
    """

    def __init__(
        self,
        scoring: Scoring,
        histories: Interactions,
        request: ListRequest,
        norms: Norms | None = None,
    ) -> None:
        self.scoring, self.histories, self.request, self.norms = scoring, histories, request, norms
        self.n_short = self.n_empty = 0
        spec, self.shortlister = request.spec, None
        if spec.by != "consume":
            prices = np.zeros(1, dtype=np.float32)
            if norms is not None:
                prices = norms.prices.get(spec.by, prices)
            prices = np.broadcast_to(prices, request.allowed.shape)
            self.shortlister = Shortlister(
                scoring, histories, spec, norms, prices, request.allowed, int(request.k)
            )

    def frames(self) -> Iterator[pl.DataFrame]:
        """One frame for each block of users, in the order of `histories`.

        The last one warns of lists that are shorter than k.
        """
        rows = np.arange(self.histories.n_users)
        by = self.request.spec.by
        floats = 3 * self.histories.n_levels if by != "consume" else 0
        floats += SCORE_FLOATS if by in UNCERTAIN_LISTS else 0
        for scores in self.scoring.blocks(self.histories, rows, floats):
            yield self._frame(scores)
        if self.n_short:
            empty = f" ({self.n_empty:,} of them empty)" if self.n_empty else ""
            warn(
                f"{self.n_short:,} of {self.histories.n_users:,} lists are shorter than "
                f"k={self.request.k}{empty}: {self.request.why_short}"
            )

    def _frame(self, scores: Scores) -> pl.DataFrame:
        listed, list_score, read = self._listed(scores)
        n_listed = (listed >= 0).sum(1)
        self.n_short += int((n_listed < self.request.k).sum())
        self.n_empty += int((n_listed == 0).sum())
        rows, ranks = np.nonzero(listed >= 0)
        items, score = listed[rows, ranks], list_score[rows, ranks]
        by, like_level = self.request.spec.by, self.request.spec.like_level
        columns: dict[str, Any] = {
            "user_id": self.histories.users.ids(scores.rows[rows]),
            "item_id": self.histories.items.ids(items),
            "rank": (ranks + 1).astype(np.int32),
            "score": probability(score).astype(np.float32) if by in ("like", "discover") else score,
            "p_consume": np.exp(scores.log_p_consume[rows, items]),
        }
        if by == "discover":
            counts = self.scoring.item_side.type_counts.sum(1).cpu().numpy() + 1.0
            columns |= discovery_columns(scores.log_p_consume, counts, rows, items)
        p_rating, latent = read or self.scoring.rated(scores.encoding, rows, items)
        rated = rating_columns(p_rating, self.histories, like_level)
        if by in UNCERTAIN_LISTS:
            columns |= interval_columns(rated["p_like"], like_level, latent)
        columns |= rated | self._reasons(scores, rows, items)
        return pl.DataFrame(columns | fallback_column(self.histories, scores.rows[rows]))

    def _listed(self, scores: Scores) -> tuple[np.ndarray, np.ndarray, Read | None]:
        """The items of each list, best first, and their scores minus prices: rows x k.

        -1 and -inf past the end of a list. And what a shortlist has read of them, if it has.
        """
        if self.request.spec.by == "consume" and self.request.exclude_seen:
            log_p, allowed = scores.log_p_consume, self.request.allowed
            items, best = self._best(log_p if allowed.all() else np.where(allowed, log_p, -np.inf))
            return items, np.exp(best), None
        if self.shortlister is None or not self.shortlister.pays:
            return *self._best(self._ranked_fully(scores)), None
        each = NearlyRated.each(self.scoring, scores, self.request.spec.like_level)
        rows = [self._listed_of(one_row(scores, row), own) for row, own in enumerate(each)]
        items = np.concatenate([row[0] for row in rows])
        list_score = np.concatenate([row[1] for row in rows])
        read = [row[2] for row in rows if row[2] is not None]
        if len(read) < len(rows):
            return items, list_score, None
        p_rating = np.concatenate([part[0] for part in read])
        return items, list_score, (p_rating, joined([part[1] for part in read]))

    def _listed_of(
        self, scores: Scores, nearly: NearlyRated
    ) -> tuple[np.ndarray, np.ndarray, Read | None]:
        """`_listed` of one user."""
        assert self.shortlister is not None
        may = ~np.isneginf(scores.log_p_consume[0]) | (not self.request.exclude_seen)
        found = self.shortlister.ranked(scores, nearly, may)
        if found is None:
            return *self._best(self._ranked_fully(scores)), None
        places, best = self._best(found.score[None])
        kept = places[places >= 0]
        latent = None if found.latent is None else found.latent.at(kept)
        items = np.where(places >= 0, found.items[places] if len(found.items) else -1, -1)
        return items, best, (found.p_rating[kept], latent)

    def _best(self, ranked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The k best places of each row and their scores; -1 and -inf where there are fewer."""
        places = top_k(ranked, min(int(self.request.k), self.histories.n_items))
        if not ranked.shape[1]:
            return places, np.full(places.shape, -np.inf, dtype=np.float32)
        best = np.take_along_axis(ranked, np.maximum(places, 0), axis=1)
        return places, np.where(places >= 0, best, -np.inf).astype(ranked.dtype)

    def _ranked_fully(self, scores: Scores) -> np.ndarray:
        """Scores minus prices: rows x items, -inf where an item may not be listed."""
        request = self.request
        ranked = list_scores(self.scoring, scores, self.histories, request.spec, self.norms)
        if self.norms is not None and request.spec.by in self.norms.prices:
            ranked = ranked - self.norms.prices[request.spec.by]
        ranked[:, ~request.allowed] = -np.inf
        if request.exclude_seen:
            ranked[np.isneginf(scores.log_p_consume)] = -np.inf
        return ranked

    def _reasons(self, scores: Scores, rows: np.ndarray, items: np.ndarray) -> dict[str, Any]:
        if not self.request.reasons:
            return {}
        parts, spec = [], self.request.spec
        for row in np.unique(rows):
            user = int(scores.rows[row])
            explainer = Explainer(self.scoring, self.histories, user, spec.like_level)
            _, contribution = explainer.contributions(items[rows == row], spec.by)
            parts.append((contribution, explainer))
        return reason_columns(parts, int(self.request.reasons), self.histories)


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
