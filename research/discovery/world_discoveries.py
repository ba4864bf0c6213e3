"""Gems in worlds whose truth is known: how many of those that could be found are found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conv4rec.data import Interactions
from conv4rec.data.selection_world import ShownWorld


@dataclass(frozen=True)
class Found:
    """Means over users of the true P(like) of what is listed, as if it were shown."""

    listed: float
    """By the model's discover list; an item that the user would not hardly pick counts 0."""
    probability: float
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
        return (self.listed - self.probability) / (self.best - self.probability)


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
    seen = log.to_csr().toarray() > 0
    truth, k = world.p_like(like_level), listed.shape[1]
    hardly = lower_half(world.item_probabilities, seen)
    gain = np.where(hardly, truth, 0.0)
    own, anyhow = (
        np.take_along_axis(worth, np.maximum(listed, 0), axis=1) * (listed >= 0)
        for worth in (gain, truth)
    )
    by_chance = gain.sum(axis=1) / hardly.sum(axis=1)
    half = hardly if promised is None else lower_half(promised, seen)
    best, in_half = (-np.sort(-worth, axis=1)[:, :k] for worth in (gain, truth * half))
    return Found(*(float(each.mean()) for each in (own, by_chance, best, anyhow, in_half)))


def lower_half(p: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Of each user's items outside the history, those below the median of P(item | user)."""
    outside = np.where(seen, np.nan, p)
    return outside < np.nanmedian(outside, axis=1, keepdims=True)
