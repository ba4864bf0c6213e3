"""Mean shift by exponential tilting: a distribution heeds an observation of its own mean.

Given a distribution p over the levels, t of each level, and an observation y of the mean of t with
precision c (1 / variance), the shifted distribution is

    q = argmin over q of  KL(q || p) + c / 2 (E_q[t] - y)^2,

which is q ~ p exp(theta t) with theta = c (y - E_q[t]). The mean of q lies between that of p and y,
however far apart they are and however little p varies, and it rises with both.
"""

from __future__ import annotations

import torch
from torch import Tensor

MOST_ROUNDS = 60  # each at least halves what is left of theta: enough for float64
STEADY = 1e-5  # a move of theta that ends the search


def shift_mean(logits: Tensor, ratings: Tensor, observed: Tensor, precision: Tensor) -> Tensor:
    """Logits of the shifted distribution, up to a constant; differentiable in all but `ratings`.

    theta is found by Newton's method on the increasing function

        g(theta) = theta + precision (mean(theta) - observed),

    kept inside a bracket, which is halved where a step is not half as long as the one before: where
    p hardly varies, Newton's steps are far too long. One more step, at the solution, carries the
    gradient (implicit function theorem).

    Memory: 3 copies of `logits`.

    Args:
        logits: ... x levels, of p.
        ratings: levels; t of each, increasing.
        observed: ...; y, anywhere on or off the scale.
        precision: a number of at least 0; with 0 nothing moves.
    """
    theta = _solve(logits.detach(), ratings, observed.detach(), precision.detach())
    mean, variance = _moments(logits, ratings, theta)
    excess = theta + precision * (mean - observed)
    theta = theta - excess / (1.0 + precision * variance).detach()
    return logits + theta[..., None] * ratings


@torch.no_grad()
def _solve(logits: Tensor, ratings: Tensor, observed: Tensor, precision: Tensor) -> Tensor:
    """Theta where g is 0: rows that are still moving are looked at again, the others are not."""
    p, y = logits.reshape(-1, logits.shape[-1]), observed.reshape(-1)
    found = torch.zeros_like(y)
    # |theta| is at most that of an unmoved mean.
    end = precision * (y - _moments(p, ratings, found)[0])
    rows, theta = torch.arange(len(y), device=y.device), found
    low, high = end.clamp(max=0.0), end.clamp(min=0.0)
    before = 4.0 * end.abs()  # length of the step before
    for _ in range(MOST_ROUNDS):
        mean, variance = _moments(p, ratings, theta)
        excess = theta + precision * (mean - y)
        low, high = torch.where(excess < 0, theta, low), torch.where(excess > 0, theta, high)
        step = theta - excess / (1.0 + precision * variance)
        length = (step - theta).abs()
        moving = length > STEADY
        far = moving & ((step <= low) | (step >= high) | (length > before / 2))
        step = torch.where(far, (low + high) / 2, step)
        before = (step - theta).abs()
        found[rows] = theta = step
        if not moving.any():
            break
        if moving.sum() < 0.7 * len(rows):
            p, y, rows, theta = p[moving], y[moving], rows[moving], theta[moving]
            low, high, before = low[moving], high[moving], before[moving]
    return found.view(observed.shape)


def _moments(logits: Tensor, ratings: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of t under p exp(theta t)."""
    chances = torch.softmax(logits + theta[..., None] * ratings, -1)
    mean = chances @ ratings
    return mean, (chances @ ratings.square() - mean.square()).clamp(min=0.0)
