"""What `confidence` is worth: lists of finds at several values, in made-up worlds and on hidden ratings.

`python docs/discover/confidence.py` prints a line for each value of `confidence`: in the worlds of
`conv4rec discovery --simulate`, the mean share of the best list that is reached (their seeds are
not those of the published records), and the AUC of what ranks finds over the items below the
median on a hidden fifth of the TRAINING part of two data sets, three of them each. Some ten
minutes on one core.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from conv4rec import Conv4Rec, Interactions
from conv4rec.data import random_split, split_by_name
from conv4rec.data.selection_world import selective_world
from conv4rec.evaluate.calibration import auc
from research.discovery.simulate import CASES, Case, K
from research.discovery.world_discoveries import gems_found

CONFIDENCE = (0.5, 0.8, 0.95)
WORLD_SEEDS, PARTS = (5, 6), (0, 1, 2)
DATASETS = ("coat/mar", "ml-100k/u1")


def criteria(model: Conv4Rec, log: Interactions, k: int, **options: Any) -> tuple[np.ndarray, ...]:
    """Users, items, ranks and scores of everyone's k best finds, however little they are liked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lists of everything are shorter than asked for
        options = {"novelty": "median", "min_p_like": 0, "limit_exposure": False} | options
        found = model.recommend(k=k, by="discover", **options)
    users, items = log.users.numbers(found["user_id"]), log.items.numbers(found["item_id"])
    return users, items, found["rank"].to_numpy() - 1, found["score"].to_numpy()


def of_the_best(case: Case, seed: int) -> list[float]:
    """The share of the best attainable list, for each value."""
    world = selective_world(
        case.n_users, case.n_items, taste=case.taste, selectivity=case.selectivity, seed=seed
    )
    log = world.sample(case.n_per_user, np.random.default_rng([seed, 1]))
    model = Conv4Rec(seed=seed).fit(log)
    shares = []
    for confidence in CONFIDENCE:
        users, items, ranks, _ = criteria(model, log, K, confidence=confidence)
        listed = np.full((log.n_users, K), -1)
        listed[users, ranks] = items
        shares.append(gems_found(world, log, listed, model.like_level_).share)
    return shares


def on_hidden_ratings(dataset: str, seed: int) -> list[float]:
    """The AUC over hidden ratings of items hardly picked, for each value."""
    part, hidden = random_split(split_by_name(dataset).train, 0.2, seed)
    model = Conv4Rec(seed=seed).fit(part)
    hidden = hidden.select(hidden.level_numbers >= 0)
    liked = hidden.level_numbers >= part.levels.like_level()
    users, items, _, _ = criteria(model, part, part.n_items, confidence=0.5)
    is_below = np.zeros((part.n_users, part.n_items), dtype=bool)
    is_below[users, items] = True
    among = is_below[hidden.user_numbers, hidden.item_numbers]
    found = []
    for confidence in CONFIDENCE:
        users, items, _, score = criteria(
            model, part, part.n_items, confidence=confidence, novelty=0
        )
        scores = np.zeros((part.n_users, part.n_items))
        scores[users, items] = score
        found.append(auc(scores[hidden.user_numbers, hidden.item_numbers][among], liked[among]))
    return found


if __name__ == "__main__":
    say = sys.stdout.write
    columns = {"worlds": [of_the_best(case, seed) for case in CASES for seed in WORLD_SEEDS]}
    columns |= {name: [on_hidden_ratings(name, seed) for seed in PARTS] for name in DATASETS}
    say("sure  " + "  ".join(columns) + "\n")
    for confidence, *means in zip(
        CONFIDENCE, *(np.mean(rows, 0) for rows in columns.values()), strict=True
    ):
        say(f"{confidence:<4}  " + "  ".join(f"{mean:.3f}" for mean in means) + "\n")
