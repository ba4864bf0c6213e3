"""Every bound of `conv4rec.theory` for one trained model, beside the measured gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conv4rec.data import Interactions
from conv4rec.recommender import Conv4Rec
from conv4rec.recommender.guarantees.generalization_gap import Gap, Side, training_n
from conv4rec.recommender.guarantees.network_norms import network_norms
from conv4rec.recommender.guarantees.rating_norms import rating_norms
from conv4rec.theory import NetworkNorms, norm_bound, parameter_count_bound, trace_norm_bound

SMOOTHING = 0.01
"""Weight of the uniform distribution in the smoothed variant."""
TERMS = (
    *("loss_range", "resolution", "discretisation", "log_cover", "capacity", "rademacher"),
    *("trace_norm", "frequent", "rare", "deviation", "union_cost", "log_failure"),
)
"""Names of the terms of the bounds in `conv4rec.theory`."""
LARGEST_TABLE = 40_000_000  # cells of users x items whose trace norm is taken


@dataclass(frozen=True)
class Line:
    """One bound: its value, the trivial bound, and its terms."""

    name: str
    value: float
    trivial: float
    """A bound at least that large is vacuous."""
    unit: str
    n: int
    terms: dict[str, float]
    side: Side
    """Which log-loss it bounds: of the item, or of the rating."""

    @property
    def vacuous(self) -> bool:
        """Whether it is no better than the trivial bound."""
        return self.value >= self.trivial

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON."""
        return {**vars(self), "vacuous": self.vacuous}


GUARANTEES = {
    "parameter count": (
        "with this confidence, the loss on fresh data exceeds that on the training data by at most "
        "this much, for every network within these norms",
        "anything about networks with other norms, or about any one user",
    ),
    "norms": (
        "the same, from norms instead of a count: wider tables of the same norms cost nothing",
        "a small value for a network whose weights moved far from their start",
    ),
    "trace norm": (
        "a table of expected ratings of this trace norm has, on fresh draws from the same "
        "distribution, at most this much more squared error than on the training ratings",
        "anything about items drawn from another distribution, such as the uniform one",
    ),
}
"""For each kind of bound: what it guarantees, and what it does not."""


def all_bounds(
    model: Conv4Rec, gaps: Mapping[Side, Gap] | None = None, confidence: float = 0.95
) -> list[Line]:
    """Every bound on fresh minus training loss, of items and of ratings, and the trace norm's.

    n is the number of training users with a target (setting A), or of target interactions
    where `gaps` were measured in setting B. Each line holds with `confidence` by itself. The
    log-loss of both tasks together is the sum of the two, and so is its bound (probabilities
    of failure add up). The smoothed lines are of the model mixed with 1% of the uniform
    distribution, whose loss cannot exceed log(100 x outputs).
    """
    lines = _network_bounds("consume", network_norms(model), model, gaps, confidence)
    ratings = rating_norms(model)
    if ratings is not None and training_n(model, "rating"):
        lines += _network_bounds("rating", ratings, model, gaps, confidence)
    trace = rating_trace_norm_bound(model, confidence)
    return [*lines, trace] if trace is not None else lines


def _network_bounds(
    side: Side, norms: NetworkNorms, model: Conv4Rec, gaps: Mapping[Side, Gap] | None,
    confidence: float,
) -> list[Line]:  # fmt: skip
    n = gaps[side].n if gaps and side in gaps else training_n(model, side)
    lines = []
    for smoothing in (0.0, SMOOTHING):
        smoothed = replace(norms, smoothing=smoothing)
        for bound, kind in ((parameter_count_bound, "parameter count"), (norm_bound, "norms")):
            for shared in (True, False):
                counted = "kernel counted once" if shared else "kernel counted per item"
                name = f"{side}: {kind}, {counted}" + (", smoothed" if smoothing else "")
                found = bound(smoothed, n, confidence, shared=shared)
                facts = (found.value, found.trivial, "nats", n, _terms(found), side)
                lines.append(Line(name, *facts))
    return lines


def rating_trace_norm_bound(model: Conv4Rec, confidence: float = 0.95) -> Line | None:
    """The matrix-completion baseline for the table of expected ratings (statement 5).

    The table is the model's own, users x items, less the middle of the scale. None where it
    has more than 40 million cells or nothing is rated. Time: one product of the table with
    itself.
    """
    log = model.interactions_
    rated = log.level_numbers >= 0
    if log.n_users * log.n_items > LARGEST_TABLE or not rated.any() or log.n_levels < 2:
        return None
    low, high = log.levels.values[0], log.levels.values[-1]
    table = _expected_ratings(model, log) - (low + high) / 2
    small = table @ table.T if len(table) <= table.shape[1] else table.T @ table
    trace_norm = float(np.sqrt(np.maximum(np.linalg.eigvalsh(small), 0)).sum())
    spread = high - low
    found = trace_norm_bound(
        log.user_numbers[rated], log.item_numbers[rated], table.shape, trace_norm=trace_norm,
        prediction_bound=spread / 2, lipschitz=2 * spread, loss_range=spread**2,
        confidence=confidence,
    )  # fmt: skip
    facts = (found.value, found.trivial, "squared rating", found.n, _terms(found))
    return Line("rating: trace norm", *facts, "rating")


def _expected_ratings(model: Conv4Rec, log: Interactions) -> np.ndarray:
    values = np.asarray(log.levels.values)
    blocks = [
        model.scoring_.all_rating_probabilities(scores.encoding) @ values
        for scores in model.scoring_.blocks(log, np.arange(log.n_users), log.n_levels)
    ]
    return np.concatenate(blocks).astype(np.float64)


def _terms(bound: Any) -> dict[str, float]:
    """Every number of a bound by its name, layers by theirs, but the inputs."""
    terms = {name: float(getattr(bound, name)) for name in TERMS if hasattr(bound, name)}
    for field in ("layer_log_covers", "layer_terms"):
        terms |= {f"{field[:-1]}: {layer}": each for layer, each in getattr(bound, field, ())}
    return terms
