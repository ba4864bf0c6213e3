"""Coverage of the 90% intervals of P(like) in synthetic worlds.

`python -m research.discovery coverage` prints one line for each world and seed; some minutes on one
core. The seeds were not used to design the intervals. In "tastes", consuming and liking share some
latent factors. In "selecting", a rating is also missing more often the lower it is: 30% are
observed at the lowest level, 80% at the highest. A log of ratings cannot reveal this.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import polars as pl

from conv4rec import Conv4Rec, Interactions
from conv4rec.data import Ids
from conv4rec.data.synthetic import low_rank_world

N_USERS, N_ITEMS, LEVELS = 250, 120, 5
SEEDS = (101, 102, 103)


def probability(log_odds: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-log_odds))


def log_of(items: np.ndarray, level: np.ndarray, observed: np.ndarray) -> Interactions:
    """Rows as Interactions: items and levels are users x draws; a level not observed is null."""
    users = np.repeat(np.arange(N_USERS), items.shape[1])
    rating = pl.Series((level + 1.0).ravel()).zip_with(
        pl.Series(observed.ravel()), pl.Series([None], dtype=pl.Float64)
    )
    frame = pl.DataFrame({"user_id": users, "item_id": items.ravel(), "rating": rating})
    everything = pl.DataFrame({"item_id": np.arange(N_ITEMS)})["item_id"]
    return Interactions.from_frame(
        frame, levels=list(range(1, LEVELS + 1)), items=Ids(everything, "item")
    )


def tastes(seed: int, selecting: bool = False) -> tuple[Interactions, np.ndarray]:
    """Users with four tastes for consuming and for liking, and P(like) of every pair."""
    rng = np.random.default_rng(seed)
    users, consuming, likes = (rng.normal(size=(n, 4)) for n in (N_USERS, N_ITEMS, N_ITEMS))
    fame = np.log(rng.permutation(np.arange(1.0, N_ITEMS + 1) ** -0.8))
    drawn = fame + 0.6 * users @ consuming.T + rng.gumbel(size=(N_USERS, N_ITEMS))
    items = np.argsort(-drawn, axis=1)[:, :25]
    liking = 0.7 * rng.normal(size=(N_USERS, 1)) + 0.8 * rng.normal(size=(1, N_ITEMS))
    liking = liking + 0.6 * users @ (0.4 * consuming + 0.9 * likes).T
    cuts = np.linspace(-2.0, 1.5, LEVELS - 1)
    below = probability(cuts - liking[:, :, None])
    given = np.take_along_axis(below, items[:, :, None], axis=1)
    level = (rng.random(items.shape)[:, :, None] > given).sum(2)
    observed = rng.random(items.shape) < (
        np.linspace(0.3, 0.8, LEVELS)[level] if selecting else 1.0
    )
    return log_of(items, level, observed), 1 - below[:, :, 2]


def mixture(seed: int) -> tuple[Interactions, np.ndarray]:
    """A mixture of three tastes (`conv4rec.data.synthetic.low_rank_world`)."""
    world = low_rank_world(N_USERS, N_ITEMS, LEVELS, rank=3, seed=seed, popularity=0.7)
    log = world.sample(25, np.random.default_rng(seed))
    return log, world.level_probabilities[:, log.levels.like_level() :].sum(1)


def coverage(log: Interactions, truth: np.ndarray) -> list[float]:
    """Coverage over all unseen pairs, rare, common and unlikely ones; mean width."""
    model = Conv4Rec(seed=0).fit(log)
    everything = {"novelty": 0, "min_p_like": 0, "limit_exposure": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lists of everything are shorter than asked for
        found = model.recommend(k=N_ITEMS, by="discover", **everything)
    at = log.users.numbers(found["user_id"]), log.items.numbers(found["item_id"])
    low, high = found["p_like_low"].to_numpy(), found["p_like_high"].to_numpy()
    inside = (low <= truth[at]) & (truth[at] <= high)
    rated = np.bincount(log.item_numbers[log.level_numbers >= 0], minlength=N_ITEMS)[at[1]]
    counts = np.quantile(rated, [0.25, 0.75])
    left = found.group_by("user_id").len()
    n_left = dict(left.rows())
    rank = found["consume_rank"].to_numpy()
    half = np.array([n_left[user] / 2 for user in found["user_id"]])
    parts = (inside, inside[rated <= counts[0]], inside[rated >= counts[1]], inside[rank > half])
    return [float(part.mean()) for part in parts] + [float((high - low).mean())]


def lines() -> Iterator[str]:
    """A heading, then one line for each world and seed."""
    yield "world      seed    all   rare  common  unlikely  width"
    worlds = {
        "mixture": mixture,
        "tastes": tastes,
        "selecting": lambda seed: tastes(seed, selecting=True),
    }
    for name, world in worlds.items():
        for seed in SEEDS:
            shares = coverage(*world(seed))
            yield f"{name:<9}  {seed}  " + "   ".join(f"{share:.3f}" for share in shares)
