"""Gems in worlds whose truth is known: how many of those that could be found are found."""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from conv4rec.bench.record import commit, machine, versions
from conv4rec.data import Interactions
from conv4rec.data.selective import Causes, ShownWorld, selective_world

K = 5
"""Gems listed for each user."""


@dataclass(frozen=True)
class Case:
    """A kind of world, and how much of it is seen."""

    name: str
    taste: float
    """Spread of the personal part of liking: 1 is ordinary, 2 strong."""
    selectivity: float
    """How much the rating to come decides what is chosen (see `selective_world`)."""
    n_per_user: int = 50
    """Interactions a user."""
    n_users: int = 300
    n_items: int = 200


CASES = (
    Case("ordinary tastes", 1.0, 0.0),
    Case("ordinary tastes, selective people", 1.0, 1.0),
    Case("strong tastes", 2.0, 0.0),
    Case("strong tastes, selective people", 2.0, 1.0),
    Case("strong tastes, 30 interactions", 2.0, 1.0, n_per_user=30),
)
"""Most with self-selection by the rating itself."""


@dataclass(frozen=True)
class Found:
    """Means over users of the true P(like) of what is listed, as if it were shown."""

    listed: float
    """By the model's discover list; an item that the user would not hardly pick counts 0."""
    chance: float
    """By a random list of items that the user would hardly pick."""
    best: float
    """By the best such list, the truth known."""
    listed_anyhow: float
    """As `listed`, with the true P(like) of every listed item, hardly picked or not."""
    best_in_half: float
    """By the best list from the half that the MODEL calls hardly picked, counted likewise."""

    @property
    def share(self) -> float:
        """Of the best attainable."""
        return self.listed / self.best

    @property
    def share_in_half(self) -> float:
        """Of the best attainable in the model's own half: what is lost by liking alone."""
        return self.listed_anyhow / self.best_in_half

    @property
    def share_above_chance(self) -> float:
        """Of what is to be gained over a random list."""
        return (self.listed - self.chance) / (self.best - self.chance)


def gems_found(
    world: ShownWorld,
    log: Interactions,
    listed: np.ndarray,
    like_level: int,
    promised: np.ndarray | None = None,
) -> Found:
    """Judge lists of gems by the truth.

    Hardly picked is, of the items outside a user's history, the half with the lower TRUE
    P(item | user); the model has to guess which these are as well.

    Args:
        world: The truth.
        log: What was seen: its items are not listed.
        listed: users x k item numbers; -1 past the end of a short list, which counts 0.
        like_level: First level that counts as liked.
        promised: The model's own P(item | user), users x items; the truth if left out.
    """
    seen = np.zeros(world.item_probabilities.shape, dtype=bool)
    seen[log.user_numbers, log.item_numbers] = True
    truth, k = world.p_like(like_level), listed.shape[1]
    hardly = _lower_half(world.item_probabilities, seen)
    gain = np.where(hardly, truth, 0.0)
    own, anyhow = (
        np.take_along_axis(worth, np.maximum(listed, 0), axis=1) * (listed >= 0)
        for worth in (gain, truth)
    )
    by_chance = gain.sum(axis=1) / hardly.sum(axis=1)
    half = hardly if promised is None else _lower_half(promised, seen)
    best, in_half = (-np.sort(-worth, axis=1)[:, :k] for worth in (gain, truth * half))
    return Found(*(float(each.mean()) for each in (own, by_chance, best, anyhow, in_half)))


def _lower_half(p: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Of each user's items outside the history, those below the median of P(item | user)."""
    outside = np.where(seen, np.nan, p)
    return outside < np.nanmedian(outside, axis=1, keepdims=True)


def simulate(
    case: Case, seed: int, settings: dict[str, Any] | None = None, ideal: bool = False
) -> dict[str, Any]:
    """The record of one case with one seed: make a world, sample it, fit, list, judge.

    Args:
        case: The kind of world.
        seed: Of the world, of the sample and of the model.
        settings: Of our model; its defaults if left out.
        ideal: Whether to find also what the best of all learners would list, which takes a minute
            (see `conv4rec.bench.discovery.ideal`).
    """
    from conv4rec.recommender import Conv4Rec  # needs torch

    world = selective_world(
        case.n_users, case.n_items, taste=case.taste, selectivity=case.selectivity, seed=seed
    )
    log = world.sample(case.n_per_user, np.random.default_rng([seed, 1]))
    started = time.perf_counter()
    model = Conv4Rec(seed=seed, **(settings or {})).fit(log)
    fitted = time.perf_counter()
    promised = np.exp(model.rank_log_probabilities(log, np.arange(log.n_users)))
    found = gems_found(world, log, lists_of(model, log, K), model.like_level_, promised)
    return {
        "kind": "run",
        "dataset": "worlds",
        "model": "conv4rec",
        "seed": seed,
        "case": asdict(case),
        "k": K,
        **{name: round(value, 5) for name, value in asdict(found).items()},
        "share": round(found.share, 4),
        "share_in_half": round(found.share_in_half, 4),
        "share_above_chance": round(found.share_above_chance, 4),
        **(_beside_the_ideal(case, seed, world, log, found) if ideal else {}),
        "fit_s": round(fitted - started, 2),
        "changed": settings or {},
        "config": model.config_,
        "versions": versions(),
        "machine": machine(),
        "commit": commit(),
    }


def _beside_the_ideal(
    case: Case, seed: int, world: ShownWorld, log: Interactions, found: Found
) -> dict[str, float]:
    from conv4rec.bench.discovery.ideal import Law, ideal_lists  # needs torch

    law, like_level = Law(log, case.taste, case.selectivity), world.levels.like_level()
    truth = Causes.drawn(case.n_users, case.n_items, seed)
    lists, expected = ideal_lists(law, truth, K, like_level, seed)
    ideal = gems_found(world, log, lists, like_level)
    return {
        "ideal_listed": round(ideal.listed, 5),
        "ideal_expected": round(float(expected.mean()), 5),
        "ideal_share": round(ideal.share, 4),
        "share_of_ideal": round(found.listed / ideal.listed, 4),
    }


def lists_of(model: Any, log: Interactions, k: int) -> np.ndarray:
    """Its discover lists, whatever P(like): users x k item numbers, -1 past a short one's end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # short lists are counted as they are
        frame = model.recommend(k=k, by="discover", min_p_like=0)
    listed = np.full((log.n_users, k), -1, dtype=np.int64)
    rows = log.users.numbers(frame["user_id"])
    listed[rows, frame["rank"].to_numpy() - 1] = log.items.numbers(frame["item_id"])
    return listed
