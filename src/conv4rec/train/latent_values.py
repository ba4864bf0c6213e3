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

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from conv4rec.model.at_a_time import at_a_time
from conv4rec.model.ordinal import TINY, density, edges, interval_probability
from conv4rec.model.sparse import SparsePattern
from conv4rec.train.processes import Part, summed
from conv4rec.train.random_draws import uniforms

FIXED = (0.2, 0.8)  # the thresholds nearest to these quantiles of the ratings are fixed
PROPOSALS = 2  # of thresholds and noise, per sweep
STEP, SINGLE_STEP = 2.0, 2.0  # of the random walks of the scale and of w_u, in std. deviations
WIDE = 5.0  # prior standard deviation of a threshold, where that of the ratings is 1
BLOCK = 65_536  # entries


@dataclass(frozen=True)
class _Block:
    """Some users' entries, and the interval of each in standard deviations from its mean."""

    entries: slice
    pattern: SparsePattern
    levels: Tensor
    mean: Tensor
    inverse_deviation: Tensor
    low: Tensor
    high: Tensor

    def user_sums(self, values: Tensor) -> Tensor:
        """Sums over the entries of each user, float64 (a quarter of the time of `index_add`)."""
        return torch.segment_reduce(values.double(), "sum", offsets=self.pattern.row_starts)


