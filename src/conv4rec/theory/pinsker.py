"""Bounds on the total variation between model and sampling distribution, from excess log-loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from conv4rec.errors import SettingError


class GapBound(Protocol):
    """A bound on expected minus training loss, as `recovery_bound` uses it."""

    @property
    def value(self) -> float:
        """The bound."""
        ...

    @property
    def loss_range(self) -> float:
        """B, the largest loss."""
        ...

    @property
    def n(self) -> int:
        """Users (A) or target interactions (B)."""
        ...

    @property
    def log_failure(self) -> float:
        """log(1/δ)."""
        ...


@dataclass(frozen=True)
class TotalVariationBound:
    """Every term of the bound on total variation; the parts of the excess are in nats."""

    gap: float
    """Expected minus training loss of the fitted model, by a uniform bound."""
    comparator: float
    """Training minus expected loss of the best model of the class, by Hoeffding."""
    approximation: float
    """Expected loss of the best model of the class minus the entropy of the truth."""
    optimisation: float
    """Training loss of the fitted model minus that of the best one."""
    confidence: float
    """Of both deviations together: 1 - 2δ."""
    trivial: float = 1.0

    @property
    def excess(self) -> float:
        """Bound on the expected KL divergence from the truth to the model."""
        return self.gap + self.comparator + self.approximation + self.optimisation

    @property
    def value(self) -> float:
        """Bound on the expected total variation; never above 1."""
        return total_variation_from_excess(self.excess)

    @property
    def pinsker(self) -> float:
        """The same by Pinsker's inequality alone, sqrt(excess / 2), which may exceed 1."""
        return math.sqrt(self.excess / 2)

    @property
    def vacuous(self) -> bool:
        """Whether Pinsker's bound is at least 1; `value` is then close to 1."""
        return self.pinsker >= self.trivial


def total_variation_from_excess(excess: float) -> float:
    """Bound E TV(p*, p) by the excess negative log-likelihood, which is E KL(p* || p).

    The smaller of sqrt(excess / 2) (Pinsker) and sqrt(1 - exp(-excess)) (Bretagnolle-Huber).
    Both are concave, so by Jensen they hold for means over users.

    Reference:
        Tsybakov, "Introduction to Nonparametric Estimation", 2009; the second is Lemma 2.6.

    >>> total_variation_from_excess(0.02), round(total_variation_from_excess(5.0), 3)
    (0.1, 0.997)
    """
    if excess < 0:
        raise SettingError(f"excess is a mean KL divergence, at least 0, got {excess}")
    return min(math.sqrt(excess / 2), math.sqrt(-math.expm1(-excess)))


def recovery_bound(
    gap: GapBound, *, approximation: float = 0.0, optimisation: float = 0.0
) -> TotalVariationBound:
    """Bound the expected total variation between truth and fitted model (statement 6).

        E TV <= sqrt(excess / 2),
        excess <= approximation + optimisation + gap + B sqrt(log(1/δ) / (2n)).

    The last term is the deviation of the one best model, where the textbook has the uniform
    gap a second time.

    Assumes: as the gap's bound; the expectation is over users as they occur in it (A: new
    users; B: the same users, by their share of the targets), and what is recovered is the
    distribution of the target given the input half. Guarantees: the model's distribution is
    within `value` of the distribution of the data, on average over users. Does not cover: one
    user, and ratings of items that are seldom drawn. `approximation` cannot be estimated from
    data.

    >>> from conv4rec.theory.norm_based import NormBound
    >>> gap = NormBound(10**6, 0.95, 3.0, (("decoder", 0.01),), 0.0, 3.0, 3.0)
    >>> bound = recovery_bound(gap)
    >>> round(bound.excess, 4), round(bound.value, 3), bound.vacuous
    (0.0102, 0.071, False)
    """
    if approximation < 0 or optimisation < 0:
        raise SettingError("approximation and optimisation errors are differences of at least 0")
    comparator = gap.loss_range * math.sqrt(gap.log_failure / (2 * gap.n))
    confidence = 1 - 2 * math.exp(-gap.log_failure)
    return TotalVariationBound(gap.value, comparator, approximation, optimisation, confidence)
