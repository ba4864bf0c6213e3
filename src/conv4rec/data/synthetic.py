"""Small synthetic worlds whose truth is known, for tests and research."""

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
    """A true distribution of what each user consumes next and how it is rated.

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
        probability = self.item_probabilities
        with np.errstate(divide="ignore"):
            keys = np.log(probability) + rng.gumbel(size=probability.shape)
        items = np.argsort(-keys, axis=1)[:, :n_per_user]
        users = np.repeat(np.arange(n_users), items.shape[1])
        items = items.ravel()
        possible = probability[users, items] > 0
        users, items = users[possible], items[possible]
        cumulative = np.cumsum(self.p[users, :, items], axis=1)
        draws = rng.random(len(users))[:, None] * cumulative[:, -1:]
        levels = np.minimum((draws >= cumulative).sum(axis=1), n_levels - 1)
        return Interactions.from_numbers(
            _names("u", n_users, "user"), _names("i", n_items, "item"), self.levels,
            users, items, levels,
        )  # fmt: skip


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
    probability = np.where(at_home, 1 - crossing, crossing) / np.where(
        at_home, at_home.sum(axis=1, keepdims=True), (~at_home).sum(axis=1, keepdims=True)
    )
    high = np.full(n_levels, 0.2 / max(1, n_levels - 1))
    high[-1] = 1 - high[:-1].sum()
    by_level = np.where(at_home[:, None, :], high[:, None], high[::-1, None])
    return World(probability[:, None, :] * by_level, scale_of(n_levels))


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
    return World(np.einsum("ur,rki->uki", weights, tastes), scale_of(n_levels))


def scale_of(n_levels: int) -> Levels:
    """The levels 1 to n_levels."""
    return Levels(tuple(float(level) for level in range(1, n_levels + 1)))


def _names(letter: str, n: int, what: Literal["user", "item"]) -> Ids:
    """Ids such as "u003": zero-padded, so that their order is that of their numbers."""
    return Ids(pl.Series([f"{letter}{number:0{len(str(n))}d}" for number in range(n)]), what)
