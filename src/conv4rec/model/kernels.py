"""First kernels: orthogonal polynomials of the rating scale."""

from __future__ import annotations

import torch
from torch import Tensor

CHANNEL_NAMES = ("consumed", "liked", "polarising")


def level_polynomials(level_counts: Tensor, n_rating_channels: int) -> Tensor:
    """Polynomials of degree 1, 2, ... in the level number, orthonormal under the level shares.

    Each has mean 0 and variance 1 over the ratings, and is uncorrelated with the lower ones. The
    first separates liked from disliked, the second extreme from middling. Levels are taken as
    equally spaced, because only their order is known.

    Args:
        level_counts: levels; how often each level was given. One is added to each.
        n_rating_channels: at most levels - 1.

    Returns:
        levels x n_rating_channels, float32.

    >>> level_polynomials(torch.tensor([1.0, 1.0]), 1).T
    tensor([[-1.,  1.]])
    """
    shares = (level_counts.double() + 1.0) / (level_counts.double() + 1.0).sum()
    level = torch.linspace(-1.0, 1.0, len(shares), dtype=torch.float64)
    lower = [torch.ones_like(level)]
    for _ in range(n_rating_channels):
        raw = level * lower[-1]
        for _ in range(2):  # twice is enough for orthogonality to machine precision
            for polynomial in lower:
                raw = raw - polynomial * (shares * raw * polynomial).sum()
        lower.append(raw / (shares * raw * raw).sum().sqrt())
    return torch.stack(lower[1:], 1).float() if n_rating_channels else torch.zeros(len(shares), 0)


def channel_names(n_rating_channels: int) -> list[str]:
    """Names of the channels, "consumed" first, by the meaning of their polynomial.

    >>> channel_names(3)
    ['consumed', 'liked', 'polarising', 'degree_3']
    """
    names = [*CHANNEL_NAMES, *(f"degree_{degree}" for degree in range(3, n_rating_channels + 1))]
    return names[: n_rating_channels + 1]
