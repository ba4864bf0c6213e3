"""The exact half of the rating side, drawn by Gibbs sampling: no steps, no stopping, no penalty.

The model is that of `conv4rec.model.exact`: ratings on the "liked" channel are a product of
factors and offsets of the user and the item. Factors are normal around what the pattern of who
consumed what says of them (its leading singular vectors, through a matrix B that is drawn too),
so that ratings are learned jointly with the sampling pattern: a person or an item with few
ratings, or none, stands where those with like histories stand. How far to trust the pattern is
drawn as well: the precision of B, one number a side. So is how steadily each person rates: some
give everything a 4, some flip a coin, and their ratings should not count alike. Precisions have
Wishart and gamma priors. Every conditional is a normal, a Wishart or a gamma (how much people
differ in steadiness is one of a few values), so nothing is tuned; what is averaged over the draws
is the posterior mean.

References:
    Salakhutdinov & Mnih, "Bayesian probabilistic matrix factorization using Markov chain Monte
    Carlo", ICML 2008 (the sweep, and the normal-Wishart priors); Simm et al., "Macau: scalable
    Bayesian factorization with high-dimensional side information", MLSP 2017 (B).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.special import gammaln
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.model.exact import ExactHalf, normal_equations, solve
from conv4rec.model.kernels import level_polynomials
from conv4rec.model.lookup import Pattern
from conv4rec.train.settings import TrainSettings
from conv4rec.train.spectral import pattern_features

START = 0.1  # spread of the first factors
PRIOR_ROWS = 5.0  # rows that the prior of B is worth: where `Side.ridge` starts, its prior mean
FREEDOMS = 2.0 ** (np.arange(13) / 2)  # 1 to 64: from people of all kinds to people all alike
FEWEST_RATINGS = 100  # with fewer there is nothing to factorise
MANY_RATINGS = 50_000  # from here on the ratings tell the width: the widest is the best


@dataclass
class Side:
    """Users or items: whose ratings, what the pattern says of each, and the draw of the moment."""

    pattern: Pattern  # rated entries, by row of this side
    t: Tensor  # per entry
    features: np.ndarray  # rows x (1 + features): a constant first
    factors: Tensor  # rows x size
    prior: Tensor  # (1 + features) x size: B
    precision: Tensor  # size x size
    ridge: float = PRIOR_ROWS  # precision of B, in units of `precision`


def sample_exact_half(
    interactions: Interactions,
    settings: TrainSettings,
    seed: int,
    on_sweep: Callable[[int], object] | None = None,
) -> ExactHalf | None:
    """Run the chain, or on small logs three, and keep draws; None if too little was rated.

    Cost: a sweep takes about 4 x ratings x size^2 multiplications. Memory: 100 bytes a rating,
    and the draws, 4 x items x size bytes each. It runs on the processor.

    Args:
        interactions: those without a rating count for the pattern.
        settings: `factors`, `factor_features`, `sweeps`, `draws`.
        seed: of the chains.
        on_sweep: called after each sweep with its number; may raise to stop the chain.
    """
    if interactions.n_rated < FEWEST_RATINGS or interactions.n_levels < 2 or not settings.draws:
        return None
    half, chains = None, widths(interactions.n_rated, settings)
    places = np.array_split(np.arange(settings.draws), len(chains))
    for chain, (width, draws) in enumerate(zip(chains, places, strict=True)):
        rng = np.random.default_rng([seed, 3, chain] if chain else [seed, 3])
        ratings, users, items, into = _sides(interactions, width, settings, seed, rng)
        if half is None:
            sizes = (settings.draws, settings.factors + 1, into.shape[1])
            half = ExactHalf(interactions.n_items, interactions.n_levels, *sizes)
            half.features.copy_(torch.from_numpy(into))
            half.ratings.copy_(ratings)
        _run_chain(half, users, items, draws, settings.sweeps, rng, on_sweep)
    assert half is not None  # there is a chain
    half.mean_precision.fill_(0.0)  # until `choose_mean_precision`
    return half


def widths(n_rated: int, settings: TrainSettings) -> tuple[int, ...]:
    """How many factors the chains have: on a small log, whose ratings do not tell, several.

    Draws of models of all widths count alike. On 6,000 ratings that takes 2 to 6% off the squared
    error of the widest alone (hidden ratings of coat, made-up worlds); on 70,000 and more the
    widest is the best.
    """
    wide = settings.factors
    if n_rated >= MANY_RATINGS or settings.draws < 3:
        return (wide,)
    return tuple(sorted({max(1, wide // 5), max(1, 2 * wide // 5), wide}, reverse=True))


def _run_chain(
    half: ExactHalf,
    users: Side,
    items: Side,
    draws: np.ndarray,
    sweeps: int,
    rng: np.random.Generator,
    on_sweep: Callable[[int], object] | None,
) -> None:
    """Run one chain and keep draws of its last four fifths, evenly spaced, at places `draws`."""
    freedom, steady = FREEDOMS[-1], torch.ones(len(users.factors))
    alike = torch.ones_like(users.t)
    steps = np.ceil(np.linspace(sweeps // 5, sweeps, len(draws) + 1))[1:]
    for sweep in range(1, sweeps + 1):
        gram, right = normal_equations(users.pattern, items.factors, users.t, alike)
        squares = _squares(users, items.factors, gram, right)
        noise = _draw_noise(len(users.t), squares, steady, rng)
        steady, freedom = _draw_steady(users, squares * noise, freedom, rng)
        _draw_factors(users, gram, right, noise * steady, rng)
        weights = steady[items.pattern.columns]  # of an item's rows, the columns are users
        gram, right = normal_equations(items.pattern, users.factors, items.t, weights)
        _draw_factors(items, gram, right, torch.tensor(noise), rng)
        for draw in draws[steps == sweep]:
            _keep(half, int(draw), users, items)
            half.noise[draw], half.freedom[draw] = noise, freedom
        if on_sweep is not None:
            on_sweep(sweep)


def _keep(half: ExactHalf, draw: int, users: Side, items: Side) -> None:
    """Write a draw down; factors that a narrower chain lacks are 0, and 0 for everyone."""
    width = items.factors.shape[1] - 1
    own = torch.cat([torch.arange(width), torch.tensor([half.items.shape[2] - 1])])
    half.items[draw], half.prior[draw] = 0.0, 0.0
    half.items[draw][:, own], half.prior[draw][:, own] = items.factors, users.prior
    half.precision[draw] = torch.eye(half.items.shape[2])
    half.precision[draw][own[:, None], own] = users.precision


def _sides(
    interactions: Interactions,
    factors: int,
    settings: TrainSettings,
    seed: int,
    rng: np.random.Generator,
) -> tuple[Tensor, Side, Side, np.ndarray]:
    """The t of each level, both sides at their start, and the table that makes users' features."""
    rated = interactions.level_numbers >= 0
    levels = interactions.level_numbers[rated]
    counts = torch.from_numpy(np.bincount(levels, minlength=interactions.n_levels)).float()
    ratings = level_polynomials(counts, 1)[:, 0]
    shape = (interactions.n_users, interactions.n_items)
    where = (interactions.user_numbers[rated], interactions.item_numbers[rated])
    table = sparse.csr_array((ratings.numpy()[levels], where), shape=shape)
    of_users, of_items, into = pattern_features(interactions, settings.factor_features, seed)
    size = factors + 1
    users = _side(table, of_users, size, rng)
    items = _side(sparse.csr_array(table.T), of_items, size, rng)
    return ratings, users, items, into


