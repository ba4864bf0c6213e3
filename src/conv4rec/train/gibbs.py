"""The exact half of the rating side, drawn by Gibbs sampling: no stopping, no penalty.

The model is that of `conv4rec.model.bayesian_mf`: the latent values behind the ratings are a product of
factors and offsets of the user and the item. Factors are normal around what the pattern of who
consumed what says of them (its leading singular vectors, through a matrix B that is drawn too),
so that ratings are learned jointly with the sampling pattern: a person or an item with few
ratings, or none, stands where those with like histories stand. How far to trust the pattern is
drawn as well: the precision of B, one number a side. So is how steadily each person rates: some
give everything a 4, some flip a coin, and their ratings should not count alike. Precisions have
Wishart and gamma priors. Every conditional of the factors is a normal, a Wishart or a gamma (how
much people differ in steadiness is one of a few values); thresholds, noise and latent values are
drawn as `conv4rec.train.latent_values` says. Nothing is tuned; what is averaged over the draws is the
posterior mean.

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
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.kernels import level_polynomials
from conv4rec.model.normal_equations import normal_equations, solve
from conv4rec.model.sparse import SparsePattern
from conv4rec.train.latent_values import Latent
from conv4rec.train.posterior_summaries import summarise_posterior
from conv4rec.train.settings import TrainSettings
from conv4rec.train.spectral import pattern_features

START = 0.1  # spread of the first factors
PRIOR_ROWS = 5.0  # rows that the prior of B is worth: where `Side.ridge` starts, its prior mean
NU_GRID = 2.0 ** (np.arange(13) / 2)  # 1 to 64: from people of all kinds to people all alike
FEWEST_RATINGS = 100  # with fewer there is nothing to factorise
FEW_RATINGS, MANY_RATINGS = 15_000, 50_000  # between which they half tell how wide (`widths`)
FIRST_SWEEPS = 20  # before latent values are drawn: factors start from nearly nothing
ADAPT = 5  # sweeps between measurements of the thresholds' steps, while no draw is kept


@dataclass
class Side:
    """Users or items: whose ratings, what the pattern says of each, and the draw of the moment."""

    pattern: SparsePattern  # rated entries, by row of this side
    t: Tensor  # per entry: the latent value of the moment
    features: np.ndarray  # rows x (1 + features): a constant first
    factors: Tensor  # rows x size
    prior: Tensor  # (1 + features) x size: B
    precision: Tensor  # size x size
    ridge: float = PRIOR_ROWS  # precision of B, in units of `precision`


def sample_bayesian_mf(
    interactions: Interactions,
    settings: TrainSettings,
    seed: int,
    on_sweep: Callable[[int], object] | None = None,
) -> BayesianMF | None:
    """Run the chain, or on small logs three, and keep draws; None if too little was rated.

    Cost: a sweep takes about 4 x ratings x size^2 multiplications. Memory: 600 to 800 bytes a
    rating, and the draws, 4 x items x size bytes each. It runs on the processor.

    Args:
        interactions: those without a rating count for the pattern.
        settings: `factors`, `mf_features`, `mf_sweeps`, `draws`.
        seed: of the chains.
        on_sweep: called after each sweep with its number; may raise to stop the chain.
    """
    if interactions.n_rated < FEWEST_RATINGS or interactions.n_levels < 2 or not settings.mf_draws:
        return None
    half, chains = None, widths(interactions.n_rated, settings)
    places = np.array_split(np.arange(settings.mf_draws), len(chains))
    for chain, (width, draws) in enumerate(zip(chains, places, strict=True)):
        rng = np.random.default_rng([seed, 3, chain] if chain else [seed, 3])
        ratings, users, items, into = _sides(interactions, width, settings, seed, rng)
        if half is None:
            sizes = (settings.mf_draws, settings.mf_factors + 1, into.shape[1])
            half = BayesianMF(interactions.n_items, interactions.n_levels, *sizes)
            half.features.copy_(torch.from_numpy(into))
            half.ratings.copy_(ratings)
        latent = Latent(users.pattern, _levels(interactions), ratings)
        _run(Chain(users, items, latent), half, draws, settings.mf_sweeps, rng, on_sweep)
    assert half is not None  # there is a chain
    half.share.fill_(1.0)  # until `choose_share`
    summarise_posterior(half, interactions)
    return half


def widths(n_rated: int, settings: TrainSettings) -> tuple[int, ...]:
    """How many factors the chains have: where the ratings do not tell, several.

    Draws of models of all widths count alike. On 6,000 ratings the narrow two have 2 to 8% less
    squared error than the widest, and intervals that hold the truth nine times in ten (hidden
    ratings of coat, made-up worlds); on 25,000 all three together are best or nearly so; on 70,000
    and more the widest is (hidden ratings of five logs).
    """
    wide = settings.mf_factors
    narrow = (max(1, 2 * wide // 5), max(1, wide // 5))
    if n_rated < FEW_RATINGS and settings.mf_draws > 1:
        return narrow
    return (wide, *narrow) if n_rated < MANY_RATINGS and settings.mf_draws > 2 else (wide,)


def _run(
    chain: Chain,
    half: BayesianMF,
    draws: np.ndarray,
    mf_sweeps: int,
    rng: np.random.Generator,
    on_sweep: Callable[[int], object] | None,
) -> None:
    """Keep draws of the last four fifths of a chain, evenly spaced, at places `draws`."""
    burn_in = mf_sweeps // 5
    steps = np.ceil(np.linspace(burn_in, mf_sweeps, len(draws) + 1))[1:]
    for sweep in range(1, mf_sweeps + 1):
        chain.sweep(sweep, sweep <= burn_in, rng)
        for draw in draws[steps == sweep].tolist():
            _keep(half, draw, chain)
        if on_sweep is not None:
            on_sweep(sweep)


def _keep(half: BayesianMF, draw: int, chain: Chain) -> None:
    """Write a draw down; factors that a narrower chain lacks are 0, and 0 for everyone."""
    users, items, latent = chain.users, chain.items, chain.latent
    size, width = half.items.shape[2], items.factors.shape[1] - 1
    own = torch.cat([torch.arange(width), torch.tensor([size - 1])])
    half.items[draw], half.prior[draw] = 0.0, 0.0
    half.items[draw][:, own], half.prior[draw][:, own] = items.factors, users.prior
    half.precision[draw] = torch.eye(size)
    half.precision[draw][own[:, None], own] = users.precision
    half.thresholds[draw] = latent.thresholds
    half.noise[draw], half.nu[draw] = latent.noise, chain.nu


class Chain:
    """The draws of the moment, and how the next are made from them."""

    def __init__(self, users: Side, items: Side, latent: Latent) -> None:
        self.users, self.items, self.latent = users, items, latent
        self.nu = float(NU_GRID[-1])
        self.mean = torch.zeros(len(users.t), dtype=torch.float64)  # of the latent values
        self.alike = torch.ones_like(users.t)

    def sweep(self, number: int, adapt: bool, rng: np.random.Generator) -> None:
        """Draw everything once, given the rest.

        Args:
            number: from 1; in the first few, each level's latent value is taken as known, so that
                factors are soon where they belong.
            adapt: whether the steps of the thresholds may be measured anew.
            rng: of the draws.
        """
        users, items, latent = self.users, self.items, self.latent
        if number > FIRST_SWEEPS:
            latent.draw_scale(self.mean, rng, adapt and number % ADAPT == 0)
            latent.draw_user_precision(self.mean, self.nu, rng)
            self._draw_values(rng)
        else:
            errors = float((users.t - self.mean).square().sum())
            latent.noise = float(rng.gamma(1.0 + len(self.mean) / 2, 1.0 / (1.0 + errors / 2)))
        weights = latent.user_precision.float()
        gram, right = normal_equations(users.pattern, items.factors, users.t, self.alike)
        _draw_factors(users, gram, right, latent.noise * weights, rng)
        of_users = weights[items.pattern.columns]  # of an item's rows, the columns are users
        gram, right = normal_equations(items.pattern, users.factors, items.t, of_users)
        _draw_factors(items, gram, right, torch.tensor(latent.noise, dtype=torch.float32), rng)
        p, q = users.factors[users.pattern.rows], items.factors[users.pattern.columns]
        self.mean = ((p[:, :-1] * q[:, :-1]).sum(1) + p[:, -1] + q[:, -1]).double()

    def _draw_values(self, rng: np.random.Generator) -> None:
        """The latent values, and again how steadily each user rates, given these."""
        users, latent = self.users, self.latent
        above = latent.draw_values(self.mean, rng)
        squares = users.pattern.row_sums(above.square()) * latent.noise
        user_precision, self.nu = _draw_user_precision(users, squares, self.nu, rng)
        latent.user_precision = user_precision.double()
        users.t = (self.mean + above).float()
        self.items.t = users.t[users.pattern.to_column_order]


def _levels(interactions: Interactions) -> Tensor:
    """The level of each rating, in the order of the users' pattern."""
    levels = interactions.level_numbers
    return torch.from_numpy(levels[levels >= 0].astype(np.int64))


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
    of_users, of_items, into = pattern_features(interactions, settings.mf_features, seed)
    size = factors + 1
    users = _side(table, of_users, size, rng)
    items = _side(sparse.csr_array(table.T), of_items, size, rng)
    return ratings, users, items, into


