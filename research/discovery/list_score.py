"""Discovery lists in synthetic worlds, scored by the true P(like)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conv4rec.data import Interactions
from research.discovery.selection_world import SelectionWorld


@dataclass(frozen=True)
class ListScore:
    """Means over users of the true P(like | exposed) of the listed items."""

    listed: float
    """Of the model's discovery list; an item that is not truly unlikely counts 0."""
    random: float
    """Of a random list of unlikely items."""
    best: float
    """Of the best list of unlikely items, by the truth."""
    listed_anyhow: float
    """As `listed`, but with the true P(like) of every listed item."""
    best_in_half: float
    """Of the best list from the items that the MODEL calls unlikely, counted likewise."""

    @property
    def share(self) -> float:
        """`listed` as a share of the best."""
        return self.listed / self.best

    @property
    def share_in_half(self) -> float:
        """Share of the best in the model's own half: only P(like) is wrong there."""
        return self.listed_anyhow / self.best_in_half

    @property
    def share_above_random(self) -> float:
        """Share of the possible gain over a random list."""
        return (self.listed - self.random) / (self.best - self.random)


def score_lists(
    world: SelectionWorld,
    log: Interactions,
    listed: np.ndarray,
    like_level: int,
    p_consume: np.ndarray | None = None,
) -> ListScore:
    """Score discovery lists by the truth.

    Unlikely are, of the items outside a user's history, the half with the lower TRUE
    P(item | user); the model does not know which these are.

    Args:
        world: The truth.
        log: The observed log: its items are not listed.
        listed: users x k item numbers; -1 past the end of a short list, which counts 0.
        like_level: First level that counts as liked.
        p_consume: The model's own P(item | user), users x items; the truth if left out.
    """
    seen = log.to_csr().toarray() > 0
    p_like, k = world.p_like(like_level), listed.shape[1]
    is_unlikely = lower_half(world.item_probabilities, seen)
    gain = np.where(is_unlikely, p_like, 0.0)
    own, anyhow = (
        np.take_along_axis(worth, np.maximum(listed, 0), axis=1) * (listed >= 0)
        for worth in (gain, p_like)
    )
    random = gain.sum(axis=1) / is_unlikely.sum(axis=1)
    half = is_unlikely if p_consume is None else lower_half(p_consume, seen)
    best, in_half = (-np.sort(-worth, axis=1)[:, :k] for worth in (gain, p_like * half))
    return ListScore(*(float(each.mean()) for each in (own, random, best, anyhow, in_half)))


def lower_half(p: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Of each user's items outside the history, those below the median of P(item | user)."""
    outside = np.where(seen, np.nan, p)
    return outside < np.nanmedian(outside, axis=1, keepdims=True)
