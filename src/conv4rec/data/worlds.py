"""Small made-up worlds whose truth is known, for tests and for theory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from conv4rec.data.ids import Ids
from conv4rec.data.interactions import Interactions
from conv4rec.data.levels import Levels


@dataclass(frozen=True, eq=False)
class World:
    """A true law of what each user consumes next and how it is rated.

    Ids are strings ("u003", "i07"), so that no test can mistake an id for a number.
    """

    p: np.ndarray
    """P(item, level | user): float64, users x levels x items; sums to 1 for each user."""
    levels: Levels

    @property
    def flat(self) -> np.ndarray:
        """`p` as a matrix, users x (levels * items), level by level: its rank is the world's."""
        return self.p.reshape(len(self.p), -1)

    @property
    def item_probabilities(self) -> np.ndarray:
        """P(item | user): users x items."""
        return self.p.sum(axis=1)

    @property
    def level_probabilities(self) -> np.ndarray:
        """P(level | item, user): users x levels x items; NaN for an item never consumed."""
        with np.errstate(invalid="ignore"):
            return self.p / self.item_probabilities[:, None, :]

    def sample(self, n_per_user: int, rng: np.random.Generator) -> Interactions:
        """Let each user consume up to `n_per_user` different items, and rate them all.

        Items are drawn by P(item | user) without replacement (by the Gumbel trick: the top n of
        log p plus noise), so never one of probability zero; then a level by P(level | item,
        user).
        """
        n_users, n_levels, n_items = self.p.shape
        chance = self.item_probabilities
        with np.errstate(divide="ignore"):
            keys = np.log(chance) + rng.gumbel(size=chance.shape)
        items = np.argsort(-keys, axis=1)[:, :n_per_user]
        users = np.repeat(np.arange(n_users), items.shape[1])
        items = items.ravel()
        possible = chance[users, items] > 0
        users, items = users[possible], items[possible]
        cumulative = np.cumsum(self.p[users, :, items], axis=1)
        draws = rng.random(len(users))[:, None] * cumulative[:, -1:]
        levels = np.minimum((draws >= cumulative).sum(axis=1), n_levels - 1)
        return Interactions.from_numbers(
            _names("u", n_users, "user"), _names("i", n_items, "item"), self.levels,
            users, items, levels,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class ShownWorld(World):
    """A world that also knows how each item would be rated if it were shown at random."""

    shown: np.ndarray
    """P(level | user, item shown): float64, users x levels x items; sums to 1 over levels."""

    def p_like(self, like_level: int) -> np.ndarray:
        """The true chance of liking an item that is shown: users x items."""
        return self.shown[:, like_level:].sum(axis=1)


def two_tribes(
    n_users: int = 40, n_items: int = 20, n_levels: int = 5, crossing: float = 0.05
) -> World:
    """Two tribes, two shelves: users of either half keep to their half of the items.

    A `crossing` share of what they consume is from the other shelf. Their own they rate at the
    top level (80%, the rest evenly below), the other's at the bottom.
    """
    tribe = np.arange(n_users) >= n_users // 2
    shelf = np.arange(n_items) >= n_items // 2
    at_home = tribe[:, None] == shelf[None, :]
    chance = np.where(at_home, 1 - crossing, crossing) / np.where(
        at_home, at_home.sum(axis=1, keepdims=True), (~at_home).sum(axis=1, keepdims=True)
    )
    high = np.full(n_levels, 0.2 / max(1, n_levels - 1))
    high[-1] = 1 - high[:-1].sum()
    by_level = np.where(at_home[:, None, :], high[:, None], high[::-1, None])
    return World(chance[:, None, :] * by_level, _scale(n_levels))


def sequel(n_users: int = 60, n_others: int = 6, seed: int = 0) -> Interactions:
    """The sequel: all who saw "part 2" saw "part 1", while half of those saw no part 2.

    A symmetric measure of similarity cannot tell which of the two to recommend. A third of
    the users saw neither; everybody saw two of the other films. The ratings are 4 and 5.
    """
    rng = np.random.default_rng(seed)
    users = np.arange(n_users)
    seen = [(user, "part 1") for user in users if user % 3 != 0]
    seen += [(user, "part 2") for user in users if user % 3 == 1]
    for user in users:
        seen += [(user, f"film {film}") for film in rng.permutation(n_others)[:2]]
    table = pl.DataFrame(seen, schema={"user_id": pl.Int64, "item_id": pl.String}, orient="row")
    ratings = pl.Series("rating", rng.integers(4, 6, len(seen)))
    return Interactions.from_frame(table.with_columns(ratings), levels=[1, 2, 3, 4, 5])


def low_rank_world(
    n_users: int,
    n_items: int,
    n_levels: int = 5,
    rank: int = 2,
    seed: int = 0,
    popularity: float = 0.0,
) -> World:
    """A mixture of `rank` tastes: P(item, level | user) = Σ_r π(r | user) q(item, level | r).

    The matrix `flat` has exactly that rank, given enough users and items.

    Args:
        n_users: How many users.
        n_items: How many items.
        n_levels: How many rating levels.
        rank: How many tastes.
        seed: Of the draw of π and q.
        popularity: Exponent of a power law over items, in no particular order: 0 is none, 1
            is Zipf's.
    """
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(rank, 0.5), size=n_users)
    tastes = rng.gamma(0.5, size=(rank, n_levels, n_items))
    tastes *= rng.permutation(np.arange(1.0, n_items + 1) ** -popularity)
    tastes /= tastes.sum(axis=(1, 2), keepdims=True)
    return World(np.einsum("ur,rki->uki", weights, tastes), _scale(n_levels))


