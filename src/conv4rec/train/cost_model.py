"""What a fit will cost, from the counts of its log: processor time and peak memory.

Each stage of a fit is a few products of counts times constants: nanoseconds on one reference
processor, measured on made-up logs (`research.cost.made_up`), and bytes. `machine_factor` measures
how much slower this machine is. docs/cost.md has estimates beside measurements.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import e, exp
from typing import Any

import numpy as np

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.model.likelihood import BLOCK_BYTES
from conv4rec.train import stacking
from conv4rec.train.batches import n_batches
from conv4rec.train.components import DRAWS, FEWEST_DRAWS, NUMBERS
from conv4rec.train.ensemble_scores import CELLS, LISTED, MOST_CELLS, MOST_USERS
from conv4rec.train.fit import EPOCHS
from conv4rec.train.gibbs import FEWEST_RATINGS, widths
from conv4rec.train.initialise import NARROWEST, latent_widths
from conv4rec.train.item_sampling import N_ITEMS
from conv4rec.train.posterior_summaries import LEARNED_FROM
from conv4rec.train.schedule import CONSUME, RATE
from conv4rec.train.selection import N_EVALUATIONS, planned_fits, trained_together
from conv4rec.train.settings import MOST_SOLVED_BYTES, TrainSettings
from conv4rec.train.slim import DENSE_BYTES, DENSE_ITEMS, GRAM_ENTRIES, SOLVED_BYTES
from conv4rec.train.validation import (
    EVALUATED_CELLS,
    FEWEST_HELD_OUT,
    RATING_SHARE,
    validation_size,
)

LIBRARIES = 390e6  # bytes of a process that has loaded all it needs
MASKED = 0.12  # share of a history that a step predicts, about
# Shares of the steps that are run: overfitting ends the rating side, and a validation fit of the
# consume side ends where it is behind another.
RATE_STEPS_RUN, STEPS_RUN = 0.8, 0.6


@dataclass(frozen=True)
class LogSizes:
    """The counts of a log that the cost of a fit depends on."""

    n_users: int
    n_items: int
    n_interactions: int
    n_rated: int
    n_levels: int = 5
    squared_lengths: float = 0.0
    """Sum over users of the squared length of the history; 0: as if lengths were log-normal."""

    def __post_init__(self) -> None:
        counts = (self.n_users, self.n_items, self.n_interactions, self.n_rated, self.n_levels)
        if min(counts) < 0 or self.n_rated > self.n_interactions:
            raise SettingError(
                f"counts of a log are 0 or more, and n_rated at most all; got {self}"
            )

    @classmethod
    def of(cls, log: Interactions) -> LogSizes:
        """The counts of a log."""
        lengths = np.diff(log.starts).astype(np.float64)
        sizes = (log.n_users, log.n_items, len(log), log.n_rated, log.n_levels)
        return cls(*sizes, float((lengths**2).sum()))

    @property
    def pairs(self) -> float:
        """Pairs within one history: e n^2 / users where log lengths have a spread of 1."""
        return self.squared_lengths or e * self.n_interactions**2 / max(1, self.n_users)


@dataclass(frozen=True)
class CostEstimate:
    """What a fit will cost."""

    seconds: float
    """Processor time: that of one thread."""
    memory_mb: float
    """Peak memory of the process."""
    stages: dict[str, float]
    """Seconds of each stage; they add up to `seconds`."""


@dataclass(frozen=True)
class _Plan:
    """What a fit will do: counts of the log, and sizes that follow from them and the settings."""

    log: LogSizes
    settings: TrainSettings
    n_batches: int
    n_consume: int
    """Validation fits that train the consume side."""
    n_rating: int
    """The same of the rating side."""
    consume_share: float
    """Of the log, in validation fits of the consume side."""
    rating_share: float
    """The same of the rating side."""
    consume_size: int
    rate_size: int
    two_sided: bool
    draws: int
    """Of the Bayesian matrix factorisation; 0 where there is none."""
    rank: int
    """Of the ridge component; 0 where there is none."""
    candidates: float
    """Mean candidates of an item in SLIM; 0 where there is none."""
    scored: float
    """Cells whose scores are compared when ensemble weights are chosen."""

    @classmethod
    def of(cls, log: LogSizes, shape: dict[str, Any], settings: TrainSettings) -> _Plan:
        counts: Any = log  # has the counts that the rules of a fit read from interactions
        n_items, n_users = max(1, log.n_items), max(1, log.n_users)
        latent = latent_widths(shape, n_items, log.n_interactions)
        shared = bool(shape.get("shared_encoder"))
        together = trained_together(settings, shared)
        size = validation_size(log.n_interactions, settings)
        consume_share = min(1.0, size / max(1, log.n_interactions))
        rating_share = min(1.0, RATING_SHARE * size / max(1, log.n_rated))
        held_out = log.n_interactions * consume_share * settings.validation_fraction
        validated = round(held_out) >= FEWEST_HELD_OUT
        planned = planned_fits(counts, settings, together) if validated else ()
        rated = log.n_rated >= FEWEST_RATINGS and log.n_levels > 1
        draws = max(FEWEST_DRAWS, NUMBERS // (n_items * (settings.mf_factors + 1)))
        # Components are chosen on the validation part, or taken as they are.
        beside = not shared and (validated or settings.validation_fraction == 0)
        return cls(
            log,
            settings,
            n_batches(log.n_interactions, log.n_users, settings.batch_rows),
            sum(fit.stops[CONSUME] > 0 for fit in planned),
            sum(fit.stops[RATE] > 0 for fit in planned),
            consume_share,
            consume_share if together else rating_share,
            min(latent["consume_size"], max(NARROWEST, log.n_items)),
            latent["consume_size" if shared else "rate_size"],
            bool(shape.get("two_sided", True)),
            min(settings.mf_draws, draws) * (rated and not shared),
            min(settings.ridge_rank, n_users, n_items, NUMBERS // n_items) * beside,
            # Few items were consumed together in a sparse log.
            min(float(settings.slim_neighbours), log.pairs / (1.5 * n_items)) * beside,
            _ensemble_cells(n_users * (1 - exp(-held_out / n_users)), n_items),
        )

    def part(self, share: float) -> _Plan:
        """The same for some of the users."""
        log = self.log
        n_users = max(1, round(share * log.n_users))
        part = replace(
            log,
            n_users=n_users,
            n_interactions=round(share * log.n_interactions),
            n_rated=round(share * log.n_rated),
            squared_lengths=share * log.squared_lengths,
        )
        return replace(
            self,
            log=part,
            n_batches=n_batches(part.n_interactions, n_users, self.settings.batch_rows),
        )

    @property
    def nodes(self) -> int:
        """Users and items."""
        return self.log.n_users + self.log.n_items

    @property
    def rows(self) -> float:
        """Interactions of a batch."""
        return self.log.n_interactions / self.n_batches

    @property
    def rating_weights(self) -> int:
        """Numbers in the tables of the rating side."""
        raters = 3 * self.log.n_users * self.two_sided
        return (5 * self.log.n_items + raters) * self.rate_size * (self.log.n_rated > 0)


def _ensemble_cells(n_users: float, n_items: int) -> float:
    """Cells whose scores are compared, and a part of those that shortlists are chosen from."""
    n_users = min(n_users, MOST_USERS, MOST_CELLS / n_items)
    if n_users * n_items <= CELLS:
        return n_users * n_items
    return n_users * (LISTED + 1.5 * N_ITEMS + 0.1 * n_items)


def _step_ns(plan: _Plan) -> tuple[float, float]:
    """A step of the consume side, and one of the rating side."""
    log, size, rows = plan.log, plan.consume_size, plan.rows
    users, masked = log.n_users / plan.n_batches, MASKED * rows
    users *= masked / max(users + masked, 1)  # the others cost nothing; lengths are geometric
    whole = log.n_users * log.n_items <= plan.settings.softmax_cells
    scored = users * log.n_items if whole else N_ITEMS * users + 2 * masked
    consume = size * (0.06 * scored + 0.25 * rows + 3.8 * log.n_items)
    consume += 3 * scored + 60 * rows + 2e6  # at any width
    rate = (115 + 1.3 * plan.rate_size) * rows + 3 * plan.rating_weights + 2.5e6
    rate *= log.n_rated > 0
    return consume, rate if plan.two_sided else rate / 2


def _times(plan: _Plan) -> dict[str, float]:
    """Nanoseconds of each stage on the reference processor."""
    log, settings, draws = plan.log, plan.settings, plan.draws
    consume, rate = _step_ns(plan)
    part, of_ratings = plan.part(plan.consume_share), plan.part(plan.rating_share)
    trials = 150 if plan.rank and plan.candidates else 50 if plan.rank or plan.candidates else 0
    asked = min(300, log.n_users, max(50, 8_000_000 // max(1, log.n_items)))  # of `norms_of`
    asked_rows = asked / max(1, log.n_users) * log.n_interactions
    width = settings.mf_factors + 1
    solved = settings.solve_users and 4 * log.n_users * draws * width <= MOST_SOLVED_BYTES
    consumed, rated = plan.n_consume > 0, plan.n_rating > 0
    sweeps = bool(draws) * settings.mf_sweeps * (0.85 if rated else 1.0)  # see `mf_sweeps`
    return {
        "validation fits": _validation_ns(part, of_ratings),
        "ridge component": _ridge_ns(plan) + consumed * _ridge_ns(part),
        "SLIM component": _slim_ns(plan) + consumed * _slim_ns(part),
        "ensemble weights": consumed * trials * (3 * plan.scored + 15 * part.log.n_interactions),
        "stacking": consumed * bool(settings.stacking_units) * _stacking_ns(plan),
        "Bayesian matrix factorisation": sweeps * _sweep_ns(plan)
        + _learned_ns(plan, draws)
        + rated * _share_ns(of_ratings, min(DRAWS, draws)),
        "final fit": _start_ns(plan) + _steps(plan) * consume + _rate_steps(plan) * rate,
        "solving users": solved * draws * (5_000 * log.n_users + 350 * log.n_rated),
        "norms of lists": asked * (1_200_000 + log.n_items * (80 + 180 * (draws > 0)))
        + (not solved) * draws * (5_000 * asked + 350 * asked_rows),
    }


def _validation_ns(plan: _Plan, of_ratings: _Plan) -> float:
    """All validation fits, of both sides, with their evaluations."""
    steps, rate_steps = _steps(plan), _rate_steps(plan)
    evaluations = min(N_EVALUATIONS, max(steps, rate_steps))
    seen = min(plan.log.n_users * plan.log.n_items, EVALUATED_CELLS)
    # Those of the consume side come before it ends.
    share = steps / max(steps, rate_steps)
    evaluated = evaluations * share * (5 + 0.03 * plan.consume_size) * seen
    n_fits = plan.n_consume and 1 + STEPS_RUN * (plan.n_consume - 1)
    rate = _step_ns(of_ratings)[1]
    consume = n_fits * (steps * _step_ns(plan)[0] + evaluated) + plan.n_consume * _start_ns(plan)
    return consume + plan.n_rating * (
        RATE_STEPS_RUN * rate_steps * rate
        + evaluations * 0.45 * rate * of_ratings.n_batches
        + _start_ns(of_ratings)
    )


def _steps(plan: _Plan) -> int:
    return max(plan.settings.n_steps, EPOCHS * plan.n_batches)


def _rate_steps(plan: _Plan) -> int:
    return plan.settings.rate_steps * (plan.log.n_rated > 0)


def _start_ns(plan: _Plan) -> float:
    """The first weights of a network."""
    start = (0.4 * plan.consume_size**2 + 1000) * plan.nodes
    return start + 5 * plan.consume_size * plan.log.n_interactions


def _ridge_ns(plan: _Plan) -> float:
    return 0.25 * plan.nodes * plan.rank**2


def _slim_ns(plan: _Plan) -> float:
    log = plan.log  # items met once or twice have no regression
    pairs, regressions = log.pairs, min(log.n_items, log.n_interactions / 8)
    return (plan.candidates > 0) * (40 * regressions * plan.candidates**2 + 10 * pairs)


def _stacking_ns(plan: _Plan) -> float:
    n_candidates = min(plan.log.n_items, stacking.LISTED + stacking.SAMPLED)
    cells = stacking.USERS * n_candidates
    return stacking.STEPS * (2_000_000 + 4 * plan.settings.stacking_units * cells)


def _learned_ns(plan: _Plan, draws: int) -> float:
    """What is learnt from some ratings once the chains have ended."""
    return min(plan.log.n_rated, LEARNED_FROM) * (draws > 0) * (12_000 + 700 * draws)


def _share_ns(plan: _Plan, draws: int) -> float:
    """The sampler's share in the mixture: a third of the sweeps, and the users of a few draws."""
    if not draws:
        return 0.0
    sweeps = -(-plan.settings.mf_sweeps // 3) * _sweep_ns(plan)
    users = draws * (5_000 * plan.log.n_users + 550 * plan.log.n_interactions)
    return sweeps + users + _learned_ns(plan, draws)


def _sweep_ns(plan: _Plan) -> float:
    """One sweep of all chains."""
    chains = widths(plan.log.n_rated, plan.settings)
    return sum(
        3e6 + (30 + 9 * size) * plan.log.n_rated + (1300 + 50 * size) * plan.nodes
        for size in chains
    )


def _peak(plan: _Plan) -> float:
    """Bytes: those of the libraries, of the log, of a step, and of the largest component."""
    log, draws = plan.log, plan.draws
    tables = 3 * log.n_items * plan.consume_size + plan.rating_weights
    step = (
        16 * tables
        + 200 * plan.rows * (log.n_rated > 0)
        + 3 * min(BLOCK_BYTES, 4 * log.n_users * log.n_items)
    )
    solved = min(log.n_items, SOLVED_BYTES / max(1.0, 4 * plan.candidates**2))
    longest = min(log.n_items, GRAM_ENTRIES / max(1, log.n_items))
    together = min(log.pairs, log.n_items**2, GRAM_ENTRIES)
    dense = 2 * log.n_items**2  # of the Gram matrix
    dense *= log.n_items <= DENSE_ITEMS or dense <= min(DENSE_BYTES, 16 * together)
    slim = solved * (16 * plan.candidates**2 + 32 * longest) + 8 * together + dense
    slim = (slim + 24 * log.n_interactions) * bool(plan.candidates)
    ridge = (16 * log.n_items + 8 * log.n_users) * plan.rank
    gibbs = 50e6 + 40 * log.n_rated + 1000 * plan.nodes + 8 * draws * log.n_items * 22
    lists = min(512e6, 300 * log.n_items * 4 * (3 * log.n_levels + 48))
    bayesian_mf = max(gibbs, lists) * (draws > 0)
    loaded = LIBRARIES + 35 * log.n_interactions
    return loaded + step + ridge + max(slim, 20 * plan.scored, bayesian_mf)


def estimate_cost(
    sizes: LogSizes, shape: dict[str, Any], settings: TrainSettings, slowness: float = 1.0
) -> CostEstimate:
    """Time and memory of a fit; nothing is allocated.

    Args:
        sizes: counts of the log.
        shape: as for `Fit`.
        settings: as for `Fit`.
        slowness: of `machine_factor`; 1 for the reference processor.

    >>> small = estimate_cost(LogSizes(1000, 800, 30_000, 30_000), {}, TrainSettings())
    >>> large = estimate_cost(LogSizes(1000, 800, 90_000, 90_000), {}, TrainSettings())
    >>> small.seconds < large.seconds and small.memory_mb < large.memory_mb
    True
    """
    plan = _Plan.of(sizes, shape, settings)
    stages = {name: round(1e-9 * ns * slowness, 3) for name, ns in _times(plan).items()}
    return CostEstimate(round(sum(stages.values()), 1), round(_peak(plan) / 1e6), stages)