def _side(matrix: Any, features: np.ndarray, size: int, rng: np.random.Generator) -> Side:
    n_rows, n_columns = matrix.shape
    starts = torch.from_numpy(matrix.indptr.astype(np.int64))
    columns = torch.from_numpy(matrix.indices.astype(np.int64))
    pattern = SparsePattern.from_rows(starts, columns, n_columns)
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
    contribution = prior[1:]  # by the features; the constant is no part of it
    squares = float(((contribution @ precision) * contribution).sum())
    side.ridge = float(
        rng.gamma(1.0 + contribution.size / 2, 1.0 / (1.0 / PRIOR_ROWS + squares / 2))
    )
    side.prior = torch.from_numpy(prior).float()
    side.precision = torch.from_numpy(precision).float()


def wishart(scale: np.ndarray, nu: int, rng: np.random.Generator) -> np.ndarray:
    """A draw of the Wishart distribution of mean `nu` x `scale` (Bartlett's way)."""
    size = len(scale)
    root = np.linalg.cholesky((scale + scale.T) / 2)
    lower = np.tril(rng.standard_normal((size, size)), -1)
    lower[np.diag_indices(size)] = np.sqrt(rng.chisquare(nu - np.arange(size)))
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


def _draw_user_precision(
    users: Side, squares: Tensor, nu: float, rng: np.random.Generator
) -> tuple[Tensor, float]:
    """How steadily each user rates, a gamma given the squared errors in units of the noise.

    Then how much users differ in it: one of `NU_GRID`, all alike beforehand.
    """
    n_ratings = users.pattern.row_starts.diff().numpy()
    user_precision = rng.gamma((nu + n_ratings) / 2, 2.0 / (nu + squares.numpy()))
    half, rated = NU_GRID / 2, user_precision[n_ratings > 0]
    summed = (np.log(rated) - rated).sum()
    log_probabilities = len(rated) * (half * np.log(half) - gammaln(half)) + half * summed
    probabilities = np.exp(log_probabilities - log_probabilities.max())
    nu = float(rng.choice(NU_GRID, p=probabilities / probabilities.sum()))
    return torch.from_numpy(user_precision).float(), nu
