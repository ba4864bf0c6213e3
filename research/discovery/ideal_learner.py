"""The best anyone can do with a log of a made-up world: the world's law known, its causes inferred.

An ideal learner knows the law of `conv4rec.data.selection_world` and its constants; the tastes, appeals,
habits and so on of everyone and everything it infers from the log that a model is fitted on, by
Bayes' rule. What it then expects to gain most by, it lists: no learner finds more, on average over
worlds and up to the error of the draws. What it lacks of the best list is not in the log.
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
from conv4rec.data.selection_world import Causes, cuts, signs
from research.discovery.hamiltonian import hamiltonian
from research.discovery.world_discoveries import lower_half

DRAWS = 300


@dataclass(frozen=True, eq=False)
class Law:
    """What was seen of a world, and the constants of its law."""

    log: Interactions
    taste: float
    selectivity: float

    def read(self, causes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Log-odds of a pick, and P(level | shown): users x items, users x items x levels."""
        a, b, generosity, quality, c, d, popularity = causes
        liking = self.taste * (a @ b.T) / math.sqrt(a.shape[1])
        liking = liking + 0.5 * generosity + 0.5 * quality.T - 1.0
        habit = c @ d.T / math.sqrt(c.shape[1]) + popularity.T
        below = torch.sigmoid(torch.from_numpy(cuts(self.log.n_levels)) - liking[..., None])
        ends = torch.zeros_like(below[..., :1])
        shown = torch.diff(below, prepend=ends, append=ends + 1.0)
        return habit + (shown @ self._tilt).log(), shown

    def log_likelihood(self, causes: list[Tensor], log_time: Tensor) -> Tensor:
        """Log of the density of the log and of when each user stopped, given the causes.

        Items arrive at a user at the rates P(i | u), each after an exponential time of its own:
        the first n are n draws without replacement. The next arrives at exp(log_time), and then
        all those seen have arrived. (So the order of what was seen need not be known.)

        Args:
            causes: as in `Causes`.
            log_time: one a user.
        """
        log_odds, shown = self.read(causes)
        users, items, levels = self._seen
        waited = (torch.log_softmax(log_odds, 1) + log_time[:, None]).exp()
        seen = waited[users, items]
        left = waited.sum(1).index_add(0, users, -seen).clamp(min=1e-12)
        arrived = torch.log(-torch.expm1(-seen)).sum() + (left.log() - left).sum()
        tilted = shown[users, items] * self._tilt
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
    law: Law, truth: Causes, k: int, like_level: int, seed: int, draws: int = DRAWS
) -> tuple[np.ndarray, np.ndarray]:
    """The k items of each user that the ideal learner expects most of, and how much: users x k.

    What it expects of an item is the chance that it is truly below the user's median P(i | u),
    of the items outside the history, and liked if shown; over draws of the posterior.

    The chain starts at the truth, which is itself a draw of the posterior (but for the stopping
    times, which start where they are expected): it needs no warm-up, and what it still remembers
    of the truth flatters the ideal.

    Args:
        law: the world's, and the log.
        truth: where the chain starts.
        k: items a list.
        like_level: first level that counts as liked.
        seed: of the chain.
        draws: of the chain. Memory: 100 x users x items x levels bytes.
    """
    log = law.log
    seen = log.to_csr().toarray() > 0
    expected = np.zeros(seen.shape)
    for log_odds, shown in posterior(law, truth, seed, draws):
        expected += lower_half(log_odds, seen) * shown[:, :, like_level:].sum(2) / draws
    lists = np.argsort(-np.where(seen, -1.0, expected), axis=1)[:, :k]
    return lists, np.take_along_axis(expected, lists, axis=1)


def posterior(
    law: Law, truth: Causes, seed: int, draws: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draws of `Law.read`, given the log, by Hamiltonian Monte Carlo (Neal 2011)."""
    parts = [torch.from_numpy(getattr(truth, field.name)) for field in fields(truth)]
    shapes, sizes = [p.shape for p in parts], [p.numel() for p in parts]
    times = _stopped(law, parts)

    def causes_of(point: Tensor) -> list[Tensor]:
        split = point[: -len(times)].split(sizes)
        return [part.view(shape) for part, shape in zip(split, shapes, strict=True)]

    def log_density(point: Tensor) -> Tensor:
        causes, log_time = causes_of(point), point[-len(times) :]
        prior = point[: -len(times)].square().sum() / -2
        return prior + law.log_likelihood(causes, log_time)

    start = torch.cat([*(p.flatten() for p in parts), times])
    for point in hamiltonian(log_density, start, draws, seed):
        log_odds, shown = law.read(causes_of(point))
        yield log_odds.numpy(), shown.numpy()


@torch.no_grad()
def _stopped(law: Law, causes: list[Tensor]) -> Tensor:
    """When, in logs, each user had as many items as were seen, were the arrivals as expected."""
    rates = torch.softmax(law.read(causes)[0], 1)
    wanted = torch.from_numpy(np.diff(law.log.starts))
    low, high = torch.full((len(rates),), -20.0).double(), torch.full((len(rates),), 40.0).double()
    for _ in range(60):
        middle = (low + high) / 2
        few = -torch.expm1(-rates * middle.exp()[:, None]).sum(1) < wanted
        low, high = torch.where(few, middle, low), torch.where(few, high, middle)
    return (low + high) / 2
