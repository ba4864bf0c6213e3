"""Gibbs sampler of the Bayesian matrix factorisation.

The model is that of `conv4rec.model.posterior_draws`. The latent values behind the ratings are a
product of factors plus offsets of user and item. Factors are normal around a regression on the
leading singular vectors of the implicit-feedback matrix, so a user or an item with few ratings
is close to those with similar histories. A user noise precision w_u lets users who rate at random
count less. All of it is drawn: there is no stopping step and no penalty to tune. The mean over
draws is the posterior mean.

Conditionals of the factors are in `conv4rec.train.factor_draws`. Thresholds, noise and latent
values are drawn by `conv4rec.train.latent_values`.

References:
    Salakhutdinov & Mnih, "Bayesian probabilistic matrix factorization using Markov chain Monte
    Carlo", ICML 2008; Albert & Chib, "Bayesian analysis of binary and polychotomous response
    data", JASA 1993.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.model.at_a_time import at_a_time
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.kernels import level_polynomials
from conv4rec.train.factor_draws import (
    NU_GRID,
    Side,
    draw_factors,
    draw_prior,
    draw_user_precision,
)
from conv4rec.train.latent_values import Latent
from conv4rec.train.posterior_summaries import summarise_posterior
from conv4rec.train.settings import TrainSettings
from conv4rec.train.spectral import pattern_features

FEWEST_RATINGS = 100  # with fewer, nothing is sampled
FEW_RATINGS, MANY_RATINGS = 15_000, 50_000  # see `widths`
FIRST_SWEEPS = 20  # with latent values known, as factors start near 0
WARM = 4  # a warm start divides the sweeps that are discarded by so much
PREDICTED = 2**20  # entries whose means are computed at a time
ADAPT = 5  # sweeps between two adaptations of the thresholds' proposals, before draws are kept

OnSweep = Callable[[int], object]


def sample_bayesian_mf(
    interactions: Interactions,
    settings: TrainSettings,
    seed: int,
    on_sweep: OnSweep | None = None,
    device: str = "cpu",
    last_draws: dict[int, LastDraw] | None = None,
) -> BayesianMF | None:
    """Run one chain, or two or three on smaller logs, and keep draws.

    Cost: a sweep takes about 4 x ratings x size^2 multiplications. Memory: 30 bytes per rating (60
    while features are computed), 1 KB per user and item, and the draws, 4 x items x size bytes
    each; no array of ratings x factors.

    Args:
        interactions: those without a rating count as implicit feedback.
        settings: `mf_factors`, `mf_features`, `mf_sweeps`, `mf_draws`.
        seed: of the chains.
        on_sweep: called after each sweep with its number; may raise to stop the chain.
        device: where the chains run, and the model will be.
        last_draws: by number of factors, of chains on a part of the log with the same items: a
            warm start, after which fewer sweeps are discarded. Replaced by those of this call.

    Returns:
        None if there are fewer than 100 ratings, or only one level.
    """
    if interactions.n_rated < FEWEST_RATINGS or interactions.n_levels < 2 or not settings.mf_draws:
        return None
    model, chains = None, widths(interactions.n_rated, settings)
    last_draws = {} if last_draws is None else last_draws
    levels = interactions.level_numbers[interactions.level_numbers >= 0]
    levels = torch.from_numpy(levels).to(device)
    counts = torch.bincount(levels, minlength=interactions.n_levels).float().cpu()
    ratings = level_polynomials(counts, 1)[:, 0]  # the first latent value of each level
    places = np.array_split(np.arange(settings.mf_draws), len(chains))
    for number, (width, draws) in enumerate(zip(chains, places, strict=True)):
        rng = np.random.default_rng([seed, 3, number] if number else [seed, 3])
        users, items, table = start_sides(interactions, width, settings, seed, rng, device)
        if model is None:
            sizes = (settings.mf_draws, settings.mf_factors + 1, table.shape[1])
            model = BayesianMF(interactions.n_items, interactions.n_levels, *sizes).to(device)
            model.features.copy_(torch.from_numpy(table))
            model.ratings.copy_(ratings)
        latent = Latent(users.pattern, levels[users.part.entries], ratings, users.part)
        chain = Chain(users, items, latent, ratings.to(device)[latent.levels.int()])
        burn_in, n_kept = settings.mf_sweeps // 5, settings.mf_sweeps - settings.mf_sweeps // 5
        if width in last_draws:
            chain.warm_start(last_draws[width], rng)
            burn_in //= WARM
        _run(chain, model, draws, (burn_in, n_kept), rng, on_sweep)
        last_draws[width] = chain.last()
    assert model is not None  # there is a chain
    model.share.fill_(1.0)
    summarise_posterior(model, interactions)
    return model


def widths(n_rated: int, settings: TrainSettings) -> tuple[int, ...]:
    """The numbers of factors, one per chain; draws of all chains count alike.

    On 6,000 ratings the two narrow chains have 2 to 8% less squared error than the widest, and
    intervals with the right coverage (masked ratings of coat, synthetic worlds). On 25,000 all
    three together are best or nearly so. From 70,000 on the widest is best (masked ratings of
    five logs).
    """
    wide = settings.mf_factors
    narrow = (max(1, 2 * wide // 5), max(1, wide // 5))
    if n_rated < FEW_RATINGS and settings.mf_draws > 1:
        return narrow
    return (wide, *narrow) if n_rated < MANY_RATINGS and settings.mf_draws > 2 else (wide,)


def _run(
    chain: Chain,
    model: BayesianMF,
    draws: np.ndarray,
    sweeps: tuple[int, int],
    rng: np.random.Generator,
    on_sweep: OnSweep | None,
) -> None:
    """`sweeps` until draws are kept, and then: of these, evenly spaced, to places `draws`."""
    burn_in, n_sweeps = sweeps[0], sum(sweeps)
    kept_after = np.ceil(np.linspace(burn_in, n_sweeps, len(draws) + 1))[1:]
    for sweep in range(1, n_sweeps + 1):
        chain.sweep(sweep <= burn_in, rng)
        for draw in draws[kept_after == sweep].tolist():
            _keep(model, draw, chain)
        if on_sweep is not None:
            on_sweep(sweep)


def _keep(model: BayesianMF, draw: int, chain: Chain) -> None:
    """Copy the current draw; factors that a narrower chain lacks are 0 for all users and items."""
    users, items, latent = chain.users, chain.items, chain.latent
    size, width = model.items.shape[2], items.factors.shape[1] - 1
    own = torch.tensor([*range(width), size - 1], device=model.items.device)
    model.items[draw], model.prior[draw] = 0.0, 0.0
    model.items[draw][:, own], model.prior[draw][:, own] = items.factors, users.prior
    model.precision[draw] = torch.eye(size)
    model.precision[draw][own[:, None], own] = users.precision
    model.thresholds[draw] = latent.thresholds
    model.noise[draw], model.nu[draw] = latent.noise, chain.nu


@dataclass(frozen=True)
class LastDraw:
    """Where a chain ended, without what belongs to a user or an entry."""

    items: Tensor  # items x size
    users: tuple[Tensor, Tensor]  # mean of their factors, and the precision
    thresholds: Tensor
    noise: float
    nu: float


class Chain:
    """The current draw, and the sweep that makes the next one from it.

    Args:
        users: their entries are in the order of the log.
        items: those of the same log.
        latent: of the same entries as `users`.
        values: the first latent value of each entry.
    """

    def __init__(self, users: Side, items: Side, latent: Latent, values: Tensor) -> None:
        self.users, self.items, self.latent, self.values = users, items, latent, values
        self.nu = float(NU_GRID[-1])
        self.mean = torch.zeros_like(values)  # of the latent values
        self.n_sweeps = 0

    def sweep(self, adapt: bool, rng: np.random.Generator) -> None:
        """Draw everything once, each part given the rest.

        In the first sweeps each level's latent value is taken as known.

        Args:
            adapt: whether the proposals of thresholds and noise may be adapted.
            rng: of the draws.
        """
        users, items, latent = self.users, self.items, self.latent
        self.n_sweeps += 1
        if self.n_sweeps > FIRST_SWEEPS:
            log_p, _ = latent.draw_scale(self.mean, rng, adapt and self.n_sweeps % ADAPT == 0)
            latent.draw_user_precision(self.mean, log_p, self.nu, rng)
            self._draw_values(rng)
        else:
            squares = latent.squared_errors(self.values, self.mean)
            n_ratings = users.part.n_entries
            latent.noise = float(rng.gamma(1.0 + n_ratings / 2, 1.0 / (1.0 + squares / 2)))
        draw_prior(users, rng)
        self._draw_users(rng)
        draw_prior(items, rng)
        weights, join = latent.user_precision, users.part
        values, weights = join.join_entries(self.values), join.join_rows(weights)
        noise = weights.new_full((items.pattern.shape[0],), latent.noise)
        draw_factors(items, users.factors, values, weights, noise, rng)
        self.mean = self.predicted()

    def _draw_users(self, rng: np.random.Generator) -> None:
        items, latent = self.items.factors, self.latent
        noise = latent.noise * latent.user_precision
        draw_factors(self.users, items, self.values, items.new_ones(len(items)), noise, rng)

    def last(self) -> LastDraw:
        """The current draw. Of few users, the prior alone says how they differ."""
        factors, latent = self.users.factors.double(), self.latent
        excess = factors - factors.mean(0)
        scatter = torch.eye(factors.shape[1]).to(factors) + excess.T @ excess
        precision = (len(factors) + 1) * torch.cholesky_inverse(torch.linalg.cholesky(scatter))
        of_users = (factors.mean(0).float(), precision.float())
        return LastDraw(self.items.factors, of_users, latent.thresholds, latent.noise, self.nu)

    def warm_start(self, last: LastDraw, rng: np.random.Generator) -> None:
        """Begin at a draw of another chain; users are drawn anew, as alike as they were there."""
        self.n_sweeps, self.nu = FIRST_SWEEPS, last.nu
        self.items.factors = last.items
        self.latent.thresholds, self.latent.noise = last.thresholds, last.noise
        self.users.prior[0], self.users.precision = last.users
        self._draw_users(rng)
        self.mean = self.predicted()

    def predicted(self) -> Tensor:
        """The mean of the latent value of each entry, given the factors."""
        pattern, q = self.users.pattern, self.items.factors
        p, one = self.users.factors[self.users.part.rows], q.new_ones(len(q), 1)
        p = torch.cat([p, one.new_ones(len(p), 1)], 1)  # factors, own offset x 1, 1 x the other's
        q, mean = torch.cat([q[:, :-1], one, q[:, -1:]], 1), torch.empty_like(self.values)
        for rows, entries, block in pattern.blocks(at_a_time(PREDICTED, q.device)):
            mean[entries] = block.products(p[rows], q)
        return mean

    def _draw_values(self, rng: np.random.Generator) -> None:
        """The latent values; then the user noise precision again, and nu, given these."""
        latent = self.latent
        self.values, squares = latent.draw_values(self.mean, rng)
        squares = squares * latent.noise
        user_precision, self.nu = draw_user_precision(self.users, squares, self.nu, rng)
        latent.user_precision = user_precision[self.users.part.rows]


def start_sides(
    interactions: Interactions,
    n_factors: int,
    settings: TrainSettings,
    seed: int,
    rng: np.random.Generator,
    device: str = "cpu",
) -> tuple[Side, Side, np.ndarray]:
    """Both sides before the first sweep.

    Returns:
        The users, the items, and the items x features table that gives a history's features (see
        `pattern_features`).
    """
    rated = interactions.level_numbers >= 0
    numbers = np.arange(int(rated.sum()), dtype=np.int32)
    starts = np.append(np.int32(0), np.cumsum(rated, dtype=np.int32))[interactions.starts]
    shape = (interactions.n_users, interactions.n_items)
    matrix = sparse.csr_array((numbers, interactions.item_numbers[rated], starts), shape=shape)
    of_users, of_items, table = pattern_features(interactions, settings.mf_features, seed, device)
    users = Side.start(matrix, of_users, n_factors + 1, rng, device=device)
    by_item = sparse.csr_array(matrix.T)
    items = Side.start(by_item, of_items, n_factors + 1, rng, by_item.data, device)
    return users, items, table
