"""Low rank that nobody asked for: softmax models of 1 to 4 factors, trained by gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conv4rec.theory import Spectrum, spectrum

SIZE, TRUE_RANK, DRAWS = 60, 3, 60
"""Users and items, rank of the true logits, draws per user."""
STRENGTH = 2.0  # standard deviation of the true logits
START = 1e-2  # largest singular value of the product at the start, at any depth
N_CHECKS = 60
STEPS = 2500
MOMENTUM = 0.9


@dataclass(frozen=True, eq=False)
class Run:
    """One depth: how the product of the factors looked along the way."""

    depth: int
    steps: tuple[int, ...]
    entropy_ranks: tuple[float, ...]
    stable_ranks: tuple[float, ...]
    fresh_losses: tuple[float, ...]
    """Expected log-loss under the truth, nats; the entropy of the truth is the least possible."""
    best: Spectrum
    """Of the product at the check with the least loss on validation draws."""
    best_loss: float
    """Its expected loss under the truth."""

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON."""
        facts = {k: v for k, v in vars(self).items() if k != "best"}
        ranks = {"entropy_rank": self.best.entropy_rank, "stable_rank": self.best.stable_rank}
        return {**facts, "best": {**ranks, "singular_values": self.best.values.tolist()}}


@dataclass(frozen=True, eq=False)
class Emergence:
    """All depths on one world, and the truth to compare with."""

    runs: tuple[Run, ...]
    truth: Spectrum
    entropy: float
    """Of the truth, mean over users, in nats."""

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON."""
        truth = {"rank": TRUE_RANK, "entropy_rank": self.truth.entropy_rank,
                 "stable_rank": self.truth.stable_rank, "entropy": self.entropy}  # fmt: skip
        return {"truth": truth, "runs": [run.to_dict() for run in self.runs]}


def emergence(depths: Sequence[int] = (1, 2, 3, 4), seed: int = 0, steps: int = STEPS) -> Emergence:
    """Train W_1 ... W_D with softmax(W_1 ... W_D) = P(item | user), and watch the rank.

    The factors are square and free, nothing is penalised, and every depth starts from a product
    of the same small size. The truth has logits of rank 3; it is seen through 60 draws a user.
    Gradient descent (momentum 0.9) on the log-likelihood, all factors with one step size, as
    large as the curvature allows; the validation draws choose when to look.

    Reference:
        The setting, in a linear softmax model, of Arora, Cohen, Hu and Luo, "Implicit
        regularization in deep matrix factorization", NeurIPS 2019.
    """
    rng = np.random.default_rng(seed)
    left, right = rng.standard_normal((SIZE, TRUE_RANK)), rng.standard_normal((SIZE, TRUE_RANK))
    logits = STRENGTH / np.sqrt(TRUE_RANK) * left @ right.T
    logits -= logits.mean(axis=1, keepdims=True)
    truth = np.exp(logits - logits.max(axis=1, keepdims=True))
    truth /= truth.sum(axis=1, keepdims=True)
    shares = [torch.from_numpy(rng.multinomial(DRAWS, truth) / DRAWS) for _ in range(2)]
    entropy = float(-(truth * np.log(truth)).sum(axis=1).mean())
    target = torch.from_numpy(truth)
    runs = tuple(_train(depth, shares, target, seed, steps) for depth in depths)
    return Emergence(runs, spectrum(logits), entropy)


def _train(depth: int, shares: list[Tensor], truth: Tensor, seed: int, steps: int) -> Run:
    factors = _start(depth, seed)
    moves = [torch.zeros_like(factor) for factor in factors]
    checks = set(np.unique(np.geomspace(1, steps + 1, N_CHECKS).astype(int) - 1).tolist())
    seen, best, least, best_loss = [], None, float("inf"), float("inf")
    for step in range(steps + 1):
        product = torch.linalg.multi_dot(factors) if depth > 1 else factors[0]
        if step in checks:
            with torch.no_grad():
                centred = product - product.mean(1, keepdim=True)
                found = spectrum(centred.numpy().copy())
                valid, fresh = (_loss(product, share).item() for share in (shares[1], truth))
            seen.append((step, found.entropy_rank, found.stable_rank, fresh))
            if best is None or valid < least:
                best, least, best_loss = found, valid, fresh
        loss = _loss(product, shares[0]) * SIZE
        gradients = torch.autograd.grad(loss, factors)
        with torch.no_grad():
            size = _step_size(factors, gradients)
            for factor, move, gradient in zip(factors, moves, gradients, strict=True):
                factor -= size * move.mul_(MOMENTUM).add_(gradient)
    assert best is not None
    at, entropy_ranks, stable_ranks, losses = zip(*seen, strict=True)
    return Run(depth, at, entropy_ranks, stable_ranks, losses, best, best_loss)


def _step_size(factors: list[Tensor], gradients: tuple[Tensor, ...]) -> float:
    """One over a bound on the curvature: one size for all factors, so that the path is kept.

    With s the largest singular value of a factor, D of them, the loss in the product has
    curvature at most 1/2; through the product that is D s^(2D - 2), plus the slope's own share.
    """
    depth = len(factors)
    largest = max(float(torch.linalg.matrix_norm(factor, 2)) for factor in factors)
    slope = max(float(gradient.norm()) for gradient in gradients)
    return 1.0 / (0.5 * depth * largest ** (2 * depth - 2) + (depth - 1) * slope / largest)


def _start(depth: int, seed: int) -> list[Tensor]:
    """Random orthogonal factors, all of one size, whose product has all singular values START."""
    rng = torch.Generator().manual_seed(seed)
    scale = START ** (1 / depth)
    return [
        (torch.linalg.qr(torch.randn(SIZE, SIZE, generator=rng, dtype=torch.float64))[0] * scale)
        .requires_grad_()
        for _ in range(depth)
    ]  # fmt: skip


def _loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Mean over users of - Σ share x log softmax."""
    return -(shares * torch.log_softmax(logits, 1)).sum(1).mean()
