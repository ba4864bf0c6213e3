"""Draws of the latent values behind ordered ratings, of the thresholds and of the noise.

Thresholds drawn one by one, given the latent values, would hardly move in a large log. So
thresholds and noise are drawn together, with the latent values integrated out: a Metropolis random
walk whose steps are scaled by the information of the ratings. Two thresholds are fixed, which
fixes the scale; the noise precision is free instead. Latent values are then truncated normals.

References:
    Cowles, "Accelerating Monte Carlo Markov chain convergence for cumulative-link generalized
    linear models", Statistics and Computing 1996 (integrated out); Nandram & Chen,
    "Reparameterizing the generalized linear model to accelerate Gibbs sampler convergence", J.
    Stat. Comput. Simul. 1996 (fixed thresholds); Albert & Chib, JASA 1993 (truncated normals).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from conv4rec.model.ordinal import density, edges, interval_probability
from conv4rec.model.sparse import SparsePattern

FIXED = (0.2, 0.8)  # the thresholds nearest to these quantiles of the ratings are fixed
PROPOSALS = 4  # of thresholds and noise, per sweep
STEP, SINGLE_STEP = 2.0, 2.0  # of the random walks of the scale and of w_u, in std. deviations
WIDE = 5.0  # prior standard deviation of a threshold, where that of the ratings is 1
TINY = 1e-300


class Latent:
    """Thresholds, noise precision and user noise precision, with their draws; float64.

    Args:
        pattern: users x items, of the rated entries.
        levels: per entry.
        start: the first latent value of each level, ascending.
    """

    def __init__(self, pattern: SparsePattern, levels: Tensor, start: Tensor) -> None:
        self.pattern, self.levels = pattern, levels
        self.rows, n_levels = pattern.rows, len(start)
        start = start.double()
        self.thresholds = (start[1:] + start[:-1]) / 2
        self.noise = 1.0  # 1 / variance
        self.user_precision = torch.ones(pattern.shape[0], dtype=torch.float64)
        self.counts = pattern.row_starts.diff().double()
        self.free = _free(torch.bincount(levels, minlength=n_levels))
        self.proposal_root: Tensor | None = None

    def draw_scale(self, mean: Tensor, rng: np.random.Generator, adapt: bool) -> int:
        """Thresholds and noise, given the means of the latent values.

        Args:
            mean: per entry.
            rng: of the draws.
            adapt: whether the proposals may be adapted; not once draws are kept.

        Returns:
            How many proposals were accepted.
        """
        if not self.free:
            return 0
        if adapt or self.proposal_root is None:
            self.proposal_root = self._scaled_root(mean)
        current, n_accepted = self._log_posterior(mean, self.thresholds, self.noise), 0
        for _ in range(PROPOSALS):
            at = torch.cat([self.thresholds, torch.tensor([self.noise]).double().log()])
            at[self.free] += self.proposal_root @ torch.from_numpy(
                rng.standard_normal(len(self.free))
            )
            thresholds, noise = at[:-1], float(at[-1].exp())
            if not bool((thresholds.diff() > 0).all()):
                continue
            proposed = self._log_posterior(mean, thresholds, noise)
            if np.log(rng.random()) < proposed - current:
                self.thresholds, self.noise, current = thresholds, noise, proposed
                n_accepted += 1
        return n_accepted

    def draw_user_precision(self, mean: Tensor, nu: float, rng: np.random.Generator) -> None:
        """The user noise precision, one proposal each, with the latent values integrated out."""
        length = (SINGLE_STEP / (self.counts + 1.0).sqrt()).clamp(max=1.0)
        move = torch.from_numpy(rng.standard_normal(len(length))) * length
        proposed = self.user_precision * move.exp()
        scale = (mean, self.thresholds, self.noise)
        ratio = self._log_probabilities(*scale, proposed)
        ratio = ratio - self._log_probabilities(*scale, self.user_precision)
        ratio = self.pattern.row_sums(ratio) + nu / 2 * (move - proposed + self.user_precision)
        accepted = torch.from_numpy(np.log(rng.random(len(length)))) < ratio
        self.user_precision = torch.where(accepted, proposed, self.user_precision)

    def draw_values(self, mean: Tensor, rng: np.random.Generator) -> Tensor:
        """The latent values, truncated to the interval of their level, less `mean`: per entry."""
        low, high = self._intervals(mean, self.thresholds, self.noise, self.user_precision)
        right = low + high > 0  # drawn in the left tail, where ndtr is precise, then mirrored
        near, far = torch.where(right, -high, low), torch.where(right, -low, high)
        share = torch.from_numpy(rng.random(len(mean)))
        below = torch.special.ndtr(near)
        place = below + share * (torch.special.ndtr(far) - below)
        place = torch.special.ndtri(place.clamp(min=TINY, max=1.0 - 1e-16))
        place = torch.maximum(torch.minimum(place, far), near)
        return torch.where(right, -place, place) / self._inverse_deviation(
            self.noise, self.user_precision
        )

    def _inverse_deviation(self, noise: float, user_precision: Tensor) -> Tensor:
        return (noise * user_precision).sqrt()[self.rows]

    def _intervals(
        self, mean: Tensor, thresholds: Tensor, noise: float, user_precision: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The ends of each entry's interval, in standard deviations from its mean."""
        bounds, inverse_deviation = (
            edges(thresholds),
            self._inverse_deviation(noise, user_precision),
        )
        low, high = bounds[self.levels], bounds[self.levels + 1]
        return (low - mean) * inverse_deviation, (high - mean) * inverse_deviation

    def _log_probabilities(
        self, mean: Tensor, thresholds: Tensor, noise: float, user_precision: Tensor
    ) -> Tensor:
        intervals = self._intervals(mean, thresholds, noise, user_precision)
        return interval_probability(*intervals).clamp(min=TINY).log()

    def _log_posterior(self, mean: Tensor, thresholds: Tensor, noise: float) -> float:
        """Log posterior of thresholds and log noise, up to a constant.

        The priors are wide normals and Gamma(1, 1); ratings say nothing of a threshold between
        two levels that nobody gave.
        """
        probabilities = self._log_probabilities(mean, thresholds, noise, self.user_precision)
        prior = -float((thresholds / WIDE).square().sum()) / 2
        return float(probabilities.sum()) + prior + np.log(noise) - noise

    def _scaled_root(self, mean: Tensor) -> Tensor:
        """A root of the proposals' covariance: the inverse of the empirical information."""
        low, high = self._intervals(mean, self.thresholds, self.noise, self.user_precision)
        probability = interval_probability(low, high).clamp(min=TINY)
        inverse_deviation = self._inverse_deviation(self.noise, self.user_precision)
        at_low, at_high = density(low) / probability, density(high) / probability
        slopes = mean.new_zeros(len(mean), len(self.thresholds) + 2)
        entries = torch.arange(len(mean))
        slopes[entries, self.levels] = -at_low * inverse_deviation  # column 0 is of no threshold
        slopes[entries, self.levels + 1] += (
            at_high * inverse_deviation
        )  # nor is the last: it is the noise's
        slopes[:, -1] = (high * at_high - low * at_low) / 2
        slopes = slopes[:, 1:][:, self.free]
        information = slopes.T @ slopes + torch.eye(len(self.free), dtype=slopes.dtype)
        root = torch.linalg.cholesky(torch.linalg.inv(information))
        return root * (STEP / len(self.free) ** 0.5)


def _free(counts: Tensor) -> list[int]:
    """Which thresholds are drawn, by number; last the noise, numbered after all thresholds.

    With two levels nothing is drawn: the one threshold and the noise fix zero and scale.
    """
    n_thresholds = len(counts) - 1
    if n_thresholds < 2:
        return []
    below = counts.cumsum(0)[:-1] / counts.sum()
    first, second = (int((below - share).abs().argmin()) for share in FIXED)
    if first == second:
        second = first + 1 if first + 1 < n_thresholds else first - 1
    return [*(k for k in range(n_thresholds) if k not in (first, second)), n_thresholds]
