"""Three upper bounds on the mean of losses in [0, 1], valid for any number of losses.

Each takes the losses along the last axis (other axes are separate samples) and holds with
probability `confidence` for independent losses of one mean, whatever their distribution.
"""

from __future__ import annotations

import math

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.theory.confidence import log_inverse
from conv4rec.theory.norms import FloatArray

_BETS_PER_BLOCK = 2_000_000
_HALVINGS = 40  # of [0, 1]: the bound is exact to 1e-12
_LARGEST_BET = 0.75  # share of the capital at risk, c in the paper; any number below 1 is valid


def hoeffding(losses: FloatArray, confidence: float = 0.95) -> FloatArray:
    """Mean + sqrt(log(1/δ) / 2n), along the last axis; other axes are separate samples.

    Reference:
        Hoeffding, JASA 1963.
    """
    losses = checked_losses(losses)
    n = losses.shape[-1]
    return np.minimum(1.0, losses.mean(-1) + math.sqrt(log_inverse(n, confidence) / (2 * n)))


def empirical_bernstein(losses: FloatArray, confidence: float = 0.95) -> FloatArray:
    """Mean + sqrt(2 V log(2/δ) / n) + 7 log(2/δ) / (3(n - 1)), V the sample variance.

    Along the last axis; other axes are separate samples. 1.0 for a single loss.

    Why: with L = log(2/δ), Bernstein's inequality says mean + sqrt(2 σ² L / n) + L / (3n), and
    the standard deviation itself is at most sqrt(V) + sqrt(2L / (n - 1)), each but for δ/2.
    Together the last terms are at most (2 + 1/3) L / (n - 1).

    Reference:
        Maurer and Pontil, COLT 2009, who prove the bound on the standard deviation.
    """
    losses = checked_losses(losses)
    n = losses.shape[-1]
    nats = log_inverse(n, confidence) + math.log(2)
    if n == 1:
        return np.ones(losses.shape[:-1])
    spread = np.sqrt(2 * losses.var(-1, ddof=1) * nats / n)
    return np.minimum(1.0, losses.mean(-1) + spread + 7 * nats / (3 * (n - 1)))


def betting(losses: FloatArray, confidence: float = 0.95) -> FloatArray:
    """The largest mean that a betting martingale does not reject, along the last axis.

    For each candidate mean m a bettor starts with capital 1 and bets on each next loss
    being below m: K_t(m) = K_{t-1}(m) (1 - λ_t (X_t - m)). If the mean were m or more, the
    probability that K ever reaches 1/δ would be at most δ (Ville). K grows with m at every t,
    so the means that are not rejected are those below one number, found by bisection.

    The bets depend on past losses only: λ_t = sqrt(2 log(1/δ) / (n s²_{t-1})), at most
    0.75 / (1 - m), with s² the running variance of one pseudo-loss of 1/2 and the past losses.
    The order of the losses matters, and must not depend on their values. Other axes are
    separate samples; memory is a few copies of `losses`.

    Reference:
        Waudby-Smith and Ramdas, JRSS-B 2024: their capital process, one-sided, with
        predictable plug-in bets for a fixed n. The proof is above.
    """
    losses = checked_losses(losses)
    log_failure = log_inverse(losses.shape[-1], confidence)
    flat = losses.reshape(-1, losses.shape[-1])
    size = max(1, _BETS_PER_BLOCK // flat.shape[1])
    blocks = [flat[start : start + size] for start in range(0, len(flat), size)]
    upper = np.concatenate([_largest_not_rejected(block, log_failure) for block in blocks])
    return upper.reshape(losses.shape[:-1])


def _largest_not_rejected(losses: FloatArray, log_failure: float) -> FloatArray:
    bets = _bets(losses, log_failure)
    low, high = np.zeros(len(losses)), np.ones(len(losses))
    rejected_at_one = _largest_log_capital(losses, bets, high) >= log_failure
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        rejected = _largest_log_capital(losses, bets, middle) >= log_failure
        high, low = np.where(rejected, middle, high), np.where(rejected, low, middle)
    return np.where(rejected_at_one, high, 1.0)


def _bets(losses: FloatArray, log_failure: float) -> FloatArray:
    """λ_t before its limit 0.75 / (1 - m): rows x times."""
    n = losses.shape[1]
    times = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(losses, axis=1)) / (times + 1)
    variances = (0.25 + np.cumsum((losses - means) ** 2, axis=1)) / (times + 1)
    before = np.concatenate([np.full((len(losses), 1), 0.25), variances[:, :-1]], axis=1)
    return np.sqrt(2 * log_failure / (n * before))


def _largest_log_capital(
    losses: FloatArray, bets: FloatArray, candidates: FloatArray
) -> FloatArray:
    """Max over t of log K_t(m), with one candidate m per row."""
    room = np.maximum(1 - candidates, 1e-300)[:, None]
    limited = np.minimum(bets, _LARGEST_BET / room)
    return np.cumsum(np.log1p(-limited * (losses - candidates[:, None])), axis=1).max(axis=1)


def checked_losses(losses: FloatArray) -> FloatArray:
    """The losses as float64; raises SettingError for none, NaN, or any outside [0, 1]."""
    losses = np.asarray(losses, dtype=np.float64)
    if losses.size == 0 or losses.ndim == 0:
        raise SettingError("there are no losses: at least one held-out user is needed")
    outside = int((~((losses >= 0) & (losses <= 1))).sum())  # counts NaN too
    if outside:
        raise SettingError(
            f"{outside} of {losses.size} losses are outside [0, 1] or NaN: "
            "divide by the largest possible loss, and leave out users without a loss"
        )
    return losses
