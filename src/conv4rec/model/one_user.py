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
    log_grid: np.ndarray  # logarithms of these values
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
    factor, solve, invert = lapack.get_lapack_funcs(("potrf", "potrs", "trtri"), (draws.prior,))
    n_draws, _, size = draws.items.shape
    z = draws.items[:, items].astype(np.float64)
    c = z[:, :, -1].copy()
    z[:, :, -1] = 1.0
    expected = features @ draws.prior
    bounds = draws.edges[:, np.stack([levels, levels + 1])]  # draws x 2 x entries
    weight, value = np.full(len(items), draws.first_share * draws.noise[0]), draws.ratings[levels]
    factors = np.ones((n_draws, size))
    sums, x = np.zeros(3), np.zeros((n_draws, draws.reference.shape[1]))
    cavity = np.zeros((3, len(items)))  # sums of the mean, its square and the variance
    for draw in range(n_draws):
        for rounds_left in range(1 if draw else draws.first_rounds, 0, -1):
            own = z[draw]
            wz = own * weight[:, None]
            root, _ = factor(wz.T @ own + draws.precision[draw], lower=1)
            mean, _ = solve(root, (value - c[draw]) @ wz + expected[draw], lower=1)
            inverse, _ = invert(root, lower=1)
            scaled = own @ inverse.T
            precision = 1.0 / np.maximum(np.einsum("es,es->e", scaled, scaled), 1e-8)
            at = own @ mean + c[draw]
            variance = 1.0 / np.maximum(precision - weight, 1e-4 * precision)
            at = (at * precision - weight * value) * variance
            noise = 1.0 / (draws.noise[draw] * _user_precision(draws, draw, at, variance, bounds))
            if rounds_left == 1:
                factors[draw, :-1] = mean[:-1]
                within = np.vdot(inverse.T @ inverse, draws.reference_gram[draw])
                sums += (mean[-1], noise, within)
                x[draw] = draws.reference[draw] @ mean + draws.reference_offsets[draw]
                cavity += (at, at * at, variance)
            weight, value = _sites(at, variance, noise, bounds[draw])
    offset, noise, within = sums / n_draws
    cavity /= n_draws
    total = cavity[2] + np.maximum(cavity[1] - cavity[0] ** 2, 0.0)
    biases = _level_biases(
        draws, _level_log_p(cavity[0], total + noise, draws.edges.mean(0)), levels
    )
    return np.concatenate(
        [factors.ravel() / n_draws, [offset, noise, within + x.var(0).mean()], biases]
    )


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
    side = np.copysign(1.0, -ends.sum(0))
    below = ndtr(ends * side)
    return np.abs(below[1] - below[0])


def _user_precision(
    draws: DrawArrays, draw: int, mean: np.ndarray, variance: np.ndarray, bounds: np.ndarray
) -> float:
    scale = 1.0 / np.sqrt(variance + draws.grid_variances[draw])
    likelihood = np.log(np.maximum(_interval((bounds[draw] - mean)[:, None] * scale), 1e-300))
    log_posterior = likelihood.sum(1) + draws.log_prior_on_grid[draw]
    weights = np.exp(log_posterior - log_posterior.max())
    return math.exp(weights @ draws.log_grid / weights.sum())


def _sites(
    mean: np.ndarray, cavity_variance: np.ndarray, noise: float, bounds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """See `conv4rec.model.ordinal.sites`."""
    variance = cavity_variance + noise
    deviation = np.sqrt(variance)
    ends = (bounds - mean) / deviation
    probability = np.maximum(_interval(ends), 1e-300)
    density = np.exp(-0.5 * ends * ends) / ROOT_2PI
    slope = (density[0] - density[1]) / (probability * deviation)
    bend = (ends[1] * density[1] - ends[0] * density[0]) / (probability * variance)
    curvature = np.maximum(slope * slope + bend, 0.0)
    curvature = np.maximum(np.minimum(curvature, SHARPEST / variance), FLATTEST / variance)
    far = 30.0 * deviation
    value = mean + np.maximum(np.minimum(slope / curvature, far), -far)
    return curvature / (1.0 - cavity_variance * curvature), value


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
