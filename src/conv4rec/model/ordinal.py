"""Ordered probit: a rating is the level whose thresholds a latent value falls between.

With x ~ N(mean, variance) and thresholds g_1 < ... < g_(K-1), the level is k where
g_k < x <= g_(k+1), so that

    P(k) = Phi((g_(k+1) - mean) / deviation) - Phi((g_k - mean) / deviation).

Levels need not be equally far apart, and a value beyond the last threshold is no surprise.

References:
    Albert & Chib, "Bayesian analysis of binary and polychotomous response data", JASA 1993 (the
    model); Minka, "Expectation propagation for approximate Bayesian inference", UAI 2001 (sites).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

EDGE = 100.0  # stands for infinity: latent values have a spread of about 1
LEAST = 1e-12  # chance of a level
FLATTEST, SHARPEST = 1e-5, 1.0 - 1e-6  # what one rating tells, in shares of what x itself would


def edges(thresholds: Tensor) -> Tensor:
    """The thresholds with an end on either side: levels + 1."""
    end = thresholds.new_full((1,), EDGE)
    return torch.cat([-end, thresholds, end])


def interval_probability(low: Tensor, high: Tensor) -> Tensor:
    """Phi(high) - Phi(low), taken in the tail where both are small."""
    right = low + high > 0
    near, far = torch.where(right, -high, low), torch.where(right, -low, high)
    return torch.special.ndtr(far) - torch.special.ndtr(near)


def level_log_probabilities(mean: Tensor, variance: Tensor, thresholds: Tensor) -> Tensor:
    """Log chances of the levels, for latent values known up to a normal: (...) -> (..., levels).

    Memory: three copies of the answer.
    """
    places = [(edge - mean) / variance.sqrt() for edge in edges(thresholds).unbind()]
    probabilities = [interval_probability(*pair) for pair in pairwise(places)]
    probabilities = torch.stack(probabilities, -1).clamp(min=LEAST)
    return (probabilities / probabilities.sum(-1, keepdim=True)).log()


def sites(
    mean: Tensor, known: Tensor, noise: Tensor, low: Tensor, high: Tensor
) -> tuple[Tensor, Tensor]:
    """What ratings tell of x's mean, as if it had been observed: (precision, value) of each.

    The first two moments of mean and rating together are matched (expectation propagation).

    Args:
        mean: of x, by all but this rating.
        known: how unsure that mean is, as a variance.
        noise: variance of x around its mean.
        low: threshold below the level given.
        high: threshold above it.
    """
    variance = known + noise
    deviation = variance.sqrt()
    a, b = (low - mean) / deviation, (high - mean) / deviation
    probability = interval_probability(a, b).clamp(min=1e-300)
    at_a, at_b = density(a), density(b)
    slope = (at_a - at_b) / (probability * deviation)
    bend = slope.square() + (b * at_b - a * at_a) / (probability * variance)
    bend = bend.clamp(min=0.0)
    bend = torch.maximum(torch.minimum(bend, SHARPEST / variance), FLATTEST / variance)
    far = 30.0 * deviation
    value = mean + torch.maximum(torch.minimum(slope / bend, far), -far)
    return bend / (1.0 - known * bend), value


def density(x: Tensor) -> Tensor:
    """The normal density."""
    return torch.exp(-0.5 * x.square()) / math.sqrt(2.0 * math.pi)
