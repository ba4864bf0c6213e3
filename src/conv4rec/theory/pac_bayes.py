"""PAC-Bayes bound: a certificate from training users, for a model with random weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from conv4rec.errors import SettingError
from conv4rec.theory.confidence import log_inverse
from conv4rec.theory.norms import FloatArray


@dataclass(frozen=True)
class PacBayesBound:
    """Every term of the PAC-Bayes bound on the expected loss of a randomised model."""

    empirical_loss: float
    """Mean loss over the users that the prior does not depend on."""
    randomised_loss: float
    """Upper bound on it without Monte Carlo error; equal to it if the loss is exact."""
    kl: float
    """KL(posterior || prior), in nats."""
    n: int
    """Number of users that the prior does not depend on."""
    confidence: float
    log_failure: float
    """log(2 √n / δ), with δ what Monte Carlo leaves of it."""
    trivial: float = 1.0

    @property
    def complexity(self) -> float:
        """(KL + log(2√n/δ)) / n: bound on the binary kl of empirical and expected loss."""
        return (self.kl + self.log_failure) / self.n

    @property
    def value(self) -> float:
        """Bound on the expected loss of a new user."""
        return invert_kl(self.randomised_loss, self.complexity)

    @property
    def vacuous(self) -> bool:
        """Whether the bound is no smaller than the largest loss."""
        return self.value >= self.trivial


def pac_bayes_bound(
    empirical_loss: float,
    kl: float,
    n: int,
    confidence: float = 0.95,
    n_draws: int | None = None,
) -> PacBayesBound:
    """Bound the expected loss of the randomised model, for all posteriors at once (statement 7).

        kl(empirical || expected) <= (KL(Q || P) + log(2 √n / δ)) / n.

    Assumes: a loss in [0, 1] per user; n users i.i.d.; a prior P, with its width, that does not
    depend on those n users. With a prior centred at weights trained on the first half of the
    users, n is the *second* half and `empirical_loss` is measured there, although the
    posterior's centre may be trained on both. To choose the width among k, give each a
    confidence of 1 - δ/k.

    Guarantees: the bound holds although all users trained the model. It is for weights drawn
    from the posterior; it does not cover the model with the posterior's mean as weights.

    Args:
        empirical_loss: Mean loss on those n users, expected over the posterior.
        kl: KL divergence from prior to posterior, such as `gaussian_kl`.
        n: Number of users that the prior does not depend on, at least 8.
        confidence: 1 - δ.
        n_draws: Independent weight draws over which `empirical_loss` was averaged, if it is
            a Monte Carlo mean: half of δ is then used for that (Chernoff, by the binary kl).

    Why: for one model, E exp(n kl(empirical || expected)) <= 2 √n from n = 8 on (losses of two
    values are the worst case; a test sums them up). So does the mean over the prior, which is
    below 2 √n / δ but with probability δ (Markov); changing from prior to posterior costs KL.

    Reference:
        Maurer, "A note on the PAC Bayesian theorem", 2004; prior from data:
        Ambroladze, Parrado-Hernandez and Shawe-Taylor, NeurIPS 2006; Monte Carlo: Langford
        and Caruana, NeurIPS 2001.

    >>> bound = pac_bayes_bound(0.2, kl=50.0, n=5000)
    >>> round(bound.value, 4), bound.vacuous
    (0.2652, False)
    """
    if n < 8:
        raise SettingError(f"n must be at least 8 for this theorem, got {n}")
    if not 0 <= empirical_loss <= 1 or not 0 <= kl < math.inf:
        raise SettingError(
            f"empirical_loss must be in [0, 1] and kl at least 0, got {empirical_loss} and {kl}"
        )
    log_failure = log_inverse(n, confidence)
    randomised_loss = empirical_loss
    if n_draws is not None:
        log_failure += math.log(2)
        budget = log_failure / n_draws if n_draws > 0 else math.inf
        randomised_loss = invert_kl(empirical_loss, budget)
    return PacBayesBound(
        empirical_loss, randomised_loss, kl, n, confidence, log_failure + math.log(2 * math.sqrt(n))
    )


def gaussian_kl(weights: FloatArray, prior: FloatArray, width: float) -> float:
    """KL between Gaussians of equal width around two sets of weights: ||w - w0||² / (2σ²).

    Args:
        weights: Centre of the posterior, such as weights trained on all users.
        prior: Centre of the prior, such as weights trained on the first half.
        width: σ of both, in every coordinate.

    >>> gaussian_kl(np.array([1.0, 2.0]), np.array([0.0, 0.0]), 0.5)
    10.0
    """
    if width <= 0 or np.shape(weights) != np.shape(prior):
        raise SettingError("width must be positive, and weights and prior of one shape")
    return float(((np.asarray(weights) - prior) ** 2).sum() / (2 * width**2))


def binary_kl(q: float, p: float) -> float:
    """kl(q || p) of two Bernoulli distributions, in nats; may be infinite.

    >>> round(binary_kl(0.5, 0.25), 4), binary_kl(0.5, 1.0)
    (0.1438, inf)
    """
    if (p <= 0 and q > 0) or (p >= 1 and q < 1):
        return math.inf
    ones = xlogy(q, q / p) if q > 0 else 0.0
    zeros = xlogy(1 - q, (1 - q) / (1 - p)) if q < 1 else 0.0
    return float(ones + zeros)


def invert_kl(q: float, budget: float) -> float:
    """The largest p >= q with kl(q || p) <= budget, by bisection, rounded up.

    >>> round(invert_kl(0.0, 0.1), 6)  # 1 - exp(-0.1)
    0.095163
    """
    low, high = q, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if binary_kl(q, middle) > budget:
            high = middle
        else:
            low = middle
    return high
