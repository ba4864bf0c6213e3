"""What items are ranked by for a person, by kind of list, and for people in general."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from conv4rec.data import Interactions
from conv4rec.model.readouts import expected_rating, p_like
from conv4rec.recommender.discovery import DiscoveryCriteria, short_head
from conv4rec.recommender.exposure import LIMITS, exposure_prices
from conv4rec.recommender.scoring import Scores, Scoring
from conv4rec.recommender.uncertainty import Latent, log_odds, standard_errors

ORDERS = ("consume", "like", "rating", "consume_and_like", "discover")
UNCERTAIN_LISTS = ("like", "rating", "discover")
"""Kinds of list that count doubt against an item, and that no item may fill alone."""
SCORE_FLOATS = 48  # a cell: what `list_scores` and the posterior deviation hold besides P(level)
SAMPLE_USERS, FEWEST_USERS = 300, 50
SAMPLE_CELLS = 8_000_000  # people x items, about
CANDIDATES = 200  # of each sampled person, while prices are sought


@dataclass(frozen=True)
class Norms:
    """What lists compare a person and an item with: arrays over the items."""

    others: np.ndarray
    """Mean log-odds of P(like) over people."""
    head: np.ndarray
    """bool: the short head, which everyone sees anyway."""
    prices: dict[str, np.ndarray] = field(default_factory=dict)
    """By kind of list: what an item pays for being listed too often (`exposure`)."""


@dataclass(frozen=True)
class ListSpec:
    """How a list is made, whoever it is for."""

    by: str
    like_level: int
    criteria: DiscoveryCriteria = field(default_factory=DiscoveryCriteria)
    """What counts as a find, and how sure one wants to be of any list."""


@dataclass(frozen=True)
class Rated:
    """What a few people would make of every item."""

    p_rating: np.ndarray
    """rows x items x levels."""
    latent: Latent | None
    """Rows x items; None where no draws tell how sure this is."""
    like_level: int

    @classmethod
    def of(cls, scoring: Scoring, scores: Scores, like_level: int) -> Rated:
        """Ask the network."""
        p_rating = scoring.all_rating_probabilities(scores.encoding)
        return cls(p_rating, scoring.latent(scores.encoding), like_level)

    @property
    def likes(self) -> np.ndarray:
        """P(like)."""
        return p_like(self.p_rating, self.like_level)

    def like_lower_bound(self, confidence: float) -> np.ndarray:
        """What the log-odds of P(like) exceed with probability `confidence`."""
        found = log_odds(self.likes)
        if self.latent is not None and self.like_level > 0:  # else everything is liked
            found = found + self.latent.log_odds_move(self.like_level, -standard_errors(confidence))
        return found.astype(np.float32)

    def rating_lower_bound(self, confidence: float, values: Sequence[float]) -> np.ndarray:
        """What the expected rating exceeds with probability `confidence`."""
        found = expected_rating(self.p_rating, np.asarray(values, dtype=np.float32).tolist())
        if self.latent is not None:
            found = found + self.latent.rating_move(values, -standard_errors(confidence))
        return found.astype(np.float32)


def list_scores(
    scoring: Scoring,
    scores: Scores,
    histories: Interactions,
    spec: ListSpec,
    norms: Norms | None = None,
) -> np.ndarray:
    """What a few people's items are ranked by: rows x items, -inf where an item may not be listed.

    - "consume": P(consume); "consume_and_like": P(consume) x P(like).
    - "like": what the log-odds of P(like) exceed with probability `confidence`.
    - "rating": what the expected rating exceeds with it.
    - "discover": as "like", of finds alone.

    Doubt is the posterior's (see `uncertainty`); a model without draws has none.

    Args:
        scoring: the network and what it is served with.
        scores: of the people.
        histories: where their rows are.
        standard: what is asked for.
        norms: P(like) of others, which finds are compared with.
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
    found = rated.like_lower_bound(confidence)
    if by == "discover":
        assert norms is not None
        n_consumed = np.diff(histories.starts)[scores.rows]
        are = are_discoveries(spec.criteria, rated.likes, scores.log_p_consume, n_consumed, norms)
        found = np.where(are, found, -np.inf)
    return found


def are_discoveries(
    criteria: DiscoveryCriteria,
    likes: np.ndarray,
    probabilities: np.ndarray,
    n_consumed: np.ndarray,
    norms: Norms,
) -> np.ndarray:
    """Which items are finds: rows x items.

    Args:
        finds: what counts as one.
        likes: rows x items; P(like).
        chances: rows x items; log P(consume).
        n_picks: rows; how long the histories are.
        norms: what they are compared with.
    """
    own = log_odds(likes)
    lift = own - own.mean(1, keepdims=True) - (norms.others - norms.others.mean())
    return criteria.hardly(probabilities, n_consumed, norms.head) & criteria.liked(
        likes, probabilities, lift
    )


def norms_of(scoring: Scoring, known: Interactions, like_level: int) -> Norms:
    """Norms from evenly spaced people of the training log, whatever memory there is.

    Two passes over the catalogue for each: finds are compared with what others like, which the
    first one says. Memory: as for lists, and 2,400 bytes a person.
    """
    n_items, values, criteria = known.n_items, known.levels.values, DiscoveryCriteria()
    n_fit = max(FEWEST_USERS, SAMPLE_CELLS // max(1, n_items))
    n_asked = min(SAMPLE_USERS, n_fit, known.n_users)
    rows = np.unique(np.linspace(0, known.n_users - 1, n_asked).astype(np.int64))
    floats = 3 * known.n_levels + SCORE_FLOATS
    best: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {by: [] for by in UNCERTAIN_LISTS}
    total = np.zeros(n_items)
    for scores in scoring.blocks(known, rows, floats):
        rated, left = Rated.of(scoring, scores, like_level), np.isfinite(scores.log_p_consume)
        total += log_odds(rated.likes).sum(0, dtype=np.float64)
        best["like"].append(_candidates(rated.like_lower_bound(criteria.confidence), left))
        best["rating"].append(
            _candidates(rated.rating_lower_bound(criteria.confidence, values), left)
        )
    head = short_head(np.bincount(known.item_numbers, minlength=n_items))
    norms = Norms((total / len(rows)).astype(np.float32), head)
    for scores in scoring.blocks(known, rows, floats):
        list_score = list_scores(scoring, scores, known, ListSpec("discover", like_level), norms)
        best["discover"].append(_candidates(list_score, np.isfinite(list_score)))
    prices = {by: _prices(by, found, n_items, values) for by, found in best.items()}
    if like_level == 0:  # nothing is liked more than anything else
        prices |= {by: np.zeros(n_items, dtype=np.float32) for by in ("like", "discover")}
    return replace(norms, prices=prices)


def _candidates(list_score: np.ndarray, may: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is best for each person, and which items these are: rows x candidates."""
    list_score = np.where(may, list_score, -np.inf)
    items = np.argsort(-list_score, axis=1, kind="stable")[:, :CANDIDATES].astype(np.int32)
    return np.take_along_axis(list_score, items, axis=1).astype(np.float32), items


def _prices(
    by: str,
    found: list[tuple[np.ndarray, np.ndarray]],
    n_items: int,
    values: Sequence[float],
) -> np.ndarray:
    """Prices that keep to the limit, from people's best candidates alone."""
    best, items = (np.concatenate(side) for side in zip(*found, strict=True))
    # Log-odds differ by about 1, ratings by about a quarter of their scale.
    unit = (max(values) - min(values)) / 4 if by == "rating" else 1.0
    return exposure_prices(best, items, n_items, LIMITS[by], unit)
