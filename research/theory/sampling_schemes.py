"""Synthetic worlds with a known P(item, level | user), and ways to sample logs from them.

Users draw items without replacement, as real users rate them. The truth is the distribution that
the model estimates: that of the world, restricted to the items that a user has not consumed, and
renormalised. For draws one after the other it is exactly the distribution of the next interaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from conv4rec.data import Interactions
from conv4rec.data.synthetic import World, low_rank_world

N_LEVELS, RANK = 3, 2
GROUP = 10
"""Users who copy from one leader in the correlated world."""
COPIED = 0.9
"""Share of a copier's random draws that are the leader's."""
TILT = 1.0
"""In the self-selection world, a level is e times as likely to be consumed as the one below."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """A log and the true distributions, each users x levels x items, before restriction."""

    log: Interactions
    truth: np.ndarray
    """The distribution that interactions are drawn from."""
    before_selection: np.ndarray | None = field(default=None)
    """The distribution before users select what they like, where that is another."""


@dataclass(frozen=True)
class SamplingScheme:
    """A way of sampling: its name, whether the guarantee covers it, and why."""

    name: str
    holds: bool
    why: str
    sample: Callable[[int, int, int, int], Sampled]
    """(users, items, interactions per user, seed) -> Sampled; the world depends on seed alone."""


def _world(n_users: int, n_items: int, seed: int, popularity: float = 0.0) -> World:
    return low_rank_world(n_users, n_items, N_LEVELS, RANK, seed, popularity)


def uniform(n_users: int, n_items: int, n_each: int, seed: int) -> Sampled:
    """Tastes, with items of equal popularity."""
    world = _world(n_users, n_items, seed)
    return Sampled(world.sample(n_each, np.random.default_rng(seed + 1)), world.p)


def power_law(n_users: int, n_items: int, n_each: int, seed: int) -> Sampled:
    """Tastes times a power law of item popularity with exponent 0.8."""
    world = _world(n_users, n_items, seed, popularity=0.8)
    return Sampled(world.sample(n_each, np.random.default_rng(seed + 1)), world.p)


def self_selection(n_users: int, n_items: int, n_each: int, seed: int) -> Sampled:
    """Users consume what they will rate highly: P is multiplied by exp(level).

    The model can recover the tilted distribution; `before_selection` is the one before the tilt.
    """
    world = _world(n_users, n_items, seed)
    tilted = world.p * np.exp(TILT * np.arange(N_LEVELS))[:, None]
    tilted /= tilted.sum(axis=(1, 2), keepdims=True)
    log = World(tilted, world.levels).sample(n_each, np.random.default_rng(seed + 1))
    return Sampled(log, tilted, world.p)


def drift(n_users: int, n_items: int, n_each: int, seed: int) -> Sampled:
    """The first half of a history is drawn from another user's taste than the second half.

    The next interaction follows the second taste. A set of interactions has no order, so it does
    not say which interactions follow which taste.
    """
    world = _world(n_users, n_items, seed)
    rng = np.random.default_rng(seed + 1)
    before = World(np.roll(world.p, 1, axis=0), world.levels).sample(n_each // 2, rng)
    seen = before.to_csr().toarray() > 0
    now = np.where(seen[:, None, :], 0.0, world.p)
    now /= now.sum(axis=(1, 2), keepdims=True)
    after = World(now, world.levels).sample(n_each - n_each // 2, rng)
    parts = [
        np.concatenate([getattr(each, name) for each in (before, after)])
        for name in ("user_numbers", "item_numbers", "level_numbers")
    ]
    users, items = before.users, before.items
    return Sampled(Interactions.from_numbers(users, items, world.levels, *parts), world.p)


def correlated(n_users: int, n_items: int, n_each: int, seed: int) -> Sampled:
    """Groups of ten with one taste copy 90% of their random draws from a leader.

    Each user alone follows the distribution of the world exactly. A group holds little more
    information than its leader.
    """
    groups = -(-n_users // GROUP)
    leaders = _world(groups, n_items, seed)
    p = np.repeat(leaders.p, GROUP, axis=0)[:n_users]
    rng = np.random.default_rng(seed + 1)
    shape = (n_users, n_items)
    noise = _copied(rng.gumbel(size=shape), rng)
    uniform_draws = _copied(rng.random(shape), rng)
    probability = p.sum(axis=1)
    order = np.argsort(-(np.log(np.maximum(probability, 1e-300)) + noise), axis=1)
    items = order[:, :n_each].ravel()
    users = np.repeat(np.arange(n_users), order[:, :n_each].shape[1])
    cumulative = np.cumsum(p[users, :, items], axis=1)
    drawn = (uniform_draws[users, items][:, None] * cumulative[:, -1:] >= cumulative).sum(axis=1)
    model = World(p, leaders.levels)
    names = model.sample(1, np.random.default_rng(0))
    levels = np.minimum(drawn, N_LEVELS - 1)
    log = Interactions.from_numbers(names.users, names.items, names.levels, users, items, levels)
    return Sampled(log, p)


def _copied(own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Replace most draws of each user by those of the first in the group: margins stay."""
    leader = np.arange(len(own)) // GROUP * GROUP
    return np.where(rng.random(own.shape) < COPIED, own[leader], own)


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        SamplingScheme(
            "uniform", True, "independent draws from a distribution of low rank", uniform
        ),
        SamplingScheme(
            "power-law", True, "popularity changes the constants, not the statement", power_law
        ),
        SamplingScheme(
            "self-selection",
            True,
            "what is recovered is the distribution of what users choose to rate; how they would "
            "rate other items is not in the data",
            self_selection,
        ),
        SamplingScheme(
            "drift",
            False,
            "draws of one user come from two distributions, and a set has no order",
            drift,
        ),
        SamplingScheme(
            "correlated",
            False,
            "users copy each other, so rows hold less information than independent ones",
            correlated,
        ),
    )
}
"""Every sampling scheme by name."""


def restricted(p: np.ndarray, log: Interactions) -> np.ndarray:
    """The distribution of the next interaction: `p` on the items not consumed, renormalised.

    Same shape as `p`: users x levels x items.
    """
    seen = log.to_csr().toarray() > 0
    left = np.where(seen[:, None, :], 0.0, p)
    return left / np.maximum(left.sum(axis=(1, 2), keepdims=True), 1e-300)
