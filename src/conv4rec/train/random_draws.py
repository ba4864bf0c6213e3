"""Large random draws, made where they are needed.

On a processor NumPy's generator draws them. On an accelerator its own generator does, seeded by
NumPy's: millions of numbers a sweep would otherwise be drawn by one processor and sent.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def normals(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    device: torch.device,
    drawn_as: type[np.float32 | np.float64] = np.float32,
) -> Tensor:
    """Standard normal, float32; on a processor drawn in another precision, if asked, then rounded.

    NumPy's generator gives other numbers in each precision: those of a seed stay as they were.
    """
    if device.type == "cpu":
        drawn = rng.standard_normal(shape, dtype=drawn_as)
        return torch.from_numpy(drawn).float()
    return torch.randn(shape, device=device, generator=_generator(rng, device))


def uniforms(rng: np.random.Generator, n: int, device: torch.device) -> Tensor:
    """Uniform between 0 and 1, float32."""
    if device.type == "cpu":
        return torch.from_numpy(rng.random(n, dtype=np.float32))
    return torch.rand(n, device=device, generator=_generator(rng, device))


def _generator(rng: np.random.Generator, device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed(int(rng.integers(2**63)))
