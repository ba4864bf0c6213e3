"""The latent values behind ordered ratings, and the scale they lie on: draws of the sampler.

Thresholds drawn one by one between the latent values on either side would hardly move in a large
log. So thresholds and noise are drawn together with the latent values summed out (Cowles,
"Accelerating Monte Carlo Markov chain convergence for cumulative-link generalized linear models",
Statistics and Computing 1996): a random walk, whose steps are as long as the ratings' information
allows. Two of the thresholds stay where they are, or the scale could drift; the noise takes their
place (Nandram & Chen, "Reparameterizing the generalized linear model to accelerate Gibbs sampler
convergence", J. Stat. Comput. Simul. 1996). The latent values are then truncated normals (Albert
& Chib, JASA 1993).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from conv4rec.model.ordinal import density, edges, interval_probability
from conv4rec.model.sparse import SparsePattern

HELD = (0.2, 0.8)  # the thresholds nearest to these quantiles of the ratings stay
PROPOSALS = 4  # of thresholds and noise, a sweep
STEP, SINGLE_STEP = 2.0, 2.0  # of a random walk, in standard deviations: of all at once, of w_u
WIDE = 5.0  # spread of a threshold, where the spread of the ratings is 1
TINY = 1e-300


class Latent:
    """Ratings as latent values in cells; float64 throughout.

    Args:
        pattern: users x items, of the rated entries.
        levels: per entry.
        start: the latent value that each level is first taken for, ascending.
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
        self._root: Tensor | None = None

    def draw_scale(self, mean: Tensor, rng: np.random.Generator, adapt: bool) -> int:
        """Thresholds and noise, given the latent values' means: how many proposals were taken.

        Args:
            mean: per entry.
            rng: of the draws.
            adapt: whether steps may be made anew to measure; not once draws are kept.
        """
        if not self.free:
            return 0
        if adapt or self._root is None:
            self._root = self._steps(mean)
        now, taken = self._log_posterior(mean, self.thresholds, self.noise), 0
        for _ in range(PROPOSALS):
            at = torch.cat([self.thresholds, torch.tensor([self.noise]).double().log()])
            at[self.free] += self._root @ torch.from_numpy(rng.standard_normal(len(self.free)))
            thresholds, noise = at[:-1], float(at[-1].exp())
            if not bool((thresholds.diff() > 0).all()):
                continue
            new = self._log_posterior(mean, thresholds, noise)
            if np.log(rng.random()) < new - now:
                self.thresholds, self.noise, now, taken = thresholds, noise, new, taken + 1
        return taken

    def draw_user_precision(self, mean: Tensor, nu: float, rng: np.random.Generator) -> None:
        """How steadily each user rates, one proposal each, the latent values summed out."""
        length = (SINGLE_STEP / (self.counts + 1.0).sqrt()).clamp(max=1.0)
        move = torch.from_numpy(rng.standard_normal(len(length))) * length
        proposed = self.user_precision * move.exp()
        more = self._log_probabilities(mean, self.thresholds, self.noise, proposed)
        more = more - self._log_probabilities(
            mean, self.thresholds, self.noise, self.user_precision
        )
        gain = self.pattern.row_sums(more) + nu / 2 * (move - proposed + self.user_precision)
        taken = torch.from_numpy(np.log(rng.random(len(length)))) < gain
        self.user_precision = torch.where(taken, proposed, self.user_precision)

    def draw_values(self, mean: Tensor, rng: np.random.Generator) -> Tensor:
        """The latent values, truncated to their cells: how far above `mean`, per entry."""
        low, high = self._cells(mean, self.thresholds, self.noise, self.user_precision)
        right = low + high > 0  # drawn in the tail where chances are small, then mirrored
        near, far = torch.where(right, -high, low), torch.where(right, -low, high)
        share = torch.from_numpy(rng.random(len(mean)))
        below = torch.special.ndtr(near)
        place = below + share * (torch.special.ndtr(far) - below)
        place = torch.special.ndtri(place.clamp(min=TINY, max=1.0 - 1e-16))
        place = torch.maximum(torch.minimum(place, far), near)
        return torch.where(right, -place, place) / self._sharpness(self.noise, self.user_precision)

    def _sharpness(self, noise: float, user_precision: Tensor) -> Tensor:
        return (noise * user_precision).sqrt()[self.rows]

    def _cells(
        self, mean: Tensor, thresholds: Tensor, noise: float, user_precision: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The ends of each entry's cell, in deviations from its mean."""
        bounds, sharpness = edges(thresholds), self._sharpness(noise, user_precision)
        low, high = bounds[self.levels], bounds[self.levels + 1]
        return (low - mean) * sharpness, (high - mean) * sharpness

    def _log_probabilities(
        self, mean: Tensor, thresholds: Tensor, noise: float, user_precision: Tensor
    ) -> Tensor:
        cells = self._cells(mean, thresholds, noise, user_precision)
        return interval_probability(*cells).clamp(min=TINY).log()

    def _log_posterior(self, mean: Tensor, thresholds: Tensor, noise: float) -> float:
        """Of thresholds and log noise: wide normals in the first, Gamma(1, 1) in the noise.

        Next to a level that nobody gave, the ratings say nothing of a threshold.
        """
        probabilities = self._log_probabilities(mean, thresholds, noise, self.user_precision)
        prior = -float((thresholds / WIDE).square().sum()) / 2
        return float(probabilities.sum()) + prior + np.log(noise) - noise

    def _steps(self, mean: Tensor) -> Tensor:
        """A root of the steps' covariance: the inverse information, from the entries' slopes."""
        low, high = self._cells(mean, self.thresholds, self.noise, self.user_precision)
        probability = interval_probability(low, high).clamp(min=TINY)
        sharpness = self._sharpness(self.noise, self.user_precision)
        at_low, at_high = density(low) / probability, density(high) / probability
        slopes = mean.new_zeros(len(mean), len(self.thresholds) + 2)
        entries = torch.arange(len(mean))
        slopes[entries, self.levels] = -at_low * sharpness  # the first is no threshold's
        slopes[entries, self.levels + 1] += at_high * sharpness  # nor is the last: the noise's
        slopes[:, -1] = (high * at_high - low * at_low) / 2
        slopes = slopes[:, 1:][:, self.free]
        information = slopes.T @ slopes + torch.eye(len(self.free), dtype=slopes.dtype)
        root = torch.linalg.cholesky(torch.linalg.inv(information))
        return root * (STEP / len(self.free) ** 0.5)


def _free(counts: Tensor) -> list[int]:
    """Which of the thresholds are drawn, and the noise, whose number is one more.

    Of two levels, neither is: a scale and a zero are all that there is.
    """
    n_thresholds = len(counts) - 1
    if n_thresholds < 2:
        return []
    below = counts.cumsum(0)[:-1] / counts.sum()
    first, second = (int((below - share).abs().argmin()) for share in HELD)
    if first == second:
        second = first + 1 if first + 1 < n_thresholds else first - 1
    return [*(k for k in range(n_thresholds) if k not in (first, second)), n_thresholds]
