"""One user of the Bayesian matrix factorisation, in NumPy: the encoding of a history, and ratings.

The same expectation propagation as `conv4rec.model.posterior_draws`, moments as
`conv4rec.model.posterior_moments` and level biases as `conv4rec.model.response_style`, of one user
and in float64. For arrays this small, calling torch takes most of the time: 25 ms against 4
(one core, a history of 100).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from conv4rec.model.ordinal import EDGE, FLATTEST, LEAST, SHARPEST
from conv4rec.model.response_style import SHARES, STEPS

ROOT_2PI = float(np.sqrt(2.0 * np.pi))


@dataclass(frozen=True)
class DrawArrays:
    """What `PosteriorDraws` holds, as float64 but for the items."""

    items: np.ndarray  # draws x items x size, float32
    prior: np.ndarray  # draws x (1 + features) x size, times the precision
    precision: np.ndarray  # draws x size x size
    noise: np.ndarray  # draws
    edges: np.ndarray  # draws x (levels + 1): the thresholds and both ends
    ratings: np.ndarray  # levels
    reference: np.ndarray  # draws x reference items x size: the last is 1
    reference_offsets: np.ndarray  # draws x reference items
    reference_gram: np.ndarray  # draws x size x size, a mean over the reference items
    style_precision: np.ndarray  # levels x levels
    grid_variances: np.ndarray  # draws x values of w_u x 1: of x around its mean
    log_prior_on_grid: np.ndarray  # draws x values of w_u
    log_grid: np.ndarray  # values of w_u x 2: ones, logarithms of these values
    first_rounds: int
    averaged: tuple[int, ...]
    first_share: float


def encode_one(draws: DrawArrays, features: np.ndarray, items: np.ndarray, levels: np.ndarray):
    """One row of `BayesianMF.encode`: draws x size + 3 + levels, float64.

    Args:
        draws: of everything that is not of one user.
        features: 1 + features; (1, f_u).
        items: of the rated entries.
        levels: of the rated entries.
    """
    z = draws.items[:, items].astype(np.float64)
    c = z[:, :, -1].copy()
    z[:, :, -1] = 1.0
    expected = features @ draws.prior
    ends = draws.edges[:, np.stack([levels, levels + 1])]  # draws x 2 x entries
    weight, value = np.full(len(items), draws.first_share * draws.noise[0]), draws.ratings[levels]
    found, starts = [], [0, *(draw for draw in draws.averaged if draw < len(z)), len(z)]
    for start, end in pairwise(starts):
        of = slice(start, end)
        user = _posterior(draws, of, z, c, expected, ends, weight, value)
        for _ in range(0 if start else draws.first_rounds - 1):
            weight, value = _sites(user, ends[of])
            user = _posterior(draws, of, z, c, expected, ends, weight, value)
        found.append(user)
        if end < len(z):
            weight, value = _sites(user, ends[of])
    means, variances, cavity_means, cavity_variances, noises = map(
        np.concatenate, zip(*found, strict=True)
    )
    offset, noise = means[:, -1].mean(), noises.mean()
    x = (draws.reference @ means[:, :, None])[:, :, 0] + draws.reference_offsets
    within = np.vdot(variances, draws.reference_gram) / len(z) + x.var(0).mean()
    variance = cavity_variances.mean(0) + cavity_means.var(0)
    log_p = _level_log_p(cavity_means.mean(0), variance + noise, draws.edges.mean(0))
    means[:, -1] = 1.0
    tail = [offset, noise, within]
    return np.concatenate([means.ravel() / len(z), tail, _level_biases(draws, log_p, levels)])


class _Posterior(NamedTuple):
    """The user under some draws."""

    mean: np.ndarray  # draws x size
    variance: np.ndarray  # draws x size x size
    cavity_mean: np.ndarray  # draws x entries
    cavity_variance: np.ndarray  # draws x entries
    noise: np.ndarray  # draws: 1 / (noise w_u)


def _posterior(
    draws: DrawArrays,
    of: slice,
    z: np.ndarray,
    c: np.ndarray,
    expected: np.ndarray,
    ends: np.ndarray,
    weight: np.ndarray,
    value: np.ndarray,
) -> _Posterior:
    """One round under some draws, given the observations that stand for the ratings."""
    own = z[of]
    weighted = (own * weight[:, None]).swapaxes(1, 2)
    variance = np.linalg.inv(weighted @ own + draws.precision[of])
    right = (weighted @ (value - c[of])[:, :, None])[:, :, 0] + expected[of]
    mean = (variance @ right[:, :, None])[:, :, 0]
    precision = 1.0 / np.maximum(((own @ variance) * own).sum(2), 1e-8)
    cavity = 1.0 / np.maximum(precision - weight, 1e-4 * precision)
    at = (own @ mean[:, :, None])[:, :, 0] + c[of]
    at = (at * precision - weight * value) * cavity
    noise = 1.0 / (draws.noise[of] * _user_precision(draws, of, cavity, ends[of] - at[:, None]))
    return _Posterior(mean, variance, at, cavity, noise)


def mix_of_one(
    logits: np.ndarray,
    mean: np.ndarray,
    style: np.ndarray,
    variance: np.ndarray,
    thresholds: np.ndarray,
    share: float,
) -> np.ndarray:
    """See `conv4rec.model.bayesian_mf.BayesianMF.mix`: items x levels, as precise as `mean`."""
    edges = np.concatenate([[-EDGE], thresholds, [EDGE]])
    probit = _level_log_p(mean.astype(np.float64), style[0] + variance, edges) + style[2:]
    neural = logits + style[2:].astype(np.float64)
    parts = [np.exp(part - part.max(1, keepdims=True)) for part in (neural, probit)]
    neural, probit = (part / part.sum(1, keepdims=True) for part in parts)
    mixed = (1.0 - share) * neural + share * probit
    return np.log(np.maximum(mixed, 1e-300)).astype(mean.dtype)


def _interval(ends: np.ndarray) -> np.ndarray:
    """Phi(ends[:, 1]) - Phi(ends[:, 0]), computed in the tail where both terms are small."""
    below = ndtr(ends * np.copysign(1.0, -(ends[:, :1] + ends[:, 1:])))
    return np.abs(below[:, 1] - below[:, 0])


def _user_precision(
    draws: DrawArrays, of: slice, variance: np.ndarray, gaps: np.ndarray
) -> np.ndarray:
    """w_u under each draw. `gaps` are from the mean of x to the ends: draws x 2 x entries."""
    deviation = np.sqrt(variance[:, None] + draws.grid_variances[of])  # draws x values x entries
    likelihood = np.log(np.maximum(_interval(gaps[:, :, None] / deviation[:, None]), 1e-300))
    log_posterior = likelihood.sum(2) + draws.log_prior_on_grid[of]
    weights = np.exp(log_posterior - log_posterior.max(1, keepdims=True))
    total, mean = (weights @ draws.log_grid).T
    return np.exp(mean / total)


def _sites(user: _Posterior, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """See `conv4rec.model.ordinal.sites`; their mean over draws, as natural parameters.

    Slope and curvature are in units of the deviation.
    """
    mean, cavity_variance = user.cavity_mean, user.cavity_variance
    variance = cavity_variance + user.noise[:, None]
    deviation = np.sqrt(variance)
    ends = (ends - mean[:, None]) / deviation[:, None]
    probability = np.maximum(_interval(ends), 1e-300)
    density = np.exp(-0.5 * ends * ends)
    density /= probability[:, None] * ROOT_2PI
    slope, bends = density[:, 0] - density[:, 1], ends * density
    curvature = np.maximum(slope * slope + (bends[:, 1] - bends[:, 0]), FLATTEST)
    curvature = np.minimum(curvature, SHARPEST)
    value = mean + deviation * np.maximum(np.minimum(slope / curvature, 30.0), -30.0)
    weight = curvature / (variance - cavity_variance * curvature)
    return weight.mean(0), (weight * value).mean(0) / weight.mean(0)


def _level_log_p(mean: np.ndarray, variance: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """See `conv4rec.model.ordinal.level_log_probabilities`: entries x levels."""
    bounds = (edges[:, None] - mean) / np.sqrt(variance)
    p = np.maximum(_interval(np.stack([bounds[:-1], bounds[1:]])[None])[0], LEAST).T
    return np.log(p / p.sum(1, keepdims=True))


def _level_biases(draws: DrawArrays, log_p: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """See `conv4rec.model.response_style.level_biases`."""
    precision, n_levels, p = draws.style_precision, log_p.shape[1], np.exp(log_p)
    counts = np.bincount(levels, minlength=n_levels).astype(np.float64)

    def log_posterior(biases: np.ndarray) -> np.ndarray:  # of several: (...) x levels
        # The log-likelihood is a sum over entries of log p + b at the level given, minus a norm.
        norms = np.log(np.exp(biases) @ p.T).sum(-1)
        return biases @ counts - norms - ((biases @ precision) * biases).sum(-1) / 2

    biases = np.zeros(n_levels)
    best, lengths = log_posterior(biases), np.array(SHARES)[:, None]
    for _ in range(STEPS):
        shares = p * np.exp(biases)
        shares /= shares.sum(1, keepdims=True)
        expected = shares.sum(0)
        information = np.diag(expected) - shares.T @ shares
        right = counts - expected + information @ biases
        tried = biases + lengths * (np.linalg.solve(information + precision, right) - biases)
        reached = log_posterior(tried)
        if reached.max() <= best:  # every later step would end here too
            break
        best, biases = reached.max(), tried[reached.argmax()]
    return biases
