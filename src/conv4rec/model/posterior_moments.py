"""Means and variances of the users' posterior over all draws."""

from __future__ import annotations

import torch
from torch import Tensor

from conv4rec.model.normal_equations import with_constant
from conv4rec.model.posterior_draws import PosteriorDraws, UserPosterior


class PosteriorMoments:
    """Running sums over draws, and the moments that they give."""

    def __init__(self) -> None:
        self.n, self.sums = 0, [torch.zeros(())] * 8

    def add(self, draws: PosteriorDraws, draw: int, user: UserPosterior) -> None:
        """Add the users under one draw."""
        items = draws.reference_items[draw].to(user.mean)
        x = user.mean @ with_constant(items).T + items[:, -1]
        new = (user.mean[:, -1], user.noise_variance, user.spread, x, x.square())
        new = (*new, user.cavity_mean, user.cavity_mean.square(), user.cavity_variance)
        self.n += 1
        self.sums = [total.to(more) + more for total, more in zip(self.sums, new, strict=True)]

    def _mean(self, at: int) -> Tensor:
        return self.sums[at] / self.n

    def _between(self, at: int) -> Tensor:
        """The variance between draws, from the sums of values and of their squares."""
        return (self._mean(at + 1) - self._mean(at).square()).clamp(min=0.0)

    @property
    def offset(self) -> Tensor:
        """b_u: users."""
        return self._mean(0)

    @property
    def noise_variance(self) -> Tensor:
        """Variance of x around its mean: users."""
        return self._mean(1)

    @property
    def reference_variance(self) -> Tensor:
        """Posterior variance of the mean of x, averaged over the reference items: users."""
        return self._mean(2) + self._between(3).mean(1)

    @property
    def cavity_mean(self) -> Tensor:
        """Mean of x given everything but the entry's own rating: entries."""
        return self._mean(5)

    @property
    def cavity_variance(self) -> Tensor:
        """Its variance, within draws and between: entries."""
        return self._mean(7) + self._between(5)
