"""How much is computed at a time: on a processor, what fits into its cache; on a GPU, more."""

from __future__ import annotations

import torch

ON_ACCELERATOR = 64  # times as much: there starting a product costs more than a cache miss


def at_a_time(n: int, device: torch.device) -> int:
    """`n` on a processor, `ON_ACCELERATOR` times as many on an accelerator.

    >>> at_a_time(1_000, torch.device("cpu"))
    1000
    """
    return n if device.type == "cpu" else n * ON_ACCELERATOR
