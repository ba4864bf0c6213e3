"""The evaluation protocol of logs with types: each target type, all pairs and new pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conv4rec.errors import Conv4RecError, SettingError
from conv4rec.evaluate import ranking
from conv4rec.evaluate.blocks import positions, row_blocks
from conv4rec.evaluate.event_scorer import EventScorer
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import polars as pl

    from conv4rec.data.event_splits import EventSplit
    from conv4rec.data.events import Events

MEASURES = {"recall": ranking.recall, "hr": ranking.hit_rate, "ndcg": ranking.ndcg}
NEW = "new_"  # before the name of a metric of new pairs
NLL = "nll_type"
SMALLEST = 1e-12  # a probability below this counts as this


@dataclass(frozen=True, eq=False)
class EventEvaluation:
    """The metrics of one model on one split of a log with types."""

    split: str
    """Name of the split."""
    metrics: dict[str, float | None]
    """Every metric by name; None where the model or the split does not allow it."""
    user_ids: pl.Series
    """Users with a test event, in the order of the arrays in `per_user`."""
    per_user: dict[str, FloatArray]
    """One value per user of each ranking metric, NaN where there is nothing to measure."""
    n_users: dict[str, int]
    """How many users each ranking metric is a mean of."""

    def __getitem__(self, name: str) -> float | None:
        return self.metrics[name]

    def __str__(self) -> str:
        figures = (
            f"  {name:<24}{'-' if value is None else f'{value:.4f}'}"
            + (f"  {self.n_users[name]:,} users" if name in self.n_users else "")
            for name, value in self.metrics.items()
        )
        return "\n".join([f"{self.split}: {len(self.user_ids):,} users", *figures])


def evaluate_events(
    scorer: EventScorer, split: EventSplit, *, max_memory_mb: float = 512.0
) -> EventEvaluation:
    """Measure a model on a split of a log with types.

    For each target type, every item is ranked for each user with a relevant one; nothing is
    sampled.

    - All pairs: relevant are the user's test items of the type. Items that the user's history has
      with the type are masked, unless the type repeats; a relevant one that is masked counts as
      missed.
    - New pairs (`new_`): relevant are those without an event of any type in the history, or among
      the held-out events that are not predicted. All items of the history are masked.

    "recall@k" divides by min(k, relevant), "hr@k" is whether any relevant item is listed, "ndcg@k"
    has binary gain. With several target types the name of a metric ends with the type, as in
    "ndcg@10/like". "nll_type" is then the mean of -log P(kind | item, history) over test events.

    Args:
        scorer: The model, fitted on `split.train`.
        split: Histories at inference and test events.
        max_memory_mb: Budget for arrays of users × items, 48 bytes a cell; the model's own need
            comes on top.

    Raises:
        SettingError: A memory budget too small for one user.
        Conv4RecError: The model's answers have another shape, or are NaN.
    """
    rows = np.flatnonzero(np.diff(split.test.starts))
    blocks = list(row_blocks(rows, split.train.n_items, max_memory_mb))
    per_user: dict[str, FloatArray] = {}
    for target in split.targets:
        ending = f"/{target}" if len(split.targets) > 1 else ""
        pieces = [_rank(scorer, split, block, target) for block in blocks]
        for name in (n for piece in pieces[:1] for n in piece):
            per_user[name + ending] = np.concatenate([piece[name] for piece in pieces])
    metrics: dict[str, float | None] = {
        name: None if np.isnan(values).all() else float(np.nanmean(values))
        for name, values in per_user.items()
    }
    if len(split.targets) > 1:
        metrics[NLL] = _type_loss(scorer, split, blocks)
    counts = {name: int(np.count_nonzero(~np.isnan(v))) for name, v in per_user.items()}
    return EventEvaluation(split.name, metrics, split.test.users.ids(rows), per_user, counts)


def _rank(
    scorer: EventScorer, split: EventSplit, rows: IntArray, target: str
) -> dict[str, FloatArray]:
    """Each user's ranking metrics of one type; NaN for a user without a relevant item."""
    scores = scorer.target_scores(split.given, rows, target)
    if scores is None:
        return {}
    shape = (len(rows), split.given.n_items)
    if scores.shape != shape:
        raise Conv4RecError(f"target_scores returned {scores.shape}, expected {shape}")
    kinds = split.train.types.kinds(target)
    history, relevant = _pairs(split.given, rows), _pairs(split.test, rows, kinds)
    known = history if split.other_test is None else history | _pairs(split.other_test, rows)
    own = _pairs(split.given, rows, kinds)
    masked = np.zeros_like(own) if split.train.types.repeats(target) else own
    found = {}
    for prefix, hidden, wanted in (("", masked, relevant), (NEW, history, relevant & ~known)):
        found |= _measured(scores, hidden, wanted, split.metrics, prefix)
    return found


def _measured(
    scores: FloatArray, hidden: BoolArray, wanted: BoolArray, names: tuple[str, ...], prefix: str
) -> dict[str, FloatArray]:
    cutoffs = {name: parsed(name) for name in names}
    shown = np.where(hidden, -np.inf, scores)
    items = ranking.top_k(shown, max(k for _, k in cutoffs.values()))
    hits, n_relevant = ranking.hits(items, wanted), wanted.sum(axis=1)
    return {
        prefix + name: MEASURES[measure](hits[:, :k], n_relevant)
        for name, (measure, k) in cutoffs.items()
    }


def parsed(name: str) -> tuple[str, int]:
    """A metric's name and cut-off: "ndcg@20" is ("ndcg", 20).

    Raises:
        SettingError: There is no such metric.
    """
    measure, _, k = name.partition("@")
    if measure not in MEASURES or not k.isdecimal() or int(k) < 1:
        known = ", ".join(f"{measure}@k" for measure in MEASURES)
        raise SettingError(f"unknown ranking metric {name!r}: the ranking metrics are {known}")
    return measure, int(k)


def _type_loss(scorer: EventScorer, split: EventSplit, blocks: list[IntArray]) -> float | None:
    """The mean of -log P(kind | item, history) over the test events."""
    total = weight = 0.0
    for rows in blocks:
        owners, at = positions(split.test, rows)
        items, kinds = split.test.item_numbers[at], split.test.kind_numbers[at]
        probabilities = scorer.kind_probabilities(split.given, rows[owners], items)
        if probabilities is None:
            return None
        if probabilities.shape != (len(at), split.test.n_kinds):
            raise Conv4RecError(f"kind_probabilities returned {probabilities.shape}")
        if not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
            raise Conv4RecError("kind_probabilities must sum to one over the kinds")
        chosen = probabilities[np.arange(len(at)), kinds].astype(np.float64)
        total -= float(split.test.counts[at] @ np.log(np.maximum(chosen, SMALLEST)))
        weight += float(split.test.counts[at].sum())
    return total / weight if weight else None


def _pairs(events: Events, rows: IntArray, kinds: IntArray | None = None) -> BoolArray:
    """True at the pairs with an event, or with one of some kinds: rows × items."""
    owners, at = positions(events, rows)
    if kinds is not None:
        chosen = np.isin(events.kind_numbers[at], kinds)
        owners, at = owners[chosen], at[chosen]
    mask = np.zeros((len(rows), events.n_items), dtype=bool)
    mask[owners, events.item_numbers[at]] = True
    return mask
