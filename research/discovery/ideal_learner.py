"""The ideal learner of a synthetic world: it knows the generative model and infers the factors.

It knows the distributions of `research.discovery.selection_world` and their constants. It infers
the latent factors by Bayes' rule from the log that a model is fitted on, and lists the items of the
largest expected gain. No learner has better lists on average over worlds, up to the
Monte Carlo error. What its lists lack of the best ones is not in the log.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from conv4rec.data import Interactions
from research.discovery.hamiltonian import hamiltonian
from research.discovery.list_score import lower_half
from research.discovery.selection_world import LatentFactors, cuts, signs

DRAWS = 300


@dataclass(frozen=True, eq=False)
class GenerativeModel:
    """An observed log and the constants of its world."""

    log: Interactions
    taste: float
    selectivity: float

    def predict(self, factors: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits of consuming, and P(level | exposed): users x items, users x items x levels."""
        a, b, generosity, quality, c, d, popularity = factors
        liking = self.taste * (a @ b.T) / math.sqrt(a.shape[1])
        liking = liking + 0.5 * generosity + 0.5 * quality.T - 1.0
        habit = c @ d.T / math.sqrt(c.shape[1]) + popularity.T
        below = torch.sigmoid(torch.from_numpy(cuts(self.log.n_levels)) - liking[..., None])
        ends = torch.zeros_like(below[..., :1])
        exposed = torch.diff(below, prepend=ends, append=ends + 1.0)
        return habit + (exposed @ self._tilt).log(), exposed

    def log_likelihood(self, factors: list[Tensor], log_time: Tensor) -> Tensor:
        """Log density of the log and of each user's stopping time, given the factors.

        Items arrive at a user with the rates P(i | u), each after an exponential time: the first
        n are n draws without replacement. The observed items arrive before exp(log_time), when
        the next one arrives. So the order of the observed items need not be known.

        Args:
            factors: as in `LatentFactors`.
            log_time: one for each user.
        """
        log_odds, exposed = self.predict(factors)
        users, items, levels = self._seen
        waited = (torch.log_softmax(log_odds, 1) + log_time[:, None]).exp()
        seen = waited[users, items]
        left = waited.sum(1).index_add(0, users, -seen).clamp(min=1e-12)
        arrived = torch.log(-torch.expm1(-seen)).sum() + (left.log() - left).sum()
        tilted = exposed[users, items] * self._tilt
        return arrived + (tilted.gather(1, levels[:, None])[:, 0] / tilted.sum(1)).log().sum()

    @cached_property
    def _seen(self) -> tuple[Tensor, Tensor, Tensor]:
        log = self.log
        numbers = (log.user_numbers, log.item_numbers, log.level_numbers)
        users, items, levels = (torch.from_numpy(each).long() for each in numbers)
        return users, items, levels

    @cached_property
    def _tilt(self) -> Tensor:
        return torch.from_numpy(np.exp(self.selectivity * signs(self.log.n_levels)))


def ideal_lists(
    model: GenerativeModel,
    truth: LatentFactors,
    k: int,
    like_level: int,
    seed: int,
    draws: int = DRAWS,
) -> tuple[np.ndarray, np.ndarray]:
    """The k items of each user with the largest expected gain, and that gain: both users x k.

    The gain of an item is the posterior probability that it is truly below the user's median
    P(i | u), of the items outside the history, and liked if exposed.

    The chain starts at the truth, which is itself a draw of the posterior (but for the stopping
    times, which start at their expectation). It needs no warm-up; a remaining correlation with
    the truth makes the ideal look better than it is.

    Args:
        model: of the world, with the log.
        truth: where the chain starts.
        k: items a list.
        like_level: first level that counts as liked.
        seed: of the chain.
        draws: of the chain. Memory: 100 x users x items x levels bytes.
    """
    log = model.log
    seen = log.to_csr().toarray() > 0
    expected = np.zeros(seen.shape)
    for log_odds, exposed in posterior(model, truth, seed, draws):
        expected += lower_half(log_odds, seen) * exposed[:, :, like_level:].sum(2) / draws
    lists = np.argsort(-np.where(seen, -1.0, expected), axis=1)[:, :k]
    return lists, np.take_along_axis(expected, lists, axis=1)


def posterior(
    model: GenerativeModel, truth: LatentFactors, seed: int, draws: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Posterior draws of `GenerativeModel.predict`, by Hamiltonian Monte Carlo."""
    parts = [torch.from_numpy(getattr(truth, field.name)) for field in fields(truth)]
    shapes, sizes = [p.shape for p in parts], [p.numel() for p in parts]
    times = _stopping_times(model, parts)

    def factors_of(point: Tensor) -> list[Tensor]:
        split = point[: -len(times)].split(sizes)
        return [part.view(shape) for part, shape in zip(split, shapes, strict=True)]

    def log_density(point: Tensor) -> Tensor:
        factors, log_time = factors_of(point), point[-len(times) :]
        prior = point[: -len(times)].square().sum() / -2
        return prior + model.log_likelihood(factors, log_time)

    start = torch.cat([*(p.flatten() for p in parts), times])
    for point in hamiltonian(log_density, start, draws, seed):
        log_odds, exposed = model.predict(factors_of(point))
        yield log_odds.numpy(), exposed.numpy()


@torch.no_grad()
def _stopping_times(model: GenerativeModel, factors: list[Tensor]) -> Tensor:
    """Log times at which the expected number of items equals the observed one, by bisection."""
    rates = torch.softmax(model.predict(factors)[0], 1)
    wanted = torch.from_numpy(np.diff(model.log.starts))
    low, high = torch.full((len(rates),), -20.0).double(), torch.full((len(rates),), 40.0).double()
    for _ in range(60):
        middle = (low + high) / 2
        few = -torch.expm1(-rates * middle.exp()[:, None]).sum(1) < wanted
        low, high = torch.where(few, middle, low), torch.where(few, high, middle)
    return (low + high) / 2
