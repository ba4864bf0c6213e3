"""This machine, before a fit: how fast it computes, and how much memory is free."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

PRODUCT_SECONDS = 0.0205  # of a 1000 x 1000 product on the reference processor, one thread
N_PRODUCTS = 5
MEMORY = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")  # of this process, where the machine is a container


def machine_factor() -> float:
    """How many times slower than the reference processor: from five matrix products, 0.1 s.

    In processor time, so that other work on the machine hardly matters.
    """
    square, times = torch.ones(1000, 1000), []
    for _ in range(1 + N_PRODUCTS):  # the first one starts the library
        began = time.process_time()
        torch.mm(square, square)
        times.append(time.process_time() - began)
    return max(0.01, float(np.median(times[1:])) / PRODUCT_SECONDS)


def free_memory_mb() -> float | None:
    """Memory that this process may still take: of the machine, and of its control group.

    None where the system does not tell.
    """
    free = []
    if MEMORY.is_file():
        lines = dict(line.split(":", 1) for line in MEMORY.read_text().splitlines())
        free.append(int(lines["MemAvailable"].split()[0]) * 1024)
    try:
        most = (GROUP / "memory.max").read_text().strip()
        if most != "max":
            free.append(int(most) - int((GROUP / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return min(free) / 1e6 if free else None
