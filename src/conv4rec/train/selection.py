"""Which schedule to train with, from the results of the validation fits."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.train.schedule import Schedule

N_EVALUATIONS = 20  # per fit
LARGE = 40_000_000  # users x items
FAR = 0.05  # between two penalty factors
FEW_RATINGS = 30_000  # up to so many, all rating penalties are tried; of more, two
BEHIND = 0.001  # relative: the same for the consume side, where nothing else is trained
WORSE = 0.01  # relative: a loss this far above the best is not expected to fall below it again


@dataclass(frozen=True)
class ValidationResult:
    """Losses on the validation part after some steps of a validation fit, in nats."""

    reg_factor: float
    """Multiplier of the consume side's penalties."""
    step: int
    consume_nll: float | None
    """None once the consume side has ended."""
    rate_nll: float | None
    """Of the averaged predictions of the last evaluations; None if it is not trained."""
    ndcg: float | None
    """NDCG@20 of the masked interactions, mean over users."""
    rate_factor: float = 1.0
    """Multiplier of the rating side's penalties."""


def evaluation_steps(last_steps: tuple[int, int], end: int) -> list[int]:
    """The steps after which a fit is evaluated; the last is its end.

    They are the same for all fits, so that their losses can be compared, and the last step of
    each task is among them.

    Args:
        last_steps: of the consume side and of the rating side, where none ends early.
        end: last step of this fit.
    """
    longest = max(last_steps)
    steps = {round(longest * (i + 1) / N_EVALUATIONS) for i in range(N_EVALUATIONS)}
    return sorted({step for step in steps | set(last_steps) if 0 < step < end} | {end})


def tried_reg_factors(
    interactions: Interactions, consume_reg_factors: tuple[float, ...]
) -> tuple[float, ...]:
    """The penalty factors to try, one in each validation fit.

    Fewer for larger logs, so that a fit takes minutes. For the largest two that are far apart:
    how often their items were consumed differs by orders of magnitude, and so does the best one.
    """
    n_cells = interactions.n_users * interactions.n_items
    if n_cells > LARGE and len(consume_reg_factors) > 1:
        return consume_reg_factors[0], FAR * consume_reg_factors[0]
    return consume_reg_factors[: 3 if n_cells <= 4_000_000 else 2]


def n_rating_fits(interactions: Interactions, rate_reg_factors: tuple[float, ...]) -> int:
    """How many rating penalties to try; at least one."""
    affordable = len(rate_reg_factors) if interactions.n_rated <= FEW_RATINGS else 2
    if interactions.n_users * interactions.n_items > LARGE:
        affordable = 1
    return max(1, min(affordable, len(rate_reg_factors)))


def should_stop_early(results: list[ValidationResult], n_steps: int) -> bool:
    """Whether a validation fit may end: neither task will reach its best in the steps left.

    The rating side must be overfitting, or not be trained. The consume side must have ended or,
    from half-way on, be behind an earlier validation fit at the same step: all have the same
    learning rates.
    """
    last, worse = results[-1], BEHIND
    if last.rate_nll is not None:
        losses = [result.rate_nll for result in results if result.rate_nll is not None]
        if last.rate_nll <= (1 + WORSE) * min(losses):
            return False
        if last.consume_nll is None or last.step >= n_steps:
            return True
        if len(losses) < 2 or losses[-2] >= last.rate_nll:
            return False
        worse = WORSE
    if last.consume_nll is None or 2 * last.step < n_steps:
        return False
    earlier = [r.consume_nll for r in results[:-1] if r.step == last.step and r.consume_nll]
    return bool(earlier) and last.consume_nll > (1 + worse) * min(earlier)


def best_schedule(results: list[ValidationResult]) -> Schedule:
    """For each task, the stopping step and the penalty with the best validation likelihood.

    Raises:
        SettingError: Every loss of a task is NaN or infinite: training diverged.
    """
    consume = [(r.consume_nll, r) for r in results if r.consume_nll and isfinite(r.consume_nll)]
    rate = [(r.rate_nll, r) for r in results if r.rate_nll is not None and isfinite(r.rate_nll)]
    consume, rate = _least(consume), _least(rate)
    return Schedule((consume.step, rate.step), (consume.reg_factor, rate.rate_factor))


def best_joint_schedule(results: list[ValidationResult], rate_weight: float) -> Schedule:
    """One stopping step, and the penalties of one validation fit, for a shared encoder.

    They minimise the training objective on the validation part.

    Args:
        results: of all validation fits.
        rate_weight: weight of the rating loss beside the consume loss.

    Raises:
        SettingError: Every loss is NaN or infinite: training diverged.
    """
    losses = [
        (r.consume_nll + rate_weight * (r.rate_nll or 0.0), r)
        for r in results
        if r.consume_nll is not None
    ]
    best = _least([entry for entry in losses if isfinite(entry[0])])
    return Schedule((best.step, best.step), (best.reg_factor, best.rate_factor))


def _least(losses: list[tuple[float, ValidationResult]]) -> ValidationResult:
    if not losses:
        raise SettingError(
            "training diverged to losses that are not finite: "
            "lower learning_rate, or a weight or factor of a loss that was raised"
        )
    return min(losses, key=lambda entry: entry[0])[1]
