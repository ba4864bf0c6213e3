"""One user of the Bayesian matrix factorisation, in NumPy: the encoding of a history, and ratings.

The same expectation propagation as `conv4rec.model.posterior_draws`, moments as
`conv4rec.model.posterior_moments` and level biases as `conv4rec.model.response_style`, of one user
and in float64. For arrays this small, calling torch takes most of the time: 25 ms against 4
(one core, a history of 100).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
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
    first_share: float


def encode_one(draws: DrawArrays, features: np.ndarray, items: np.ndarray, levels: np.ndarray):
    """One row of `BayesianMF.encode`: draws x size + 3 + levels, float64.

    Args:
        draws: of everything that is not of one user.
        features: 1 + features; (1, f_u).
        items: of the rated entries.
        levels: of the rated entries.
    """
    solve, divide = lapack.get_lapack_funcs(("posv", "trtrs"), (draws.prior,))
    n_draws, _, size = draws.items.shape
    z = draws.items[:, items].astype(np.float64)
    c = z[:, :, -1].copy()
    z[:, :, -1] = 1.0
    expected = features @ draws.prior
    bounds = draws.edges[:, np.stack([levels, levels + 1])]  # draws x 2 x entries
    weight, value = np.full(len(items), draws.first_share * draws.noise[0]), draws.ratings[levels]
    means, noises = np.empty((n_draws, size)), np.empty(n_draws)
    precisions = np.empty((n_draws, size, size))
    cavities = np.empty((2, n_draws, len(items)))  # mean, variance
    for draw in range(n_draws):
        own, shift = z[draw], c[draw]
        for rounds_left in range(1 if draw else draws.first_rounds, 0, -1):
            wz = own.T * weight
            gram = wz @ own
            gram += draws.precision[draw]
            right = wz @ (value - shift)
            right += expected[draw]
            root, mean, _ = solve(gram.T, right, lower=1)
            scaled, _ = divide(root, own.T, lower=1)
            precision = 1.0 / np.maximum(np.add.reduce(scaled * scaled), 1e-8)
            variance = 1.0 / np.maximum(precision - weight, 1e-4 * precision)
            at = own @ mean
            at += shift
            at = (at * precision - weight * value) * variance
            gaps = bounds[draw] - at
            noise = 1.0 / (draws.noise[draw] * _user_precision(draws, draw, variance, gaps))
            if rounds_left == 1:
                means[draw], noises[draw], precisions[draw] = mean, noise, gram
                cavities[0, draw], cavities[1, draw] = at, variance
            weight, value = _sites(at, variance, noise, gaps)
    offset, noise = means[:, -1].mean(), noises.mean()
    x = (draws.reference @ means[:, :, None])[:, :, 0] + draws.reference_offsets
    within = np.vdot(np.linalg.inv(precisions), draws.reference_gram) / n_draws + x.var(0).mean()
    mean, variance = cavities.mean(1)
    variance += cavities[0].var(0)
    log_p = _level_log_p(mean, variance + noise, draws.edges.mean(0))
    means[:, -1] = 1.0
    tail = [offset, noise, within]
    return np.concatenate([means.ravel() / n_draws, tail, _level_biases(draws, log_p, levels)])


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
    """Phi(ends[1]) - Phi(ends[0]), computed in the tail where both terms are small."""
    below = ndtr(ends * np.copysign(1.0, -(ends[0] + ends[1])))
    return np.abs(below[1] - below[0])


def _user_precision(draws: DrawArrays, draw: int, variance: np.ndarray, gaps: np.ndarray) -> float:
    ends = gaps[:, None] / np.sqrt(variance + draws.grid_variances[draw])
    likelihood = np.add.reduce(np.log(np.maximum(_interval(ends), 1e-300)), 1)
    log_posterior = likelihood + draws.log_prior_on_grid[draw]
    weights = np.exp(log_posterior - np.maximum.reduce(log_posterior))
    total, mean = weights @ draws.log_grid
    return math.exp(mean / total)


def _sites(
    mean: np.ndarray, cavity_variance: np.ndarray, noise: float, gaps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """See `conv4rec.model.ordinal.sites`; slope and curvature are in units of the deviation."""
    variance = cavity_variance + noise
    deviation = np.sqrt(variance)
    ends = gaps / deviation
    probability = np.maximum(_interval(ends), 1e-300)
    density = np.exp(-0.5 * ends * ends)
    density /= probability * ROOT_2PI
    slope, bends = density[0] - density[1], ends * density
    curvature = np.maximum(slope * slope + (bends[1] - bends[0]), FLATTEST)
    curvature = np.minimum(curvature, SHARPEST)
    value = mean + deviation * np.maximum(np.minimum(slope / curvature, 30.0), -30.0)
    return curvature / (variance - cavity_variance * curvature), value


def _level_log_p(mean: np.ndarray, variance: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """See `conv4rec.model.ordinal.level_log_probabilities`: entries x levels."""
    bounds = (edges[:, None] - mean) / np.sqrt(variance)
    p = np.maximum(_interval(np.stack([bounds[:-1], bounds[1:]])), LEAST).T
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
