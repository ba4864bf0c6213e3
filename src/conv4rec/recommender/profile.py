"""A description of one user from their history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.recommender.scoring import Scoring

N_DIRECTIONS = 3
N_ITEMS = 5


@dataclass(frozen=True)
class Direction:
    """One main direction of taste: the items at its end, and how far the user is along it."""

    strength: float
    """Spread over the items of the scores along it: a standard deviation, always positive."""
    items: list[int | str]
    """The items that score highest along this direction, best first."""


@dataclass(frozen=True)
class Profile:
    """One user as the model describes them."""

    user_id: int | str
    n_interactions: int
    n_rated: int
    levels_used: dict[str, int]
    """How often the user gave each level."""
    generosity: float
    """How far the user's ratings lie above those of others for the same items, in rating units and
    shrunk towards 0 for few ratings."""
    polarisation: float
    """How much more extreme (> 0) or lukewarm (< 0) their ratings are, in standard deviations."""
    directions: list[Direction]

    def to_frame(self) -> pl.DataFrame:
        """The directions as a table: direction, strength, rank, item_id."""
        rows = [
            (number + 1, direction.strength, rank + 1, item)
            for number, direction in enumerate(self.directions)
            for rank, item in enumerate(direction.items)
        ]
        return pl.DataFrame(rows, schema=["direction", "strength", "rank", "item_id"], orient="row")


def profile_of(scoring: Scoring, histories: Interactions) -> Profile:
    """Describe the one user in `histories`.

    Directions are the right singular vectors of the item vectors that decode P(consume): unlike
    the latent axes, they do not change when the latent space is rotated.

    Raises:
        SettingError: There is more than one user.
    """
    if histories.n_users != 1:
        raise SettingError(f"a profile is of one user; got {histories.n_users:,}")
    encoding, _ = scoring.encode(histories, np.zeros(1, dtype=np.int64))
    levels = histories.level_numbers[histories.level_numbers >= 0]
    counts = np.bincount(levels, minlength=histories.n_levels)
    means = encoding.user_mean[0].cpu().numpy()
    values = np.asarray(histories.levels.values)
    all_counts = scoring.item_side.type_counts[:, :-1].sum(0).cpu().numpy()
    shares = all_counts / max(1.0, all_counts.sum())
    spread = float(np.sqrt(shares @ (values - shares @ values) ** 2))
    return Profile(
        user_id=histories.users.ids(np.zeros(1, dtype=np.int64))[0],
        n_interactions=len(histories),
        n_rated=len(levels),
        levels_used=dict(zip(histories.levels.labels, counts.tolist(), strict=True)),
        generosity=float(means[0]) * spread if len(means) else 0.0,
        polarisation=float(means[1]) if len(means) > 1 else 0.0,
        directions=_directions(scoring, encoding.consume[0], histories),
    )


def _directions(scoring: Scoring, latent: torch.Tensor, histories: Interactions) -> list[Direction]:
    vectors = scoring.network.consume_out
    singular, right = scoring.consume_directions
    # On the items, direction j scores latent . right_j x (items . right_j): its spread over the
    # items is |latent . right_j| x singular_j / sqrt(items).
    coordinates = right @ latent
    strength = coordinates.abs() * singular / len(vectors) ** 0.5
    found = []
    for j in torch.argsort(-strength, stable=True)[:N_DIRECTIONS].tolist():
        along = (vectors @ right[j]) * torch.sign(coordinates[j])
        best = torch.argsort(-along, stable=True)[:N_ITEMS].cpu().numpy()
        found.append(Direction(float(strength[j]), histories.items.ids(best).to_list()))
    return found
