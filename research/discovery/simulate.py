"""Fits in made-up worlds whose gems are known: of those that could be found, how many are?"""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from conv4rec.data import Interactions
from conv4rec.data.selection_world import Causes, ShownWorld, selective_world
from conv4rec.evaluate.provenance import commit, machine, versions
from research.discovery.world_discoveries import Found, gems_found

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


def simulate(
    case: Case, seed: int, settings: dict[str, Any] | None = None, ideal: bool = False
) -> dict[str, Any]:
    """The record of one case with one seed: make a world, sample it, fit, list, judge.

    Args:
        case: The kind of world.
        seed: Of the world, of the sample and of the model.
        settings: Of our model; its defaults if left out.
        ideal: Whether to find also what the best of all learners would list, which takes a minute
            (see `research.discovery.ideal_learner`).
    """
    from conv4rec.recommender import Conv4Rec, ConvScorer  # needs torch

    world = selective_world(
        case.n_users, case.n_items, taste=case.taste, selectivity=case.selectivity, seed=seed
    )
    log = world.sample(case.n_per_user, np.random.default_rng([seed, 1]))
    started = time.perf_counter()
    model = Conv4Rec(seed=seed, **(settings or {})).fit(log)
    fitted = time.perf_counter()
    promised = np.exp(ConvScorer(model).rank_log_probabilities(log, np.arange(log.n_users)))
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
    from research.discovery.ideal_learner import Law, ideal_lists  # needs torch

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
        options = {"novelty": "median", "min_p_like": 0, "limit_exposure": False}
        frame = model.recommend(k=k, by="discover", **options)
    listed = np.full((log.n_users, k), -1, dtype=np.int64)
    rows = log.users.numbers(frame["user_id"])
    listed[rows, frame["rank"].to_numpy() - 1] = log.items.numbers(frame["item_id"])
    return listed
