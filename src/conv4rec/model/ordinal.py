"""Ordered probit: a rating is the level whose thresholds a latent value falls between.

With x ~ N(mean, variance) and thresholds g_1 < ... < g_(K-1), the level is k where
g_k < x <= g_(k+1), so that

    P(k) = Phi((g_(k+1) - mean) / deviation) - Phi((g_k - mean) / deviation).

Levels need not be equally far apart.

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
LEAST = 1e-12  # probability of a level
TINY = 1e-37  # the smallest probability that float32 holds
FLATTEST, SHARPEST = 1e-5, 1.0 - 1e-6  # information of a rating, relative to that of x itself


def edges(thresholds: Tensor) -> Tensor:
    """The thresholds with plus and minus infinity (`EDGE`) around them: levels + 1."""
    end = thresholds.new_full((1,), EDGE)
    return torch.cat([-end, thresholds, end])


def interval_probability(low: Tensor, high: Tensor) -> Tensor:
    """Phi(high) - Phi(low), computed in the tail where both terms are small."""
    far, near = torch.minimum(high, -low), torch.minimum(low, -high)  # mirrored to the left
    return torch.special.ndtr(far) - torch.special.ndtr(near)


def level_log_probabilities(mean: Tensor, variance: Tensor, thresholds: Tensor) -> Tensor:
    """Log probabilities of the levels, for normally distributed latent values: (..., levels)."""
    return level_probabilities(mean, variance, thresholds).log_().movedim(0, -1)


def level_probabilities(mean: Tensor, variance: Tensor, thresholds: Tensor) -> Tensor:
    """Probabilities of the levels, for normally distributed latent values: (levels, ...).

    Memory: three copies of the result.
    """
    bounds = [(edge - mean) / variance.sqrt() for edge in edges(thresholds).unbind()]
    probabilities = [interval_probability(*pair) for pair in pairwise(bounds)]
    probabilities = torch.stack(probabilities).clamp_(min=LEAST)
    return probabilities.div_(probabilities.sum(0))


def sites(
    mean: Tensor, cavity_variance: Tensor, noise: Tensor, low: Tensor, high: Tensor
) -> tuple[Tensor, Tensor]:
    """Expectation propagation: the normal observations of x's mean that replace ratings.

    Returns the precision and the value of each. They match the first two moments of the mean
    under its cavity distribution times the rating's likelihood.

    Args:
        mean: mean of x given everything but this rating.
        cavity_variance: variance of that mean.
        noise: variance of x around its mean.
        low: threshold below the level given.
        high: threshold above the level given.
    """
    variance = cavity_variance + noise
    deviation = variance.sqrt()
    a, b = (low - mean) / deviation, (high - mean) / deviation
    probability = interval_probability(a, b).clamp(min=1e-300)
    at_a, at_b = density(a), density(b)
    slope = (at_a - at_b) / (probability * deviation)
    curvature = slope.square() + (b * at_b - a * at_a) / (probability * variance)
    curvature = curvature.clamp(min=0.0)
    curvature = torch.maximum(torch.minimum(curvature, SHARPEST / variance), FLATTEST / variance)
    far = 30.0 * deviation
    value = mean + torch.maximum(torch.minimum(slope / curvature, far), -far)
    return curvature / (1.0 - cavity_variance * curvature), value


def density(x: Tensor) -> Tensor:
    """The normal density."""
    return torch.exp(-0.5 * x.square()) / math.sqrt(2.0 * math.pi)
