"""A grid of norms, for a union bound over norms that were measured after training."""

from __future__ import annotations

import math

from conv4rec.errors import SettingError

SMALLEST = 1e-3
RATIO = 1.02  # 2% on each norm; a finer grid costs a few nats more


def next_on_grid(value: float) -> tuple[float, float]:
    """The next grid point at or above `value`, and the cost of the union bound in nats.

    The grid is 0, s, s r, s r², ... with s = 0.001 and r = 1.02. Point j = 0, 1, ... gets the
    share 1 / ((j + 1)(j + 2)) of δ; the shares sum to 1. A theorem that holds for each fixed
    norm then holds for all of them at once, with log((j + 1)(j + 2)) added to log(1/δ).
    Both numbers grow with `value`, so bounds stay monotone.

    >>> next_on_grid(0.0)[0], round(next_on_grid(5.0)[0], 3), round(next_on_grid(5.0)[1], 1)
    (0.0, 5.089, 12.1)
    """
    if not value >= 0 or math.isinf(value):
        raise SettingError(f"a norm must be finite and at least 0, got {value}")
    if value == 0:
        return 0.0, math.log(2)
    steps = max(0, math.ceil(math.log(value / SMALLEST) / math.log(RATIO)))
    point = SMALLEST * RATIO**steps
    if point < value:  # rounding in the logarithm
        steps += 1
        point = SMALLEST * RATIO**steps
    return point, math.log((steps + 2) * (steps + 3))
