"""Draws of the item factors, and the posterior of any user's factors under each draw.

The model is an ordered probit (see `conv4rec.model.ordinal`) of a matrix factorisation. A rating
is the level whose thresholds a latent value falls between,

    x_ui = p_u . q_i + b_u + c_i + e_ui,    e_ui ~ N(0, 1 / (noise w_u)),
    (p_u, b_u) ~ N((1, f_u) B, inverse of `precision`),    w_u ~ Gamma(nu / 2, nu / 2),

with f_u features of the user's implicit feedback (ratings aside) and w_u the user noise
precision. Given a draw of (q_i, c_i), expectation propagation replaces each rating by one normal
observation of x, with a precision and a value. The posterior of (p_u, b_u) is then one small
linear system per user, the same for training users and new ones.

Reference:
    Minka, "Expectation propagation for approximate Bayesian inference", UAI 2001.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from conv4rec.model.history import History
from conv4rec.model.normal_equations import with_constant
from conv4rec.model.ordinal import TINY, edges, interval_probability, sites
from conv4rec.model.row_posterior import covariances, row_posterior
from conv4rec.model.sparse import SparsePattern

FIRST_ROUNDS = 6  # rounds of expectation propagation at the first draw; one at each other
AVERAGED = (1, 6)  # draws after which later ones start from the mean observations since the last
FIRST_SHARE = 0.9  # precision of a rating before the first round, in units of that of x itself
USER_PRECISION_GRID = tuple(2.0 ** (0.75 * step) for step in range(-4, 5))  # values of w_u
N_REFERENCE_ITEMS = 64  # items, drawn like ratings, on which a user's uncertainty is measured


@dataclass(frozen=True)
class UserPosterior:
    """The users under one draw of the items."""

    mean: Tensor  # users x size: of (p_u, b_u)
    spread: Tensor  # users: variance of (p_u, b_u) . (q_i, 1), averaged over the reference items
    weight: Tensor  # entries: precision of the observation that replaces the rating; 0: unrated
    value: Tensor  # entries: value of that observation
    cavity_mean: Tensor  # entries: mean of x given everything but the entry's own rating
    cavity_variance: Tensor  # entries
    noise_variance: Tensor  # users: variance of x around its mean, 1 / (noise w_u)


class PosteriorDraws(nn.Module):
    """Posterior draws of everything that is not of one user.

    Args:
        n_items: rows of the tables.
        n_levels: levels that a rating can have.
        n_draws: draws kept.
        size: width of a draw: the factors and one offset.
        n_features: width of f_u.
    """

    def __init__(self, n_items: int, n_levels: int, n_draws: int, size: int, n_features: int):
        super().__init__()

        def table(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape), requires_grad=False)

        self.items = table(n_draws, n_items, size)  # q_i, then the offset c_i
        self.prior = table(n_draws, 1 + n_features, size)  # B
        self.precision = table(n_draws, size, size)
        self.noise = table(n_draws)  # 1 / variance
        self.nu = table(n_draws)  # degrees of freedom of w_u: a large nu makes all users alike
        self.thresholds = table(n_draws, n_levels - 1)  # between the levels
        self.features = table(n_items, n_features)  # what an item adds to f_u
        self.ratings = table(n_levels)  # x of each level before the first round
        self.reference_items = table(n_draws, N_REFERENCE_ITEMS, size)  # rows of `items`

    def user_features(self, history: History) -> Tensor:
        """(1, f_u): users x (1 + features)."""
        pattern, observed = history.pattern, history.observed
        f = pattern.look_up(observed[None], self.features[None]) / history.root_length()
        return torch.cat([torch.ones_like(f[:, :1]), f], 1)

    def users(self, history: History, features: Tensor | None = None) -> Iterator[UserPosterior]:
        """The users' posterior under each draw in turn.

        All draws but the first start from the observations that the first ends with, so that one
        round is enough for them. w_u is its posterior mean (of the logarithm) on a grid.

        Args:
            history: of any users.
            features: (1, f_u), if known already: users x (1 + features). Factors are solved in
                their dtype; what belongs to entries is float64.
        """
        f = self.user_features(history) if features is None else features
        (items, pattern), n_levels = history.pattern.occurring, len(self.ratings)
        rated = (history.observed * (history.types < n_levels)).double()
        level = history.types.clamp(max=n_levels - 1)
        weight, value = rated * FIRST_SHARE * self.noise[0], self.ratings.double()[level]
        seen: list[Tensor] = []  # 2 x entries, of each draw: natural parameters
        for draw, of_items in enumerate(self.items):
            factors = of_items.index_select(0, items).to(f)
            bounds = edges(self.thresholds[draw].double())
            low, high = (ends.index_select(0, level) for ends in (bounds[:-1], bounds[1:]))
            for rounds_left in range(1 if draw else FIRST_ROUNDS, 0, -1):
                user = self._solve(draw, pattern, f, factors, weight, value, (low, high, rated))
                if rounds_left == 1:
                    yield user
                if draw < AVERAGED[-1]:
                    noise = user.noise_variance.index_select(0, pattern.rows)
                    own, at = sites(user.cavity_mean, user.cavity_variance, noise, low, high)
                    own = own * rated
                    seen = [*(seen if draw else []), torch.stack([own, own * at])]
                if draw + 1 in AVERAGED:
                    weight, total = torch.stack(seen).mean(0)
                    value, seen = total / weight.clamp(min=1e-300), []

    def _solve(
        self,
        draw: int,
        pattern: SparsePattern,
        f: Tensor,
        factors: Tensor,
        weight: Tensor,
        value: Tensor,
        interval: tuple[Tensor, Tensor, Tensor],
    ) -> UserPosterior:
        """One round: the users' linear systems, and the cavity distribution of each entry."""
        expected, precision = f @ self.prior[draw].to(f), self.precision[draw].to(f)
        reference = with_constant(self.reference_items[draw].to(f))
        found = row_posterior(
            pattern, factors, value.to(f), weight.to(f), expected, precision,
            reference.T @ reference / len(reference),
        )  # fmt: skip
        offset = factors[:, -1].index_select(0, pattern.columns)
        x = (pattern.products(found.mean, with_constant(factors)) + offset).double()
        variance = found.variance.double().clamp(min=1e-8)
        cavity_variance = 1.0 / (1.0 / variance - weight).clamp(min=1e-4 / variance)
        cavity_mean = (x / variance - weight * value) * cavity_variance
        w = self._user_precision(draw, pattern, cavity_mean, cavity_variance, interval)
        noise = 1.0 / (self.noise[draw].double() * w)
        own = (found.mean, found.spread)
        return UserPosterior(*own, weight, value, cavity_mean, cavity_variance, noise)

    def covariance(self, draw: int, history: History, user: UserPosterior) -> Tensor:
        """Of (p_u, b_u), under a draw, in the dtype of their means: users x size x size."""
        items, pattern = history.pattern.occurring
        factors = self.items[draw].index_select(0, items)
        parts = (factors, user.weight, self.precision[draw])
        return covariances(pattern, *(part.to(user.mean) for part in parts))

    def _user_precision(
        self,
        draw: int,
        pattern: SparsePattern,
        mean: Tensor,
        variance: Tensor,
        interval: tuple[Tensor, Tensor, Tensor],
    ) -> Tensor:
        """w_u by how well each rating is predicted from the user's other ratings: users.

        Probabilities are float32, which takes half of the time; their sums of logarithms are not.
        """
        low, high, rated = interval
        below, above, variance = (x.float() for x in (low - mean, high - mean, variance))
        noise, nu, grid = float(self.noise[draw]), float(self.nu[draw]), USER_PRECISION_GRID
        log_likelihoods = []
        for user_precision in grid:
            scale = (variance + 1.0 / (noise * user_precision)).rsqrt_()
            probability = interval_probability(below * scale, above * scale)
            log_p = probability.clamp_(min=TINY).log_() * rated
            log_likelihoods.append(pattern.row_sums(log_p))
        grid = mean.new_tensor(grid)
        log_posterior = torch.stack(log_likelihoods, 1) + nu / 2 * (grid.log() - grid)
        return (torch.softmax(log_posterior, 1) @ grid.log()).exp()
