"""Held-out certificates: what a new user can expect at worst, at any number of users.

The losses are those of users whom the model never trained on, one number in [0, 1] per user:
1 - recall@k, squared rating error over its range, log-loss over its cap. Users must be
independent draws from the population that the promise is about. The promise is about the mean
over that population, not about any one user. Unlike the bounds on the gap these are hardly
ever vacuous, and know nothing of the model.
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
    """Held-out users."""
    confidence: float
    trivial: float = 1.0
    """The largest loss."""

    @property
    def vacuous(self) -> bool:
        """Whether it says no more than that the loss has a largest value."""
        return self.upper >= self.trivial

    @property
    def at_least(self) -> float:
        """The same for a score that is 1 - loss, such as recall."""
        return 1 - self.upper

    def __str__(self) -> str:
        return f"at most {self.upper:.4f} (mean {self.mean:.4f} of {self.n:,} users, {self.method})"


def certify(
    losses: FloatArray, confidence: float = 0.95, method: Method = "betting", seed: int = 0
) -> Certificate:
    """Bound the mean loss over new users from the losses of held-out users (statement 7).

    Args:
        losses: One loss in [0, 1] per held-out user. Leave users without a loss out before.
        confidence: Probability, over the choice of held-out users, that the bound holds.
        method: "betting" is the tightest as a rule, "hoeffding" ignores the variance. Choose
            before looking: the smallest of three bounds has three chances to fail.
        seed: Of the order in which "betting" plays the users; fixed in advance likewise.

    Raises:
        SettingError: Losses outside [0, 1], NaN, none at all, or an unknown method.

    >>> print(certify(np.full(200, 0.25)))
    at most 0.2650 (mean 0.2500 of 200 users, betting)
    >>> print(certify(np.full(200, 0.25), method="hoeffding"))
    at most 0.3365 (mean 0.2500 of 200 users, hoeffding)
    """
    losses = checked_losses(losses)
    if losses.ndim != 1:
        raise SettingError(f"one loss per user was expected, got an array of shape {losses.shape}")
    if method not in get_args(Method):
        raise SettingError(f"method must be one of {get_args(Method)}, got {method!r}")
    order = np.random.default_rng(seed).permutation(len(losses))
    bound = {"hoeffding": hoeffding, "bernstein": empirical_bernstein, "betting": betting}[method]
    mean, upper = float(losses.mean()), float(bound(losses[order], confidence))
    # a lucky order can refute the sample mean itself: true, but no one should have to read it
    return Certificate(mean, max(mean, upper), method, len(losses), confidence)
