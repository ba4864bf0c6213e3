"""Hamiltonian Monte Carlo: draws of a smooth density that has no simpler sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

STRIDE = 24  # leapfrog steps a draw
STEP = 0.05  # of the first draw; it then adapts until two of three draws are accepted


def hamiltonian(
    log_density: Callable[[Tensor], Tensor], start: Tensor, draws: int, seed: int
) -> Iterator[Tensor]:
    """A Markov chain whose stationary distribution is the density.

    The step size adapts during the first third of the draws.

    Args:
        log_density: of a point, up to a constant.
        start: float64; a draw of the density, or a point from which the chain needs a warm-up.
        draws: how many points.
        seed: of the chain.

    Reference:
        Neal, "MCMC using Hamiltonian dynamics", 2011.
    """
    rng = torch.Generator().manual_seed(seed)

    def at(point: Tensor) -> tuple[Tensor, Tensor]:
        leaf = point.detach().requires_grad_(True)
        value = log_density(leaf)
        return value.detach(), torch.autograd.grad(value, leaf)[0]

    here, step = (start, *at(start)), STEP
    for draw in range(draws):
        momentum = torch.randn(start.shape, generator=rng, dtype=start.dtype)
        size = step * (0.8 + 0.4 * float(torch.rand((), generator=rng)))
        (point, value, slope), energy = here, momentum.square().sum() / 2 - here[1]
        for _ in range(STRIDE):
            momentum = momentum + size / 2 * slope
            point = point + size * momentum
            value, slope = at(point)
            momentum = momentum + size / 2 * slope
        energy_error = momentum.square().sum() / 2 - value - energy
        accepted = bool(torch.rand((), generator=rng).log() < -energy_error)
        here = (point, value, slope) if accepted else here
        if draw < draws // 3:
            step *= 1.05 if accepted else 1 / 1.1
        yield here[0]
