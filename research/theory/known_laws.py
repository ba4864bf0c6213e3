"""Made-up worlds with a known law of what each user does next, and the ways of sampling them.

Users draw items without replacement, as real people rate them, so the truth is what the model
estimates: the world's law restricted to the items that a user has not consumed, renormalised.
For draws one after the other that is exactly the law of the next interaction.
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
"""Share of a copier's luck that is the leader's."""
TILT = 1.0
"""In the self-selection world, a level is e times as likely to be consumed as the one below."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """A log and the laws to compare with, each users x levels x items, before restriction."""

    log: Interactions
    truth: np.ndarray
    """The law that the next interaction is drawn from."""
    wanted: np.ndarray | None = field(default=None)
    """Where it differs: the law that one may have hoped for."""


@dataclass(frozen=True)
class Law:
    """A way of sampling: its name, whether the guarantee covers it, and why."""

    name: str
    holds: bool
    why: str
    sample: Callable[[int, int, int, int], Sampled]
    """(users, items, interactions per user, seed) -> Sampled; the world depends on seed alone."""


def _world(n_users: int, n_items: int, seed: int, popularity: float = 0.0) -> World:
    return low_rank_world(n_users, n_items, N_LEVELS, RANK, seed, popularity)


def uniform(n_users: int, n_items: int, n_each: int, seed: int) -> Sampled:
    """Tastes without a popularity law."""
    world = _world(n_users, n_items, seed)
    return Sampled(world.sample(n_each, np.random.default_rng(seed + 1)), world.p)


def power_law(n_users: int, n_items: int, n_each: int, seed: int) -> Sampled:
    """Tastes times a power law over items with exponent 0.8."""
    world = _world(n_users, n_items, seed, popularity=0.8)
    return Sampled(world.sample(n_each, np.random.default_rng(seed + 1)), world.p)


def self_selection(n_users: int, n_items: int, n_each: int, seed: int) -> Sampled:
    """People consume what they will rate highly: the law is tilted by exp(level).

    What is recovered is the tilted law; `wanted` is the law before the tilt.
    """
    world = _world(n_users, n_items, seed)
    tilted = world.p * np.exp(TILT * np.arange(N_LEVELS))[:, None]
    tilted /= tilted.sum(axis=(1, 2), keepdims=True)
    log = World(tilted, world.levels).sample(n_each, np.random.default_rng(seed + 1))
    return Sampled(log, tilted, world.p)


def drift(n_users: int, n_items: int, n_each: int, seed: int) -> Sampled:
    """The first half of a history is drawn from another user's taste than the second half.

    The next interaction follows the present taste; a set of interactions has no order to tell
    it from the past one.
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
    """Groups of ten with one taste copy 90% of their luck from a leader.

    Each user alone follows the world's law exactly; together they say little more than their
    leader does.
    """
    groups = -(-n_users // GROUP)
    leaders = _world(groups, n_items, seed)
    p = np.repeat(leaders.p, GROUP, axis=0)[:n_users]
    rng = np.random.default_rng(seed + 1)
    shape = (n_users, n_items)
    noise = _copied(rng.gumbel(size=shape), rng)
    luck = _copied(rng.random(shape), rng)
    probability = p.sum(axis=1)
    order = np.argsort(-(np.log(np.maximum(probability, 1e-300)) + noise), axis=1)
    items = order[:, :n_each].ravel()
    users = np.repeat(np.arange(n_users), order[:, :n_each].shape[1])
    cumulative = np.cumsum(p[users, :, items], axis=1)
    drawn = (luck[users, items][:, None] * cumulative[:, -1:] >= cumulative).sum(axis=1)
    model = World(p, leaders.levels)
    names = model.sample(1, np.random.default_rng(0))
    levels = np.minimum(drawn, N_LEVELS - 1)
    log = Interactions.from_numbers(names.users, names.items, names.levels, users, items, levels)
    return Sampled(log, p)


def _copied(own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Replace most of each user's draws by those of the first of the group: margins stay."""
    leader = np.arange(len(own)) // GROUP * GROUP
    return np.where(rng.random(own.shape) < COPIED, own[leader], own)


LAWS = {
    law.name: law
    for law in (
        Law("uniform", True, "independent draws from a law of low rank", uniform),
        Law("power-law", True, "popularity changes the constants, not the statement", power_law),
        Law(
            "self-selection", True,
            "what is recovered is the law of what people choose to rate; the law of what they "
            "would say of anything is not in the data", self_selection,
        ),
        Law("drift", False, "draws of one user come from two laws: a set has no order", drift),
        Law("correlated", False, "raters copy each other: rows count for less than they are",
            correlated),
    )
}  # fmt: skip
"""Every sampling law by name."""


def restricted(law: np.ndarray, log: Interactions) -> np.ndarray:
    """A law on the items that each user has not consumed, renormalised: the next interaction's.

    Same shape as `law`: users x levels x items.
    """
    seen = log.to_csr().toarray() > 0
    left = np.where(seen[:, None, :], 0.0, law)
    return left / np.maximum(left.sum(axis=(1, 2), keepdims=True), 1e-300)