class Latent:
    """Thresholds, noise precision and user noise precision, with their draws.

    What belongs to entries is float32, and sums over entries are float64. Entries are taken
    `BLOCK` at a time: more do not fit into the cache.

    Args:
        pattern: users x items, of the rated entries.
        levels: per entry, integers of any type.
        start: the first latent value of each level, ascending.
        part: which users these are, of several processes; by default all.
    """

    def __init__(
        self, pattern: SparsePattern, levels: Tensor, start: Tensor, part: Part | None = None
    ) -> None:
        self.pattern, self.levels = pattern, levels
        self.part = part or Part.own(pattern.row_starts)
        start = start.double()
        self.thresholds = (start[1:] + start[:-1]) / 2
        self.noise = 1.0  # 1 / variance
        self.counts = pattern.row_starts.diff().float()
        self.user_precision = torch.ones_like(self.counts)
        self.free = _free(summed(torch.bincount(levels, minlength=len(start))).cpu())
        self.proposal_root: Tensor | None = None

    def draw_scale(self, mean: Tensor, rng: np.random.Generator, adapt: bool) -> tuple[Tensor, int]:
        """Thresholds and noise, given the means of the latent values.

        Args:
            mean: per entry.
            rng: of the draws.
            adapt: whether the proposals may be adapted; not once draws are kept.

        Returns:
            The log likelihood of each user's ratings at the draw, and how many proposals were
            accepted.
        """
        if self.free and (adapt or self.proposal_root is None):
            self.proposal_root = self._scaled_root(mean)
        log_p = self._log_likelihoods(mean, self.thresholds, self.noise, self.user_precision)
        n_accepted = 0
        for _ in range(PROPOSALS if self.free else 0):
            assert self.proposal_root is not None
            at = torch.cat([self.thresholds, torch.tensor([self.noise]).double().log()])
            at[self.free] += self.proposal_root @ torch.from_numpy(
                rng.standard_normal(len(self.free))
            )
            thresholds, noise = at[:-1], float(at[-1].exp())
            if not bool((thresholds.diff() > 0).all()):
                continue
            proposed = self._log_likelihoods(mean, thresholds, noise, self.user_precision)
            ratio = float(summed((proposed - log_p).sum()))
            ratio += _log_prior(thresholds, noise) - _log_prior(self.thresholds, self.noise)
            if np.log(rng.random()) < ratio:
                self.thresholds, self.noise, log_p = thresholds, noise, proposed
                n_accepted += 1
        return log_p, n_accepted

    def draw_user_precision(
        self, mean: Tensor, log_p: Tensor, nu: float, rng: np.random.Generator
    ) -> None:
        """The user noise precision, one proposal each, with the latent values integrated out.

        Args:
            mean: per entry.
            log_p: per user: the log likelihood of the ratings, from `draw_scale`.
            nu: degrees of freedom of the prior of w_u.
            rng: of the draws.
        """
        length = (SINGLE_STEP / (self.counts + 1.0).sqrt()).clamp(max=1.0)
        n_users, rows = self.part.n_rows, self.part.rows
        move = torch.from_numpy(rng.standard_normal(n_users, dtype=np.float32)[rows])
        move = move.to(length) * length
        proposed = self.user_precision * move.exp()
        ratio = self._log_likelihoods(mean, self.thresholds, self.noise, proposed) - log_p
        ratio += nu / 2 * (move - proposed + self.user_precision)
        accepted = torch.from_numpy(np.log(rng.random(n_users)[rows])).to(ratio) < ratio
        self.user_precision = torch.where(accepted, proposed, self.user_precision)

    def draw_values(self, mean: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The latent values, truncated to the interval of their level.

        Returns:
            Per entry, and the sum of squared distances from `mean` per user.
        """
        values = uniforms(rng, self.part.n_entries, mean.device)[self.part.entries]
        squares = []
        for block in self._blocks(mean, self.thresholds, self.noise, self.user_precision):
            low, high = block.low, block.high
            # Drawn in the left tail, where ndtr is precise, then mirrored.
            far, near = torch.minimum(high, -low), torch.minimum(low, -high)
            below = torch.special.ndtr(near)
            place = below + values[block.entries] * (torch.special.ndtr(far) - below)
            place = torch.special.ndtri(place.clamp_(min=TINY, max=1.0 - 1e-7))
            place = torch.maximum(torch.minimum(place, far), near)
            error = place * torch.ones_like(place).copysign(-low - high) / block.inverse_deviation
            squares.append(block.user_sums(error.square()))
            torch.add(block.mean, error, out=values[block.entries])
        return values, torch.cat(squares)

    def squared_errors(self, values: Tensor, mean: Tensor) -> float:
        """The sum over all entries of squared distances of `values` from `mean`."""
        size = at_a_time(BLOCK, mean.device)
        blocks = zip(values.split(size), mean.split(size), strict=True)
        squares = [(a - b).square_().sum(dtype=torch.float64) for a, b in blocks]
        return float(summed(torch.stack(squares).sum()))

    def _blocks(
        self, mean: Tensor, thresholds: Tensor, noise: float, user_precision: Tensor
    ) -> Iterator[_Block]:
        bounds = edges(thresholds).to(mean)
        inverse_deviation = (noise * user_precision).sqrt().to(mean)
        for rows, entries, pattern in self.pattern.blocks(at_a_time(BLOCK, mean.device)):
            levels, m = self.levels[entries].int(), mean[entries]
            spread = inverse_deviation[rows].index_select(0, pattern.rows)
            low, high = (
                (b.index_select(0, levels) - m) * spread for b in (bounds[:-1], bounds[1:])
            )
            yield _Block(entries, pattern, levels, m, spread, low, high)

    def _log_likelihoods(
        self, mean: Tensor, thresholds: Tensor, noise: float, user_precision: Tensor
    ) -> Tensor:
        """The log likelihood of the ratings of each user."""
        found = []
        for block in self._blocks(mean, thresholds, noise, user_precision):
            log_p = interval_probability(block.low, block.high).clamp_(min=TINY).log_()
            found.append(block.user_sums(log_p))
        return torch.cat(found)

    def _scaled_root(self, mean: Tensor) -> Tensor:
        """A root of the proposals' covariance: the inverse of the empirical information."""
        information = torch.zeros((), dtype=torch.float64)
        at = (self.thresholds, self.noise, self.user_precision)
        for block in self._blocks(mean, *at):
            slopes = self._slopes(block)
            information = information + slopes.T @ slopes
        information = summed(information).cpu() + torch.eye(len(self.free), dtype=torch.float64)
        root = torch.linalg.cholesky(torch.linalg.inv(information))
        return root * (STEP / len(self.free) ** 0.5)

    def _slopes(self, block: _Block) -> Tensor:
        """Of each log probability, in the free thresholds and the log noise: entries x free."""
        low, high, levels = block.low.double(), block.high.double(), block.levels
        inverse_deviation = block.inverse_deviation.double()
        probability = interval_probability(low, high).clamp(min=TINY)
        at_low, at_high = density(low) / probability, density(high) / probability
        slopes = low.new_zeros(len(low), len(self.thresholds) + 2)
        entries = torch.arange(len(low), device=low.device)
        slopes[entries, levels] = -at_low * inverse_deviation  # column 0 is of no threshold
        slopes[entries, levels + 1] += (
            at_high * inverse_deviation
        )  # nor is the last: it is the noise's
        slopes[:, -1] = (high * at_high - low * at_low) / 2
        return slopes[:, torch.tensor(self.free, device=low.device) + 1]


def _log_prior(thresholds: Tensor, noise: float) -> float:
    """Log prior of thresholds and log noise, up to a constant: wide normals and Gamma(1, 1).

    Ratings say nothing of a threshold between two levels that nobody gave.
    """
    return np.log(noise) - noise - float((thresholds / WIDE).square().sum()) / 2


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
