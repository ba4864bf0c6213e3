"""Total variation between the model and the distribution of the data, against interactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from conv4rec.data import Interactions
from conv4rec.recommender import Conv4Rec
from conv4rec.theory import (
    Slope,
    log_log_slope,
    popularity_by_histogram,
    smoothed_frequencies,
    total_variation,
)
from research.theory.sampling_schemes import (
    N_LEVELS,
    RANK,
    SCHEMES,
    Sampled,
    SamplingScheme,
    restricted,
)

N_ITEMS, N_USERS = 120, 600
SIZES = (3, 6, 12, 24, 48)
"""Interactions per user."""
SETTINGS: dict[str, Any] = {
    "n_steps": 60,
    "learning_rate": 0.02,
    "consume_size": 8,
    "rate_size": 8,
    "n_rating_channels": N_LEVELS - 1,  # any distribution of the levels can be expressed
    "consume_reg_factors": (1.0,),
}
CURVES = ("model", "table", "popularity", "pooled")


@dataclass(frozen=True)
class Point:
    """One fit: total variation of model and baselines from the truth, mean over users."""

    interactions: int
    seed: int
    model: float
    table: float
    """Each user's own smoothed frequencies: uniform over items not drawn yet."""
    popularity: float
    """Popularity of the item times the histogram of levels, the same for all."""
    pooled: float
    """The smoothed frequencies of item and level over all users together, the same for all."""
    before_selection: float | None
    """The model against the distribution before selection, where that is another."""


@dataclass(frozen=True, eq=False)
class Recovery:
    """One sampling scheme: all points, and the slopes fitted through them."""

    scheme: SamplingScheme
    points: tuple[Point, ...]

    def slope(self, curve: str = "model") -> Slope:
        """Of log TV on log interactions, one point a fit, with a 95% interval."""
        sizes = np.array([point.interactions for point in self.points])
        return log_log_slope(sizes, np.array([getattr(point, curve) for point in self.points]))

    def means(self, curve: str = "model") -> list[tuple[int, float]]:
        """Mean over seeds at each size: (interactions, TV)."""
        sizes = sorted({point.interactions for point in self.points})
        at = [[getattr(p, curve) for p in self.points if p.interactions == n] for n in sizes]
        return [(n, float(np.mean(values))) for n, values in zip(sizes, at, strict=True)]

    @property
    def verdict(self) -> str:
        """One sentence: how the largest sample came out, and whether the guarantee covers it."""
        last = {curve: self.means(curve)[-1][1] for curve in CURVES}
        ratios = [f"{last['model'] / last[curve]:.0%}" for curve in CURVES[1:]]
        covered = "covered by the guarantee" if self.scheme.holds else "the guarantee does not hold"
        return (
            f"TV {last['model']:.3f} at the largest sample, {ratios[0]} of the user's table's, "
            f"{ratios[1]} of popularity's and {ratios[2]} of the pooled table's; {covered}: "
            f"{self.scheme.why}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON."""
        slopes = {curve: vars(self.slope(curve)) for curve in CURVES}
        points = [vars(point) for point in self.points]
        return {"world": self.scheme.name, "guarantee_holds": self.scheme.holds,
                "verdict": self.verdict, "slopes": slopes, "points": points}  # fmt: skip


def recover(
    worlds: Sequence[str] = tuple(SCHEMES),
    seeds: Sequence[int] = (0, 1, 2),
    sizes: Sequence[int] = SIZES,
    n_users: int = N_USERS,
    n_items: int = N_ITEMS,
    on_fit: Callable[[str, int, int], Any] | None = None,
) -> list[Recovery]:
    """Fit models to samples of growing size and measure the total variation from the truth.

    The worlds have rank 2 over (item, level) and 3 levels. Truth and model are distributions of
    the next interaction, over the items that the user has not consumed; TV is averaged over users.

    Args:
        worlds: names in `SCHEMES`.
        seeds: of the worlds, the samples and the models.
        sizes: interactions per user, at least 3 of them.
        n_users: users of each world.
        n_items: items of each world.
        on_fit: called before each fit with (world, interactions per user, seed).
    """
    found = []
    for world in worlds:
        points = []
        for n_each in sizes:
            for seed in seeds:
                if on_fit is not None:
                    on_fit(world, n_each, seed)
                sampled = SCHEMES[world].sample(n_users, n_items, n_each, seed)
                points.append(_point(sampled, seed))
        found.append(Recovery(SCHEMES[world], tuple(points)))
    return found


def _point(sampled: Sampled, seed: int) -> Point:
    log = sampled.log
    model = Conv4Rec(seed=seed, **SETTINGS).fit(log)
    learned = learned_distribution(model, log)
    truth = restricted(sampled.truth, log)
    counts = sparse.csr_array(
        (np.ones(len(log)), (log.user_numbers, log.level_numbers * log.n_items + log.item_numbers)),
        shape=(log.n_users, log.n_levels * log.n_items),
    )
    everyone = np.arange(log.n_users)
    table = smoothed_frequencies(counts)
    rows = table(everyone) if callable(table) else table
    together = smoothed_frequencies(sparse.csr_array(counts.sum(axis=0)[None]))
    pooled = together(np.zeros(1, dtype=int)) if callable(together) else together
    others = (popularity_by_histogram(counts, log.n_levels), pooled)
    found = [learned, rows, *(np.broadcast_to(each, rows.shape) for each in others)]
    far = [
        float(total_variation(truth, restricted(each.reshape(truth.shape), log), len(truth)).mean())
        for each in found
    ]
    before = None
    if sampled.before_selection is not None:
        untilted = restricted(sampled.before_selection, log)
        before = float(total_variation(untilted, learned, len(truth)).mean())
    return Point(len(log), seed, far[0], far[1], far[2], far[3], before)


def learned_distribution(model: Conv4Rec, log: Interactions) -> np.ndarray:
    """The model's P(item, level | history): users x levels x items, float64."""
    (scores,) = model.scoring_.blocks(log, np.arange(log.n_users), log.n_levels)
    probability = np.exp(scores.log_p_consume.astype(np.float64))
    ratings = model.scoring_.all_rating_probabilities(scores.encoding).astype(np.float64)
    joint = probability[:, :, None] * ratings / ratings.sum(axis=2, keepdims=True)
    joint = joint.transpose(0, 2, 1)
    return joint / joint.sum(axis=(1, 2), keepdims=True)


ABOUT = (
    f"synthetic worlds of rank {RANK} with {N_LEVELS} levels; truth and model are distributions of "
    "the next interaction over unseen items; TV averaged over users"
)
