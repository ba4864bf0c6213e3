"""Discovery lists at several values of `confidence`: `python -m research.discovery confidence`.

For each value: in the worlds of `simulate`, the mean share of the best list (their seeds are not
those of the published records); and the AUC of the list score over the items below the median, on
a masked fifth of the TRAINING part of two data sets, three parts each. Ten minutes on one core.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from conv4rec import Conv4Rec, Interactions
from conv4rec.data import random_split, split_by_name
from conv4rec.evaluate.calibration import auc
from research.discovery.list_score import score_lists
from research.discovery.selection_world import selective_world
from research.discovery.simulate import CASES, Case, K

CONFIDENCE = (0.5, 0.8, 0.95)
WORLD_SEEDS, PARTS = (5, 6), (0, 1, 2)
DATASETS = ("coat/mar", "ml-100k/u1")


def everyone(model: Conv4Rec, log: Interactions, k: int, **options: Any) -> tuple[np.ndarray, ...]:
    """Users, items, ranks and scores of each user's k best discoveries, with any P(like)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lists of everything are shorter than asked for
        options = {"novelty": "median", "min_p_like": 0, "limit_exposure": False} | options
        found = model.recommend(k=k, by="discover", **options)
    users, items = log.users.numbers(found["user_id"]), log.items.numbers(found["item_id"])
    return users, items, found["rank"].to_numpy() - 1, found["score"].to_numpy()


def shares_in_world(case: Case, seed: int) -> list[float]:
    """The share of the best possible list, for each value of `confidence`."""
    world = selective_world(
        case.n_users, case.n_items, taste=case.taste, selectivity=case.selectivity, seed=seed
    )
    log = world.sample(case.n_per_user, np.random.default_rng([seed, 1]))
    model = Conv4Rec(seed=seed).fit(log)
    shares = []
    for confidence in CONFIDENCE:
        users, items, ranks, _ = everyone(model, log, K, confidence=confidence)
        listed = np.full((log.n_users, K), -1)
        listed[users, ranks] = items
        shares.append(score_lists(world, log, listed, model.like_level_).share)
    return shares


def auc_on_masked_ratings(dataset: str, seed: int) -> list[float]:
    """The AUC over masked ratings of unlikely items, for each value of `confidence`."""
    part, masked = random_split(split_by_name(dataset).train, 0.2, seed)
    model = Conv4Rec(seed=seed).fit(part)
    masked = masked.select(masked.level_numbers >= 0)
    liked = masked.level_numbers >= part.levels.like_level()
    users, items, _, _ = everyone(model, part, part.n_items, confidence=0.5)
    is_below = np.zeros((part.n_users, part.n_items), dtype=bool)
    is_below[users, items] = True
    among = is_below[masked.user_numbers, masked.item_numbers]
    found = []
    for confidence in CONFIDENCE:
        users, items, _, score = everyone(
            model, part, part.n_items, confidence=confidence, novelty=0
        )
        scores = np.zeros((part.n_users, part.n_items))
        scores[users, items] = score
        found.append(auc(scores[masked.user_numbers, masked.item_numbers][among], liked[among]))
    return found


def lines() -> Iterator[str]:
    """A heading, then one line for each value of `confidence`."""
    columns = {"worlds": [shares_in_world(case, seed) for case in CASES for seed in WORLD_SEEDS]}
    columns |= {name: [auc_on_masked_ratings(name, seed) for seed in PARTS] for name in DATASETS}
    yield "confidence  " + "  ".join(columns)
    means = (np.mean(rows, 0) for rows in columns.values())
    for confidence, *found in zip(CONFIDENCE, *means, strict=True):
        yield f"{confidence:<10}  " + "  ".join(f"{mean:.3f}" for mean in found)
