"""What a fit to types will cost, from the counts of its log: processor time and peak memory.

Constants as in `conv4rec.train.cost_model`: nanoseconds of one reference processor.
"""

from __future__ import annotations

import numpy as np

from conv4rec.data import Events
from conv4rec.model.event_model import HIDDEN
from conv4rec.model.event_tables import DECAYS, MOST_SOURCES, NEIGHBOURS
from conv4rec.train.cost_model import LIBRARIES, CostEstimate
from conv4rec.train.event_candidates import BLOCK_BYTES, MOST_OWN, SAMPLED
from conv4rec.train.event_fit import MOST_EVENTS, SLIM_NEIGHBOURS
from conv4rec.train.event_holdout import ENOUGH, LATEST, RARE
from conv4rec.train.event_items import BATCH, EPOCHS, LEAST_STEPS
from conv4rec.train.slim import DENSE_ITEMS, GRAM_ENTRIES, SOLVED_BYTES

PAIR, ROW = 20.0, 8_000.0  # of two events of a user; of an item's neighbours by two types
# Of two items of a user; of two candidates of an item, where the Gram matrix is dense or sparse.
SLIM_PAIR, SLIM_DENSE, SLIM_SPARSE = 40.0, 75.0, 300.0
CELL, CANDIDATE = 8.0, 300.0  # of a channel of a user and an item; of a candidate in a step


def event_cost(log: Events, slowness: float = 1.0) -> CostEstimate:
    """Time and memory of `fit_events`; nothing is allocated.

    Args:
        log: its counts are read.
        slowness: of `machine_factor`; 1 for the reference processor.
    """
    n_types = len(log.types.names)
    n_sources = min(MOST_SOURCES, n_types + n_types * (log.types.levels is not None))
    timed = log.last is not None
    popularity = n_sources * (1 + timed * len(DECAYS)) + 1
    n_channels = n_sources * (3 + any(log.types.repeating) + timed) + 1 + popularity
    squares = float((np.diff(log.starts).astype(float) ** 2).sum())
    hidden = _hidden(log, timed)
    own = squares / max(1, len(log))  # of the user of an event
    own *= 1 - timed * float(np.mean(LATEST[: len(hidden)]))  # of what comes before it
    kept = np.minimum(hidden, MOST_EVENTS // len(hidden))
    users = log.n_users * -np.expm1(-kept / max(1, log.n_users))  # different ones
    n_tables, neighbours = len(hidden) + 1, log.n_items * n_types * n_sources
    n_batches = np.ceil(kept.sum(0) / BATCH).sum()
    candidates = SAMPLED + min(own, MOST_OWN)
    per_step = kept.sum() / max(1.0, n_batches) * candidates
    slim_ns, slim_bytes = _slim(squares, log.n_items)
    stages = {
        "types: neighbours": n_tables * (PAIR * squares + ROW * neighbours),
        "types: SLIM": n_tables * slim_ns,
        "types: hidden events": CELL * users.sum() * log.n_items * n_channels,
        "types: training": max(LEAST_STEPS, EPOCHS * n_batches) * per_step * CANDIDATE,
    }
    channels = 2 * kept.sum() * candidates * 4 * n_channels
    step = 4 * per_step * (2 * n_channels + 6 * HIDDEN)
    tables = 2 * 8 * min(NEIGHBOURS * neighbours, squares)
    seconds = {name: round(1e-9 * float(ns) * slowness, 3) for name, ns in stages.items()}
    bytes_ = LIBRARIES + channels + max(slim_bytes, step) + tables + 3 * BLOCK_BYTES
    return CostEstimate(round(sum(seconds.values()), 1), round(bytes_ / 1e6), seconds)


def _slim(squares: float, n_items: int) -> tuple[float, float]:
    """Nanoseconds and bytes of one fit of SLIM."""
    is_dense = n_items <= DENSE_ITEMS
    candidates = min(float(SLIM_NEIGHBOURS), squares / max(1, n_items))
    systems = n_items * candidates**2 * (SLIM_DENSE if is_dense else SLIM_SPARSE)
    gram = 16 * min(squares, n_items**2, GRAM_ENTRIES) + is_dense * 2 * n_items**2
    return SLIM_PAIR * squares + systems, gram + 2 * SOLVED_BYTES


def _hidden(log: Events, timed: bool) -> np.ndarray:
    """How many events are hidden, about: times x types."""
    n_cells = np.bincount(log.type_numbers, minlength=len(log.types.names))
    if not timed:
        pairs = log.user_numbers.astype(np.int64) * len(n_cells) + log.type_numbers
        of_user, size = np.unique(pairs, return_counts=True)
        return np.bincount(of_user[size > 1] % len(n_cells), minlength=len(n_cells))[None]
    parts = np.outer(LATEST, n_cells)
    enough = (parts.cumsum(0)[:, n_cells >= RARE * n_cells.sum()] >= ENOUGH).all(1)
    return parts[: int(enough.argmax()) + 1 if enough.any() else len(parts)]