def _side(matrix: Any, features: np.ndarray, size: int, rng: np.random.Generator) -> Side:
    n_rows, n_columns = matrix.shape
    starts = torch.from_numpy(matrix.indptr.astype(np.int64))
    columns = torch.from_numpy(matrix.indices.astype(np.int64))
    pattern = Pattern.from_rows(starts, columns, n_columns)
    start = torch.from_numpy(rng.standard_normal((n_rows, size)).astype(np.float32)) * START
    features = np.concatenate([np.ones((n_rows, 1)), features], 1)
    n_features = features.shape[1]
    return Side(
        pattern,
        torch.from_numpy(matrix.data.astype(np.float32)),
        features,
        start,
        torch.zeros(n_features, size),
        torch.eye(size),
    )


def _draw_prior(side: Side, rng: np.random.Generator) -> None:
    """B, the precision and the ridge, given the factors: a regression of them on the features."""
    factors, features = side.factors.double().numpy(), side.features
    size, n_features = factors.shape[1], features.shape[1]
    ridge = np.full(n_features, side.ridge)
    ridge[0] = 2.0  # the constant: a mean that is known from many rows
    inverse = np.linalg.inv(features.T @ features + np.diag(ridge))
    center = inverse @ (features.T @ factors)
    rest = factors - features @ center
    scatter = np.eye(size) + rest.T @ rest + center.T * ridge @ center
    precision = wishart(np.linalg.inv(scatter), size + len(factors), rng)
    draw = rng.standard_normal((n_features, size))
    spread = np.linalg.inv(np.linalg.cholesky(precision))  # its rows: a root of the covariance
    prior = center + np.linalg.cholesky(inverse) @ draw @ spread
    said = prior[1:]  # by the features; the constant is no part of it
    squares = float(((said @ precision) * said).sum())
    side.ridge = float(rng.gamma(1.0 + said.size / 2, 1.0 / (1.0 / PRIOR_ROWS + squares / 2)))
    side.prior = torch.from_numpy(prior).float()
    side.precision = torch.from_numpy(precision).float()


