"""How sure P(like) is: what it becomes if the value behind a rating is off, as the draws say.

The rating side's exact half is an ordered probit (`conv4rec.model.ordinal`): a rating is liking if
x, normal around a mean with a deviation that is the person's, exceeds a threshold g. The draws say
how far that mean may be off. So, m and s being its posterior mean and standard deviation, the
chance that is exceeded with probability Phi(z) is

    Phi((m - z s - g) / deviation).

By how much its log-odds differ from those at m is taken over to P(like) as served, in which the
trained half and the person's use of the scale have a say too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
from scipy.special import log_ndtr, ndtr

INTERVAL = 0.9  # the share of intervals p_like_low to p_like_high that shall hold the truth
INTERVAL_COLUMNS = ("p_like_low", "p_like_high")


@dataclass(frozen=True)
class Latent:
    """The value behind the rating of each person and item: rows x items, or pairs."""

    mean: np.ndarray
    standard_error: np.ndarray
    """Posterior standard deviation of the mean."""
    deviation: np.ndarray
    """Of a rating around the mean: rows x 1, or pairs."""
    thresholds: np.ndarray
    """levels - 1, between the levels."""

    def log_odds_move(self, like_level: int, errors: float) -> np.ndarray:
        """What the log-odds of liking gain if the mean is off by so many standard errors."""
        apart = (self.mean - self.thresholds[like_level - 1]) / self.deviation
        moved = apart + errors * self.standard_error / self.deviation
        return _log_odds(moved) - _log_odds(apart)

    def rating_move(self, values: Sequence[float], errors: float) -> np.ndarray:
        """What the expected rating gains: steps between levels times chances to exceed them."""
        found = np.zeros_like(self.mean)
        for threshold, step in zip(self.thresholds, np.diff(values), strict=True):
            apart = (self.mean - threshold) / self.deviation
            moved = apart + errors * self.standard_error / self.deviation
            found += np.float32(step) * (ndtr(moved) - ndtr(apart))
        return found


def _log_odds(place: np.ndarray) -> np.ndarray:
    return log_ndtr(place) - log_ndtr(-place)


def standard_errors(confidence: float) -> float:
    """How many standard errors stand for being this sure, one-sided.

    >>> round(standard_errors(0.95), 3)
    1.645
    """
    return NormalDist().inv_cdf(confidence)


def interval_columns(likes: np.ndarray, like_level: int, latent: Latent | None) -> dict[str, Any]:
    """p_like_low and p_like_high: a 90% interval of P(like); null where no draws tell.

    Args:
        likes: pairs; P(like).
        like_level: first level that counts as liking.
        latent: of the pairs.
    """
    if latent is None:
        unknown = [None] * len(likes)
        return {name: pl.Series(unknown, dtype=pl.Float32) for name in INTERVAL_COLUMNS}
    if like_level == 0:  # every rating is a like
        return {name: np.ones(len(likes), dtype=np.float32) for name in INTERVAL_COLUMNS}
    reach = standard_errors(0.5 + INTERVAL / 2)
    ends = (log_odds(likes) + latent.log_odds_move(like_level, way) for way in (-reach, reach))
    return {
        name: probability(end).astype(np.float32)
        for name, end in zip(INTERVAL_COLUMNS, ends, strict=True)
    }


def log_odds(likes: np.ndarray) -> np.ndarray:
    """Of chances, kept finite: float32."""
    likes = np.clip(likes, 1e-7, 1 - 1e-7, dtype=np.float64)
    return (np.log(likes) - np.log1p(-likes)).astype(np.float32)


def probability(log_odds: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow.

    >>> probability(np.array([0.0, -1e9])).tolist()
    [0.5, 0.0]
    """
    return 0.5 * (1.0 + np.tanh(0.5 * log_odds))
