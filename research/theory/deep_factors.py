"""A softmax model that is a product of square factors, trained by plain gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conv4rec.theory import Spectrum, spectrum

START = 1e-2  # largest singular value of the product at the start, at any depth
N_CHECKS = 60
MOMENTUM = 0.9
RANKED = ("", "encoder_", "decoder_")
SERIES = (
    *(f"{each}{rank}_ranks" for each in RANKED for rank in ("entropy", "stable")),
    *("training_losses", "fresh_losses"),
)
"""What is recorded at each check, in this order."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Distributions to fit, one a row, by softmax(inputs @ product + offset)."""

    shares: Tensor
    """rows x outputs; each row sums to 1."""
    inputs: Tensor | None = None
    """rows x size; the identity if None."""
    offset: Tensor | None = None
    """rows x outputs: fixed scores; very low where an output is not allowed."""

    def loss(self, product: Tensor) -> Tensor:
        """Mean over rows of - Σ share x log softmax."""
        logits = product if self.inputs is None else self.inputs @ product
        if self.offset is not None:
            logits = logits + self.offset
        return -(self.shares * torch.log_softmax(logits, 1)).sum(1).mean()

    @cached_property
    def slope_scale(self) -> float:
        """What makes the curvature of the loss in the product at most 1/2: rows / ||inputs||²."""
        norm = 1.0 if self.inputs is None else float(torch.linalg.matrix_norm(self.inputs, 2))
        return len(self.shares) / norm**2


@dataclass(frozen=True, eq=False)
class Run:
    """One depth: ranks and losses of the product of the factors while it trains."""

    depth: int
    steps: tuple[int, ...]
    entropy_ranks: tuple[float, ...]
    stable_ranks: tuple[float, ...]
    encoder_entropy_ranks: tuple[float, ...]
    """Of the first factor."""
    encoder_stable_ranks: tuple[float, ...]
    decoder_entropy_ranks: tuple[float, ...]
    """Of the last one, centred over the items."""
    decoder_stable_ranks: tuple[float, ...]
    training_losses: tuple[float, ...]
    fresh_losses: tuple[float, ...]
    """On the third part, which is not used for training or for choosing a step, nats."""
    best: Spectrum
    """Of the product at the check with the least loss on validation rows."""
    best_step: int
    best_loss: float
    """Its fresh loss."""

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON."""
        facts = {k: v for k, v in vars(self).items() if k != "best"}
        ranks = {"entropy_rank": self.best.entropy_rank, "stable_rank": self.best.stable_rank}
        return {**facts, "best": {**ranks, "singular_values": self.best.values.tolist()}}


def train(depth: int, size: int, parts: tuple[Rows, Rows, Rows], seed: int, steps: int) -> Run:
    """Fit W_1 ... W_D to the first part; the second chooses a step, the third measures the loss.

    All factors take steps of one size, as large as the curvature allows, with momentum 0.9.
    Nothing is penalised.
    """
    training, validation, fresh = parts
    factors = start(depth, size, seed)
    moves = [torch.zeros_like(factor) for factor in factors]
    checks = set(np.unique(np.geomspace(1, steps + 1, N_CHECKS).astype(int) - 1).tolist())
    seen: list[tuple[float, ...]] = []
    best, least, best_at = None, float("inf"), (0, float("inf"))
    for step in range(steps + 1):
        product = torch.linalg.multi_dot(factors) if depth > 1 else factors[0]
        loss = training.loss(product)
        if step in checks:
            with torch.no_grad():
                found, ranks = _ranks(factors, product)
                valid, fresh_loss = (part.loss(product).item() for part in (validation, fresh))
            seen.append((step, *ranks, loss.item(), fresh_loss))
            if best is None or valid < least:
                best, least, best_at = found, valid, (step, fresh_loss)
        scaled = loss * training.slope_scale
        slope, *gradients = torch.autograd.grad(scaled, [product, *factors], allow_unused=True)
        with torch.no_grad():
            size_of_step = step_size(factors, float(slope.norm()))
            for factor, move, gradient in zip(factors, moves, gradients, strict=True):
                factor -= size_of_step * move.mul_(MOMENTUM).add_(gradient)
    assert best is not None
    steps_seen, *series = zip(*seen, strict=True)
    named = dict(zip(SERIES, series, strict=True))
    steps_seen = tuple(int(step) for step in steps_seen)
    return Run(depth, steps_seen, **named, best=best, best_step=best_at[0], best_loss=best_at[1])


@torch.no_grad()
def step_size(factors: list[Tensor], slope: float) -> float:
    """One over a bound on the curvature: one size for all factors, so that the path is kept.

    Let s be the largest singular value of a factor, D their number, and let the loss in the
    product have curvature at most 1/2 and a gradient of norm `slope`. A joint step of norm 1
    moves the product by at most sqrt(D) s^(D-1), and bends its path by at most
    (D - 1) s^(D-2): together the curvature is at most D s^(2D-2) / 2 + slope (D - 1) s^(D-2).
    """
    depth = len(factors)
    largest = max(float(torch.linalg.matrix_norm(factor, 2)) for factor in factors)
    bend = slope * (depth - 1) * largest ** (depth - 2)
    return 1.0 / (0.5 * depth * largest ** (2 * depth - 2) + bend)


def start(depth: int, size: int, seed: int) -> list[Tensor]:
    """Random orthogonal factors, all of one size, whose product has all singular values START."""
    rng = torch.Generator().manual_seed(seed)
    scale = START ** (1 / depth)
    return [
        (torch.linalg.qr(torch.randn(size, size, generator=rng, dtype=torch.float64))[0] * scale)
        .requires_grad_()
        for _ in range(depth)
    ]  # fmt: skip


def _ranks(factors: list[Tensor], product: Tensor) -> tuple[Spectrum, tuple[float, ...]]:
    """Spectrum of the product; ranks of product, first and last factor. Outputs are centred."""
    maps = [product, factors[0], factors[-1]]
    for place in (0, 2):
        maps[place] = maps[place] - maps[place].mean(1, keepdim=True)
    spectra = [spectrum(each.detach().numpy().copy()) for each in maps]
    ranks = [rank for each in spectra for rank in (each.entropy_rank, each.stable_rank)]
    return spectra[0], tuple(ranks)
