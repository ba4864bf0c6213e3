"""A synthetic world where liking and consuming have different latent factors."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from conv4rec.data.synthetic import World, scale_of

RANK = 3
"""Dimensions of taste, and of habit."""


@dataclass(frozen=True, eq=False)
class SelectionWorld(World):
    """A world with the distribution of ratings under random exposure."""

    exposed: np.ndarray
    """P(level | user, item exposed): float64, users x levels x items; sums to 1 over levels."""

    def p_like(self, like_level: int) -> np.ndarray:
        """The true probability of liking an exposed item: users x items."""
        return self.exposed[:, like_level:].sum(axis=1)


@dataclass(frozen=True, eq=False)
class LatentFactors:
    """The latent factors of users and items: all standard normal, float64."""

    tastes: np.ndarray
    """users x rank."""
    appeals: np.ndarray
    """items x rank: which tastes like the item."""
    generosity: np.ndarray
    """users x 1."""
    quality: np.ndarray
    """items x 1."""
    habits: np.ndarray
    """users x rank."""
    places: np.ndarray
    """items x rank: which habits lead to the item."""
    popularity: np.ndarray
    """items x 1."""

    @classmethod
    def drawn(cls, n_users: int, n_items: int, seed: int, rank: int = RANK) -> LatentFactors:
        """The factors of the world with this seed."""
        rng = np.random.default_rng(seed)
        liking = rng.standard_normal((n_users + n_items, rank))
        generosity, quality = rng.standard_normal((n_users, 1)), rng.standard_normal((n_items, 1))
        choosing = rng.standard_normal((n_users + n_items, rank))
        popularity = rng.standard_normal((n_items, 1))
        return cls(
            liking[:n_users], liking[n_users:], generosity, quality,
            choosing[:n_users], choosing[n_users:], popularity,
        )  # fmt: skip


def selective_world(
    n_users: int = 300,
    n_items: int = 200,
    n_levels: int = 5,
    rank: int = RANK,
    taste: float = 1.0,
    selectivity: float = 0.0,
    seed: int = 0,
) -> SelectionWorld:
    """Consuming and liking have different factors, and users consume what they will rate highly.

    Item i, shown to user u, is rated by an ordered logit around a liking of its own,

        t_ui = taste (a_u . b_i) / sqrt(rank) + 0.5 generosity_u + 0.5 quality_i - 1,

    and is consumed by an independent habit and by its future rating:

        P(i, level | u)  ~  exp((c_u . d_i) / sqrt(rank) + popularity_i + selectivity z_level)
                            P(level | u, i exposed),

    z the levels from -1 to 1; a, b, c, d are the tastes, appeals, habits and places of
    `LatentFactors`. With selectivity 0 an item is rated the same consumed or exposed; above 0,
    consumed items are rated higher than the same items would be under random exposure.

    Args:
        n_users: How many users.
        n_items: How many items.
        n_levels: How many rating levels; at least 2.
        rank: Dimensions of taste, and of habit.
        taste: Standard deviation of the personal part of liking.
        selectivity: How much the future rating decides what is consumed.
        seed: Of every draw.
    """
    a, b, generosity, quality, c, d, popularity = astuple(
        LatentFactors.drawn(n_users, n_items, seed, rank)
    )
    liking = taste * (a @ b.T) / rank**0.5 + 0.5 * generosity + 0.5 * quality.T - 1.0
    habit = c @ d.T / rank**0.5 + popularity.T
    cumulative = np.ones((n_users, n_levels + 1, n_items))
    cumulative[:, 0] = 0.0
    cumulative[:, 1:-1] = 1 / (1 + np.exp(liking[:, None] - cuts(n_levels)[:, None]))
    exposed = np.diff(cumulative, axis=1)
    joint = np.exp(habit[:, None] + selectivity * signs(n_levels)[:, None]) * exposed
    return SelectionWorld(
        joint / joint.sum(axis=(1, 2), keepdims=True), scale_of(n_levels), exposed
    )


def cuts(n_levels: int) -> np.ndarray:
    """Where an item of liking 0 is as likely to be rated any level: log-odds of k / n_levels."""
    at_most = np.arange(1, n_levels) / n_levels
    return np.log(at_most / (1 - at_most))


def signs(n_levels: int) -> np.ndarray:
    """The levels from -1 to 1."""
    return np.linspace(-1.0, 1.0, n_levels)
