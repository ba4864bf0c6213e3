"""The scores that lists are ranked by, for each kind of list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from conv4rec.data import Interactions
from conv4rec.model.readouts import expected_rating, p_like
from conv4rec.recommender.discovery import DiscoveryCriteria, short_head
from conv4rec.recommender.exposure import LIMITS, exposure_prices
from conv4rec.recommender.scoring import Scores, Scoring
from conv4rec.recommender.uncertainty import Latent, log_odds, standard_errors

Order = Literal["consume", "like", "rating", "consume_and_like", "discover"]
ORDERS: tuple[Order, ...] = get_args(Order)
UNCERTAIN_LISTS = ("like", "rating", "discover")
"""Kinds of list that are ranked by a lower bound and limit the exposure of an item."""
SCORE_FLOATS = 48
"""Floats a cell that `list_scores` and the posterior deviation take besides P(level)."""
SAMPLE_USERS, FEWEST_USERS = 300, 50
SAMPLE_CELLS = 8_000_000  # users x items, about
CANDIDATES = 200  # of each sampled user, while prices are sought


@dataclass(frozen=True)
class Norms:
    """What lists compare a user and an item with: arrays over the items."""

    others: np.ndarray
    """Mean log-odds of P(like) over users."""
    head: np.ndarray
    """bool: the short head of the most popular items."""
    prices: dict[str, np.ndarray] = field(default_factory=dict)
    """By kind of list: what an item pays for being listed too often (`exposure`)."""

    def lift(self, likes: np.ndarray) -> np.ndarray:
        """How far log-odds of P(like) exceed those of others, generosity aside: rows x items."""
        return self.lift_of(log_odds(likes))

    def lift_of(self, own: np.ndarray) -> np.ndarray:
        """The same, of log-odds."""
        return own - own.mean(1, keepdims=True) - (self.others - self.others.mean())


@dataclass(frozen=True)
class ListSpec:
    """How lists are made, for all users alike."""

    by: Order
    like_level: int
    criteria: DiscoveryCriteria = field(default_factory=DiscoveryCriteria)
    """What counts as a discovery, and the confidence of all kinds of list."""


@dataclass(frozen=True)
class Rated:
    """The ratings that a few users would give every item."""

    p_rating: np.ndarray
    """rows x items x levels."""
    latent: Latent | None
    """rows x items; None for a model without draws."""
    like_level: int

    @classmethod
    def of(cls, scoring: Scoring, scores: Scores, like_level: int) -> Rated:
        """Compute them from the network."""
        return cls(*scoring.all_rated(scores.encoding), like_level)

    @property
    def likes(self) -> np.ndarray:
        """P(like)."""
        return p_like(self.p_rating, self.like_level)

    def like_lower_bound(self, confidence: float) -> np.ndarray:
        """What the log-odds of P(like) exceed with probability `confidence`."""
        bound = log_odds(self.likes)
        if self.latent is not None and self.like_level > 0:  # else everything is liked
            bound = bound + self.latent.log_odds_move(self.like_level, -standard_errors(confidence))
        return bound.astype(np.float32)

    def rating_lower_bound(self, confidence: float, values: Sequence[float]) -> np.ndarray:
        """What the expected rating exceeds with probability `confidence`."""
        bound = expected_rating(self.p_rating, np.asarray(values, dtype=np.float32).tolist())
        if self.latent is not None:
            bound = bound + self.latent.rating_move(values, -standard_errors(confidence))
        return bound.astype(np.float32)


def list_scores(
    scoring: Scoring,
    scores: Scores,
    histories: Interactions,
    spec: ListSpec,
    norms: Norms | None = None,
) -> np.ndarray:
    """The scores that the items of a few users are ranked by: rows x items; -inf is never listed.

    - "consume": P(consume); "consume_and_like": P(consume) x P(like).
    - "like": what the log-odds of P(like) exceed with probability `confidence`.
    - "rating": what the expected rating exceeds with it.
    - "discover": as "like", of discoveries alone.

    The uncertainty is the posterior's (see `uncertainty`); without draws it is 0.

    Args:
        scoring: the network and what it is served with.
        scores: of the users.
        histories: where their rows are.
        spec: the kind of list.
        norms: P(like) of others, which discoveries are compared with.
    """
    by, confidence = spec.by, spec.criteria.confidence
    if by == "consume":
        return np.exp(scores.log_p_consume)
    if by == "consume_and_like":
        p_rating = scoring.all_rating_probabilities(scores.encoding)
        return np.exp(scores.log_p_consume) * p_like(p_rating, spec.like_level)
    rated = Rated.of(scoring, scores, spec.like_level)
    if by == "rating":
        return rated.rating_lower_bound(confidence, histories.levels.values)
    likings = Likings.of(rated, scores, confidence)
    if by == "like":
        return likings.bound
    assert norms is not None
    return likings.of_discoveries(spec.criteria, histories, norms)


@dataclass(frozen=True)
class Likings:
    """What discoveries are chosen by, of a few users: rows x items."""

    rows: np.ndarray
    """Row of each user in the histories."""
    likes: np.ndarray
    """P(like)."""
    bound: np.ndarray
    """What the log-odds of P(like) exceed."""
    log_p_consume: np.ndarray

    @classmethod
    def of(cls, rated: Rated, scores: Scores, confidence: float) -> Likings:
        """Read them off ratings."""
        bound = rated.like_lower_bound(confidence)
        return cls(scores.rows, rated.likes, bound, scores.log_p_consume)

    def of_discoveries(
        self, criteria: DiscoveryCriteria, histories: Interactions, norms: Norms
    ) -> np.ndarray:
        """`bound` of discoveries; -inf for other items."""
        n_consumed = np.diff(histories.starts)[self.rows]
        are = are_discoveries(criteria, self.likes, self.log_p_consume, n_consumed, norms)
        return np.where(are, self.bound, -np.inf)


def are_discoveries(
    criteria: DiscoveryCriteria,
    likes: np.ndarray,
    log_p_consume: np.ndarray,
    n_consumed: np.ndarray,
    norms: Norms,
) -> np.ndarray:
    """Which items are discoveries: rows x items.

    Args:
        criteria: what counts as one.
        likes: rows x items; P(like).
        log_p_consume: rows x items.
        n_consumed: rows; how long the histories are.
        norms: what they are compared with.
    """
    lift = norms.lift(likes)
    novel = criteria.novel(log_p_consume, n_consumed, norms.head)
    return novel & criteria.liked(likes, log_p_consume, lift)


def norms_of(scoring: Scoring, known: Interactions, like_level: int) -> Norms:
    """Norms from evenly spaced users of the training log, the same for any memory.

    Discoveries are compared with what others like, which needs all users first: so what they are
    chosen by is kept of each, or computed again where that would take more than a quarter of the
    memory for lists. Memory: as for lists, 2,400 bytes a user, and 12 a user and item if kept.
    """
    n_items, values, criteria = known.n_items, known.levels.values, DiscoveryCriteria()
    n_fit = max(FEWEST_USERS, SAMPLE_CELLS // max(1, n_items))
    n_asked = min(SAMPLE_USERS, n_fit, known.n_users)
    rows = np.unique(np.linspace(0, known.n_users - 1, n_asked).astype(np.int64))
    floats = 3 * known.n_levels + SCORE_FLOATS
    best: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {by: [] for by in UNCERTAIN_LISTS}
    total = np.zeros(n_items)
    kept: list[Likings] = []
    may_keep = 12 * len(rows) * n_items <= scoring.max_memory_mb * 2**20 / 4
    for scores in scoring.blocks(known, rows, floats):
        rated, left = Rated.of(scoring, scores, like_level), np.isfinite(scores.log_p_consume)
        likings = Likings.of(rated, scores, criteria.confidence)
        kept += [likings] if may_keep else []
        total += log_odds(likings.likes).sum(0, dtype=np.float64)
        best["like"].append(_candidates(likings.bound, left))
        best["rating"].append(
            _candidates(rated.rating_lower_bound(criteria.confidence, values), left)
        )
    head = short_head(np.bincount(known.item_numbers, minlength=n_items))
    norms = Norms((total / len(rows)).astype(np.float32), head)
    again = (
        Likings.of(Rated.of(scoring, scores, like_level), scores, criteria.confidence)
        for scores in scoring.blocks(known, rows, floats)
    )
    for likings in kept if may_keep else again:
        list_score = likings.of_discoveries(criteria, known, norms)
        best["discover"].append(_candidates(list_score, np.isfinite(list_score)))
    prices = {by: _prices(by, found, n_items, values) for by, found in best.items()}
    if like_level == 0:  # nothing is liked more than anything else
        prices |= {by: np.zeros(n_items, dtype=np.float32) for by in ("like", "discover")}
    return replace(norms, prices=prices)


def _candidates(list_score: np.ndarray, may: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best scores of each user, in no order, and which items these are: rows x candidates."""
    list_score = np.where(may, list_score, -np.inf)
    n = min(CANDIDATES, list_score.shape[1])
    items = np.argpartition(-list_score, n - 1, axis=1)[:, :n].astype(np.int32)
    return np.take_along_axis(list_score, items, axis=1).astype(np.float32), items


def _prices(
    by: str,
    found: list[tuple[np.ndarray, np.ndarray]],
    n_items: int,
    values: Sequence[float],
) -> np.ndarray:
    """Prices that keep to the limit, from the best candidates of each user alone."""
    best, items = (np.concatenate(side) for side in zip(*found, strict=True))
    # Log-odds differ by about 1, ratings by about a quarter of their scale.
    unit = (max(values) - min(values)) / 4 if by == "rating" else 1.0
    return exposure_prices(best, items, n_items, LIMITS[by], unit)
