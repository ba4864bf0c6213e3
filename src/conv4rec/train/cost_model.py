"""What a fit will cost, from the counts of its log: processor time and peak memory.

Each stage of a fit is a few products of counts times constants: nanoseconds on one reference
processor, measured on made-up logs (`research.cost.made_up`), and bytes. `machine_factor` measures
how much slower this machine is. docs/cost.md has estimates beside measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import e, exp
from typing import Any

import numpy as np

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.model.likelihood import BLOCK_BYTES
from conv4rec.train.batches import n_batches
from conv4rec.train.components import DRAWS, FEWEST_DRAWS, NUMBERS
from conv4rec.train.ensemble_scores import CELLS, LISTED, MOST_CELLS, MOST_USERS
from conv4rec.train.fit import EPOCHS
from conv4rec.train.gibbs import FEWEST_RATINGS, widths
from conv4rec.train.initialise import NARROWEST, WIDTHS
from conv4rec.train.item_sampling import N_ITEMS
from conv4rec.train.posterior_summaries import LEARNED_FROM
from conv4rec.train.selection import N_EVALUATIONS, n_rating_fits, tried_reg_factors
from conv4rec.train.settings import MOST_SOLVED_BYTES, TrainSettings
from conv4rec.train.slim import DENSE_BYTES, DENSE_ITEMS, GRAM_ENTRIES, SOLVED_BYTES
from conv4rec.train.validation import FEWEST_HELD_OUT, MOST_HELD_OUT

LIBRARIES = 390e6  # bytes of a process that has loaded all it needs
MASKED = 0.12  # share of a history that a step predicts, about
# Shares of the steps that are run: overfitting ends the rating side, and a validation fit of the
# consume side alone ends where it is behind another.
RATE_STEPS_RUN, CONSUME_STEPS_RUN = 0.75, 0.6


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
    n_validation: int
    """Validation fits."""
    evaluated: float
    """Share of the users that are evaluated in them."""
    n_rating: int
    """Those that train the rating side."""
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
        consume_size, rate_size = (
            min(shape.get(name, default), max(NARROWEST, numbers // n_items))
            for name, (default, numbers) in WIDTHS.items()
        )
        shared = bool(shape.get("shared_encoder"))
        held_out = log.n_interactions * settings.validation_fraction
        validated = round(held_out) >= FEWEST_HELD_OUT
        n_fits = len(tried_reg_factors(counts, settings.consume_reg_factors)) * validated
        n_rating = n_fits if shared else n_rating_fits(counts, settings.rate_reg_factors)
        rated = log.n_rated >= FEWEST_RATINGS and log.n_levels > 1
        draws = max(FEWEST_DRAWS, NUMBERS // (n_items * (settings.mf_factors + 1)))
        # Components are chosen on the validation part, or taken as they are.
        beside = not shared and (validated or settings.validation_fraction == 0)
        return cls(
            log,
            settings,
            n_batches(log.n_users, log.n_items, settings.batch_cells),
            n_fits,
            min(1.0, MOST_HELD_OUT / max(1.0, held_out)),
            min(n_rating, n_fits),
            min(consume_size, max(NARROWEST, log.n_items)),
            consume_size if shared else rate_size,
            bool(shape.get("two_sided", True)),
            min(settings.mf_draws, draws) * (rated and not shared),
            min(settings.ridge_rank, n_users, n_items, NUMBERS // n_items) * beside,
            # Few items were consumed together in a sparse log.
            min(float(settings.slim_neighbours), log.pairs / (1.5 * n_items)) * beside,
            _ensemble_cells(min(n_users * (1 - exp(-held_out / n_users)), MOST_HELD_OUT), n_items),
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
    if plan.n_batches == 1:
        scored = log.n_users * log.n_items
    else:  # users without a masked interaction cost nothing
        scored = N_ITEMS * min(log.n_users / plan.n_batches, MASKED * rows) + 2 * MASKED * rows
    consume = size * (0.09 * scored + 0.6 * rows + 5 * log.n_items)
    rate = (6 * plan.rate_size * rows + 3 * plan.rating_weights) * (log.n_rated > 0)
    return consume, rate if plan.two_sided else rate / 2


def _times(plan: _Plan) -> dict[str, float]:
    """Nanoseconds of each stage on the reference processor."""
    log, settings, draws = plan.log, plan.settings, plan.draws
    consume, rate = _step_ns(plan)
    steps = max(settings.n_steps, EPOCHS * plan.n_batches)
    rate_steps = settings.rate_steps * (log.n_rated > 0)
    start = (0.4 * plan.consume_size**2 + 1000) * plan.nodes
    start += 5 * plan.consume_size * log.n_interactions
    seen = min(log.n_users * log.n_items, settings.batch_cells)
    evaluations = min(N_EVALUATIONS, max(steps, rate_steps))
    # Those of the consume side come before it ends.
    of_consume = (
        evaluations * steps / max(steps, rate_steps) * (10 + 0.04 * plan.consume_size) * seen
    )
    # The item side is summed over all users, histories are encoded of those evaluated.
    of_rate = evaluations * (0.25 + 0.2 * plan.evaluated) * rate * plan.n_batches
    trials = 150 if plan.rank and plan.candidates else 50 if plan.rank or plan.candidates else 0
    asked = min(300, log.n_users, max(50, 8_000_000 // max(1, log.n_items)))  # of `norms_of`
    asked_rows = asked / max(1, log.n_users) * log.n_interactions
    width = settings.mf_factors + 1
    solved = settings.solve_users and 4 * log.n_users * draws * width <= MOST_SOLVED_BYTES
    learned = min(log.n_rated, LEARNED_FROM) * (draws > 0)
    few = min(DRAWS, draws)
    pairs = log.pairs * (plan.candidates > 0)
    regressions = min(log.n_items, log.n_interactions / 8)  # items met once or twice have none
    validated = plan.n_validation > 0
    rate_run = rate_steps * (RATE_STEPS_RUN if validated else 1.0)
    consume_fits = plan.n_rating + CONSUME_STEPS_RUN * (plan.n_validation - plan.n_rating)
    sweeps = settings.mf_sweeps + (-(-settings.mf_sweeps // 3) if validated else 0)
    return {
        "validation fits": plan.n_validation * start
        + consume_fits * (steps * consume + of_consume)
        + plan.n_rating * (rate_run * rate + of_rate),
        "ridge component": 0.32 * (1 + validated) * plan.nodes * plan.rank**2,
        "SLIM component": (1 + validated) * (60 * regressions * plan.candidates**2 + 10 * pairs),
        "ensemble weights": validated
        * trials
        * (6 * plan.scored + 30 * plan.evaluated * log.n_interactions),
        "Bayesian matrix factorisation": bool(draws) * sweeps * _sweep_ns(plan)
        + few * plan.evaluated * validated * (20_000 * log.n_users + 1300 * log.n_interactions)
        + learned * (22_000 * (1 + validated) + 800 * (draws + few)),
        "final fit": start + steps * consume + rate_run * rate,
        "solving users": solved * draws * (20_000 * log.n_users + 500 * log.n_rated),
        "norms of lists": asked * log.n_items * (80 + 700 * (draws > 0))
        + (not solved) * draws * (20_000 * asked + 500 * asked_rows),
    }


def _sweep_ns(plan: _Plan) -> float:
    """One sweep of all chains."""
    chains = widths(plan.log.n_rated, plan.settings)
    return sum(
        1.5e6 + (20 + 8 * size) * plan.log.n_rated + (2000 + 100 * size) * plan.nodes
        for size in chains
    )


def _peak(plan: _Plan) -> float:
    """Bytes: those of the libraries, of the log, of a step, and of the largest component."""
    log, draws = plan.log, plan.draws
    tables = 3 * log.n_items * plan.consume_size + plan.rating_weights
    step = (
        16 * tables
        + 8 * plan.rate_size * plan.rows * (log.n_rated > 0)
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