def wishart(scale: np.ndarray, freedom: int, rng: np.random.Generator) -> np.ndarray:
    """A draw of the Wishart distribution of mean `freedom` x `scale` (Bartlett's way)."""
    size = len(scale)
    root = np.linalg.cholesky((scale + scale.T) / 2)
    lower = np.tril(rng.standard_normal((size, size)), -1)
    lower[np.diag_indices(size)] = np.sqrt(rng.chisquare(freedom - np.arange(size)))
    return root @ lower @ lower.T @ root.T


def _draw_factors(
    side: Side, gram: Tensor, right: Tensor, noise: Tensor, rng: np.random.Generator
) -> None:
    """The prior, then the factors, given the other side's: `noise` is one a row, or one for all."""
    _draw_prior(side, rng)
    prior = torch.from_numpy(side.features).float() @ side.prior
    mean, root = solve(gram, right, prior, side.precision, noise)
    draw = torch.from_numpy(rng.standard_normal(mean.shape).astype(np.float32))
    more = torch.linalg.solve_triangular(root.transpose(1, 2), draw[:, :, None], upper=True)
    side.factors = mean + more[:, :, 0]


def _squares(users: Side, items: Tensor, gram: Tensor, right: Tensor) -> Tensor:
    """Each user's sum of squared errors, given all factors and the users' normal equations."""
    excess = users.t - items[users.pattern.columns, -1]
    total = users.pattern.row_sums(excess.double().square())
    p = users.factors.double()
    explained = (p * (2.0 * right.double() - (gram.double() @ p[:, :, None])[:, :, 0])).sum(1)
    return (total - explained).clamp(min=0.0)


def _draw_noise(n_ratings: int, squares: Tensor, steady: Tensor, rng: np.random.Generator) -> float:
    """1 / variance of a rating of a person of steadiness 1: a gamma."""
    return float(rng.gamma(1.0 + n_ratings / 2, 1.0 / (1.0 + float(squares @ steady.double()) / 2)))


def _draw_steady(
    users: Side, squares: Tensor, freedom: float, rng: np.random.Generator
) -> tuple[Tensor, float]:
    """How steadily each user rates, a gamma given the squared errors in units of the noise.

    Then how much users differ in it: one of `FREEDOMS`, all alike beforehand.
    """
    n_ratings = users.pattern.row_starts.diff().numpy()
    steady = rng.gamma((freedom + n_ratings) / 2, 2.0 / (freedom + squares.numpy()))
    half, rated = FREEDOMS / 2, steady[n_ratings > 0]
    summed = (np.log(rated) - rated).sum()
    log_chances = len(rated) * (half * np.log(half) - gammaln(half)) + half * summed
    chances = np.exp(log_chances - log_chances.max())
    freedom = float(rng.choice(FREEDOMS, p=chances / chances.sum()))
    return torch.from_numpy(steady).float(), freedom
