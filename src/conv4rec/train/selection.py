"""Which schedule to train with, from the results of the validation fits."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.train.schedule import CONSUME, Schedule
from conv4rec.train.settings import TrainSettings

N_EVALUATIONS = 20  # per fit
LARGE = 40_000_000  # users x items
FAR = 0.05  # between two penalty factors
FEW_RATINGS = 30_000  # up to so many, all rating penalties are tried; of more, two
WORSE = 0.005  # relative: a loss this far above the best is not expected to fall below it again
BEHIND = 0.001  # relative: so far behind another fit, one will not be the best
SLACK = 0.002  # relative: a loss of ratings so near the best one is as good


@dataclass(frozen=True)
class ValidationResult:
    """Losses on the validation part after some steps of a validation fit, in nats."""

    reg_factor: float
    """Multiplier of the consume side's penalties."""
    step: int
    consume_nll: float | None
    """None once the consume side has ended, or if it is not trained."""
    rate_nll: float | None
    """Of the averaged predictions of the last evaluations; None if it is not trained."""
    rate_factor: float = 1.0
    """Multiplier of the rating side's penalties."""

    @classmethod
    def from_saved(cls, facts: dict[str, Any]) -> ValidationResult:
        """Of a saved model; some have an NDCG@20, which nothing reads any longer."""
        return cls(**{name: value for name, value in facts.items() if name != "ndcg"})


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


def tried_rate_factors(
    interactions: Interactions, rate_reg_factors: tuple[float, ...]
) -> tuple[float, ...]:
    """The same for the rating side; none for a log without ratings."""
    affordable = 3 if interactions.n_rated <= FEW_RATINGS else 2
    if interactions.n_users * interactions.n_items > LARGE:
        affordable = 1
    return rate_reg_factors[: affordable * (interactions.n_rated > 0)]


def planned_fits(
    interactions: Interactions, settings: TrainSettings, together: bool
) -> tuple[Schedule, ...]:
    """The schedules of the validation fits: one of each penalty factor.

    Args:
        interactions: all of the training data.
        settings: factors and steps. Without factors of the consume side there is no fit.
        together: train both tasks in each fit, or one.
    """
    consume = tried_reg_factors(interactions, settings.consume_reg_factors)
    rate = tried_rate_factors(interactions, settings.rate_reg_factors) if consume else ()
    if together:
        rate += (1.0,) * (len(consume) - len(rate))
        stops = (settings.n_steps, settings.rate_steps)
        return tuple(Schedule(stops, factors) for factors in zip(consume, rate, strict=False))
    fits = [Schedule((settings.n_steps, 0), (factor, 1.0)) for factor in consume]
    fits += [Schedule((0, settings.rate_steps), (1.0, factor)) for factor in rate]
    return tuple(fits)


def trained_together(settings: TrainSettings, shared_encoder: bool) -> bool:
    """Whether a validation fit must train both tasks: the rating side depends on the other."""
    return shared_encoder or settings.propensity_power > 0 or settings.propensity_validation > 0


def should_stop_early(results: list[ValidationResult], schedule: Schedule) -> bool:
    """Whether a validation fit may end: no task that it trains will reach its best later.

    Args:
        results: of this fit, and before them those of earlier ones.
        schedule: of this fit.
    """
    last = results[-1]
    if last.rate_nll is not None:
        rating = [(r.rate_nll, r.rate_factor) for r in results if r.rate_nll is not None]
        own = [nll for nll, factor in rating if factor == last.rate_factor]
        rising = len(own) > 1 and own[-2] < last.rate_nll
        if not rising or last.rate_nll <= (1 + WORSE) * min(rating)[0]:
            return False
    if last.consume_nll is None:
        return last.rate_nll is not None
    if 2 * last.step < schedule.stops[CONSUME]:
        return False  # later, losses at one step may be compared: all have the same learning rates
    earlier = [r.consume_nll for r in results[:-1] if r.step == last.step and r.consume_nll]
    return bool(earlier) and last.consume_nll > (1 + BEHIND) * min(earlier)


def best_schedule(results: list[ValidationResult], fallback: Schedule) -> Schedule:
    """For each task, the penalty and the stopping step with the best validation likelihood.

    The rating side stops at the last step that is hardly worse (`SLACK`): trained on all
    interactions, it overfits later than on a part of them.

    Args:
        results: of all validation fits.
        fallback: for a task that none of them trained.

    Raises:
        SettingError: Every loss of a task is NaN or infinite: training diverged.
    """
    (stop, end), (factor, rate_factor) = fallback.stops, fallback.reg_factors
    consume = [(r.consume_nll, r) for r in results if r.consume_nll is not None]
    if consume:
        best = _least(consume)
        stop, factor = best.step, best.reg_factor
    rate = [(r.rate_nll, r) for r in results if r.rate_nll is not None]
    if rate:
        best = _least(rate)
        rate_factor, most = best.rate_factor, (1 + SLACK) * (best.rate_nll or 0.0)
        end = max(r.step for nll, r in rate if r.rate_factor == rate_factor and nll <= most)
    return Schedule((stop, end), (factor, rate_factor))


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
    best = _least(losses)
    return Schedule((best.step, best.step), (best.reg_factor, best.rate_factor))


def _least(losses: list[tuple[float, ValidationResult]]) -> ValidationResult:
    finite = [entry for entry in losses if isfinite(entry[0])]
    if not finite:
        raise SettingError(
            "training diverged to losses that are not finite: "
            "lower learning_rate, or a weight or factor of a loss that was raised"
        )
    return min(finite, key=lambda entry: entry[0])[1]
