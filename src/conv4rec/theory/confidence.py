"""The sample size and the confidence, checked."""

from __future__ import annotations

import math

from conv4rec.errors import SettingError


def log_inverse(n: int, confidence: float) -> float:
    """log(1/δ) for δ = 1 - confidence, after checking both arguments.

    Raises:
        SettingError: `n` is below 1 or `confidence` is not strictly between 0 and 1.

    >>> round(log_inverse(10, 0.95), 4)
    2.9957
    """
    if n < 1:
        raise SettingError(f"n must be at least 1, got {n}: a bound needs at least one observation")
    if not 0 < confidence < 1:
        raise SettingError(
            f"confidence must lie strictly between 0 and 1, such as 0.95, got {confidence}"
        )
    return -math.log1p(-confidence)
