"""From scores to lists: what is asked for, what may be listed, and what each row says."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.evaluate.ranking import top_k
from conv4rec.model.readouts import expected_rating, p_like
from conv4rec.recommender.configuration import check_choice
from conv4rec.recommender.discovery import DiscoveryCriteria, discovery_columns
from conv4rec.recommender.explanation import Explainer, check_explained, reason_columns
from conv4rec.recommender.list_scores import (
    SCORE_FLOATS,
    UNCERTAIN_LISTS,
    ListSpec,
    Norms,
    Order,
    list_scores,
)
from conv4rec.recommender.scoring import Scores, Scoring
from conv4rec.recommender.uncertainty import interval_columns, probability


@dataclass(frozen=True)
class ListRequest:
    """What to list for each user.

    Raises:
        SettingError: A value is out of range.
    """

    spec: ListSpec
    k: int
    exclude_seen: bool
    allowed: np.ndarray
    """items, bool: False where an item may never be listed."""
    reasons: int = 0
    """How many reasons for each item."""

    def __post_init__(self) -> None:
        check_count("k", self.k)
        check_count("reasons", self.reasons, least=0)
        check_switch("exclude_seen", self.exclude_seen)
        if self.reasons:
            check_explained(self.spec.by, self.spec.like_level)  # type: ignore[arg-type]

    @property
    def why_short(self) -> str:
        """Why a list may have fewer than k items."""
        causes = ["the history is left out"] if self.exclude_seen else []
        if not self.allowed.all():
            causes.append(f"allow and block leave {int(self.allowed.sum()):,} items")
        criteria = self.spec.criteria
        if self.spec.by == "discover" and (criteria.novelty or criteria.min_p_like != 0):
            causes.append(criteria.why)
        return " and ".join(causes) or f"the catalogue has {len(self.allowed):,} items"


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
            warnings.warn(
                f"{self.n_short:,} of {self.histories.n_users:,} lists are shorter than "
                f"k={self.request.k}{empty}: {self.request.why_short}",
                stacklevel=3,  # the caller of `recommend`
            )

    def _frame(self, scores: Scores) -> pl.DataFrame:
        ranked = self._ranked(scores)
        listed = top_k(ranked, min(int(self.request.k), ranked.shape[1]))
        n_listed = (listed >= 0).sum(1)
        self.n_short += int((n_listed < self.request.k).sum())
        self.n_empty += int((n_listed == 0).sum())
        rows, ranks = np.nonzero(listed >= 0)
        items = listed[rows, ranks]
        by, like_level = self.request.spec.by, self.request.spec.like_level
        score = ranked[rows, items]
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
        p_rating = self.scoring.rating_probabilities(scores.encoding, rows, items)
        rated = rating_columns(p_rating, self.histories, like_level)
        if by in UNCERTAIN_LISTS:
            latent = self.scoring.latent_of_pairs(scores.encoding, rows, items)
            columns |= interval_columns(rated["p_like"], like_level, latent)
        return pl.DataFrame(columns | rated | self._reasons(scores, rows, items))

    def _ranked(self, scores: Scores) -> np.ndarray:
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


def allowed_items(
    known: Interactions,
    allow: Sequence[int | str] | None,
    block: Sequence[int | str] | None,
) -> np.ndarray:
    """Which items may be listed: items, bool.

    Raises:
        UnknownItemError: An id is not in the training data.
        SettingError: One id is given instead of a list.
    """
    for name, ids in (("allow", allow), ("block", block)):
        if isinstance(ids, (str, bytes, int, np.integer)):
            raise SettingError(f"{name} must be a list of item ids; got {ids!r}")
    allowed = np.full(known.n_items, allow is None)
    if allow is not None:
        allowed[[known.items.number(item) for item in allow]] = True
    if block is not None:
        allowed[[known.items.number(item) for item in block]] = False
    return allowed


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Raise unless a value is a whole number that is large enough.

    Raises:
        SettingError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise SettingError(f"{name} must be a whole number of at least {least}; got {value!r}")


def check_switch(name: str, value: Any) -> None:
    """Raise unless a value is True or False.

    Raises:
        SettingError: It is not.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise SettingError(f"{name} must be True or False; got {value!r}")


def check_criteria(by: Order, criteria: DiscoveryCriteria, limit_exposure: bool) -> None:
    """Raise if a criterion is changed that this kind of list does not read.

    Raises:
        SettingError: It is, or there is no such kind of list.
    """
    check_choice("by", by, Order)
    check_switch("limit_exposure", limit_exposure)
    unchanged = DiscoveryCriteria(confidence=criteria.confidence)
    if by != "discover" and criteria != unchanged:
        raise SettingError(f"novelty and min_p_like are for by='discover'; got by={by!r}")
    if by not in UNCERTAIN_LISTS and not (unchanged == DiscoveryCriteria() and limit_exposure):
        kinds = ", ".join(UNCERTAIN_LISTS)
        raise SettingError(f"confidence and limit_exposure are for by {kinds}; got by={by!r}")
