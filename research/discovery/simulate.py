"""Fits in synthetic worlds: discovery lists against the best possible ones."""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from conv4rec.data import Interactions
from conv4rec.evaluate.provenance import commit, machine, versions
from research.discovery.list_score import ListScore, score_lists
from research.discovery.selection_world import LatentFactors, SelectionWorld, selective_world

K = 5
"""Length of a list."""


@dataclass(frozen=True)
class Case:
    """A kind of world, and how much of it is observed."""

    name: str
    taste: float
    """Standard deviation of the personal part of liking: 1 is ordinary, 2 strong."""
    selectivity: float
    """How much the future rating decides what is consumed (see `selective_world`)."""
    n_per_user: int = 50
    """Interactions a user."""
    n_users: int = 300
    n_items: int = 200


CASES = (
    Case("ordinary tastes", 1.0, 0.0),
    Case("ordinary tastes, selective users", 1.0, 1.0),
    Case("strong tastes", 2.0, 0.0),
    Case("strong tastes, selective users", 2.0, 1.0),
    Case("strong tastes, 30 interactions", 2.0, 1.0, n_per_user=30),
)
"""Three of them with selection by the rating itself."""


def simulate(
    case: Case, seed: int, settings: dict[str, Any] | None = None, ideal: bool = False
) -> dict[str, Any]:
    """The record of one case with one seed: sample a world, fit, list, score.

    Args:
        case: The kind of world.
        seed: Of the world, of the sample and of the model.
        settings: Of our model; its defaults if left out.
        ideal: Also score the lists of the ideal learner (see `ideal_learner`): a minute.
    """
    from conv4rec.recommender import Conv4Rec, ConvScorer  # needs torch

    world = selective_world(
        case.n_users, case.n_items, taste=case.taste, selectivity=case.selectivity, seed=seed
    )
    log = world.sample(case.n_per_user, np.random.default_rng([seed, 1]))
    started = time.perf_counter()
    model = Conv4Rec(seed=seed, **(settings or {})).fit(log)
    fitted = time.perf_counter()
    p_consume = np.exp(ConvScorer(model).rank_log_probabilities(log, np.arange(log.n_users)))
    found = score_lists(world, log, lists_of(model, log, K), model.like_level_, p_consume)
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
        "share_above_random": round(found.share_above_random, 4),
        **(_beside_the_ideal(case, seed, world, log, found) if ideal else {}),
        "fit_s": round(fitted - started, 2),
        "changed": settings or {},
        "config": model.config_,
        "versions": versions(),
        "machine": machine(),
        "commit": commit(),
    }


def _beside_the_ideal(
    case: Case, seed: int, world: SelectionWorld, log: Interactions, found: ListScore
) -> dict[str, float]:
    from research.discovery.ideal_learner import GenerativeModel, ideal_lists  # needs torch

    generative = GenerativeModel(log, case.taste, case.selectivity)
    like_level = world.levels.like_level()
    truth = LatentFactors.drawn(case.n_users, case.n_items, seed)
    lists, expected = ideal_lists(generative, truth, K, like_level, seed)
    ideal = score_lists(world, log, lists, like_level)
    return {
        "ideal_listed": round(ideal.listed, 5),
        "ideal_expected": round(float(expected.mean()), 5),
        "ideal_share": round(ideal.share, 4),
        "share_of_ideal": round(found.listed / ideal.listed, 4),
    }


def lists_of(model: Any, log: Interactions, k: int) -> np.ndarray:
    """Discovery lists with any P(like): users x k item numbers, -1 past the end of a short one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # short lists are counted as they are
        options = {"novelty": "median", "min_p_like": 0, "limit_exposure": False}
        frame = model.recommend(k=k, by="discover", **options)
    listed = np.full((log.n_users, k), -1, dtype=np.int64)
    rows = log.users.numbers(frame["user_id"])
    listed[rows, frame["rank"].to_numpy() - 1] = log.items.numbers(frame["item_id"])
    return listed
