"""Held-out certificates: an upper bound on the mean loss over new users.

The losses are those of users whom the model was not trained on, one number in [0, 1] per user:
1 - recall@k, squared rating error over its range, log-loss over its cap. Users must be
independent draws from the population. The bound is on the mean over that population, not on the
loss of one user. Unlike the bounds on the gap, certificates are hardly ever vacuous, and they
assume nothing about the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.theory.means import betting, checked_losses, empirical_bernstein, hoeffding
from conv4rec.theory.norms import FloatArray

Method = Literal["hoeffding", "bernstein", "betting"]


@dataclass(frozen=True)
class Certificate:
    """With probability `confidence`, the mean loss over new users is at most `upper`."""

    mean: float
    upper: float
    method: Method
    n: int
    """Number of held-out users."""
    confidence: float
    trivial: float = 1.0
    """The largest loss."""

    @property
    def vacuous(self) -> bool:
        """Whether the bound is no smaller than the largest loss."""
        return self.upper >= self.trivial

    @property
    def at_least(self) -> float:
        """Lower bound on a score that is 1 - loss, such as recall."""
        return 1 - self.upper

    def __str__(self) -> str:
        return f"at most {self.upper:.4f} (mean {self.mean:.4f} of {self.n:,} users, {self.method})"


def certify(
    losses: FloatArray, confidence: float = 0.95, method: Method = "betting", seed: int = 0
) -> Certificate:
    """Bound the mean loss over new users from the losses of held-out users (statement 7).

    Args:
        losses: One loss in [0, 1] per held-out user who has one.
        confidence: Probability, over the choice of held-out users, that the bound holds.
        method: "betting" is usually the tightest; "hoeffding" ignores the variance. Choose it
            before you see the losses: the smallest of three bounds does not hold with `confidence`.
        seed: Of the order of users in "betting"; choose it before you see the losses.

    Raises:
        SettingError: Losses outside [0, 1], NaN, none at all, or an unknown method.

    >>> print(certify(np.full(200, 0.25)))
    at most 0.2650 (mean 0.2500 of 200 users, betting)
    >>> print(certify(np.full(200, 0.25), method="hoeffding"))
    at most 0.3365 (mean 0.2500 of 200 users, hoeffding)
    """
    losses = checked_losses(losses)
    if losses.ndim != 1:
        raise SettingError(
            f"losses must have one entry per user, got an array of shape {losses.shape}"
        )
    if method not in get_args(Method):
        raise SettingError(f"method must be one of {get_args(Method)}, got {method!r}")
    order = np.random.default_rng(seed).permutation(len(losses))
    bound = {"hoeffding": hoeffding, "bernstein": empirical_bernstein, "betting": betting}[method]
    mean, upper = float(losses.mean()), float(bound(losses[order], confidence))
    # Some orders give a bound below the sample mean. It is valid, but confusing to read.
    return Certificate(mean, max(mean, upper), method, len(losses), confidence)