def selective_world(
    n_users: int = 300,
    n_items: int = 200,
    n_levels: int = 5,
    rank: int = 3,
    taste: float = 1.0,
    selectivity: float = 0.0,
    seed: int = 0,
) -> ShownWorld:
    """Choosing and liking have different causes, and people choose what they will rate high.

    Item i, shown to user u, is rated by an ordered logit around a liking of its own,

        t_ui = taste (a_u . b_i) / sqrt(rank) + 0.5 generosity_u + 0.5 quality_i - 1,

    and is chosen by an independent habit and by the rating that it will get:

        P(i, level | u)  ~  exp((c_u . d_i) / sqrt(rank) + popularity_i + selectivity z_level)
                            P(level | u, i shown),

    z the levels from -1 to 1. All of a, b, c, d, generosity, quality and popularity are standard
    normal. With selectivity 0 an item's rating is the same chosen or shown; above it, what people
    chose is rated higher than the same item would be if it were shown to them.

    Args:
        n_users: How many users.
        n_items: How many items.
        n_levels: How many rating levels; at least 2.
        rank: Dimensions of taste, and of habit.
        taste: Spread of the personal part of liking.
        selectivity: How much the rating to come decides what is chosen.
        seed: Of every draw.
    """
    rng = np.random.default_rng(seed)

    def product() -> np.ndarray:
        factors = rng.standard_normal((n_users + n_items, rank))
        return factors[:n_users] @ factors[n_users:].T / rank**0.5

    liking = taste * product() + 0.5 * rng.standard_normal((n_users, 1))
    liking = liking + 0.5 * rng.standard_normal(n_items) - 1.0
    habit = product() + rng.standard_normal(n_items)
    at_most = np.arange(1, n_levels) / n_levels
    cuts = np.log(at_most / (1 - at_most))[:, None]
    cumulative = np.ones((n_users, n_levels + 1, n_items))
    cumulative[:, 0] = 0.0
    cumulative[:, 1:-1] = 1 / (1 + np.exp(liking[:, None] - cuts))
    shown = np.diff(cumulative, axis=1)
    z = np.linspace(-1.0, 1.0, n_levels)[:, None]
    joint = np.exp(habit[:, None] + selectivity * z) * shown
    return ShownWorld(joint / joint.sum(axis=(1, 2), keepdims=True), _scale(n_levels), shown)


def _scale(n_levels: int) -> Levels:
    return Levels(tuple(float(level) for level in range(1, n_levels + 1)))


def _names(letter: str, n: int, what: Literal["user", "item"]) -> Ids:
    """Ids such as "u003": zero-padded, so that their order is that of their numbers."""
    return Ids(pl.Series([f"{letter}{number:0{len(str(n))}d}" for number in range(n)]), what)
