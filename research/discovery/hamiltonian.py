"""Draws of a smooth density by Hamiltonian Monte Carlo, for laws that have no simpler sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

STRIDE = 24  # leapfrog steps a draw
STEP = 0.05  # of the first draw; it then moves until two of three draws are taken


def hamiltonian(
    log_density: Callable[[Tensor], Tensor], start: Tensor, draws: int, seed: int
) -> Iterator[Tensor]:
    """A chain of points whose law is the density (Neal, "MCMC using Hamiltonian dynamics", 2011).

    The size of a step is still moving during the first third of the draws.

    Args:
        log_density: of a point, up to a constant.
        start: float64; a draw of the density, or the chain has to find there.
        draws: how many points.
        seed: of the chain.
    """
    rng = torch.Generator().manual_seed(seed)

    def at(point: Tensor) -> tuple[Tensor, Tensor]:
        leaf = point.detach().requires_grad_(True)
        value = log_density(leaf)
        return value.detach(), torch.autograd.grad(value, leaf)[0]

    here, step = (start, *at(start)), STEP
    for draw in range(draws):
        speed = torch.randn(start.shape, generator=rng, dtype=start.dtype)
        size = step * (0.8 + 0.4 * float(torch.rand((), generator=rng)))
        (point, value, slope), energy = here, speed.square().sum() / 2 - here[1]
        for _ in range(STRIDE):
            speed = speed + size / 2 * slope
            point = point + size * speed
            value, slope = at(point)
            speed = speed + size / 2 * slope
        risen = speed.square().sum() / 2 - value - energy
        taken = bool(torch.rand((), generator=rng).log() < -risen)
        here = (point, value, slope) if taken else here
        if draw < draws // 3:
            step *= 1.05 if taken else 1 / 1.1
        yield here[0]
