"""Which events of a log with types are hidden, for the model to learn to predict."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from conv4rec.data import Events

LATEST = 0.1  # of the cells of a log with timestamps: hidden


@dataclass(frozen=True)
class Hidden:
    """A log without some of its events, and these events."""

    rest: Events
    """Without all hidden events: what tables are counted on."""
    histories: tuple[Events, ...]
    """By type: what its hidden events are predicted from."""
    users: np.ndarray
    items: np.ndarray
    types: np.ndarray
    now: int | None
    """The time at which the hidden events are predicted, in seconds."""
    span: int | None
    """The time that the whole log spans, in seconds."""


def hide_events(log: Events, rng: np.random.Generator) -> Hidden:
    """Hide the last tenth in time or, without timestamps, one event of each user and type.

    A user's only event of a type is not hidden, so that what a history holds does not tell what
    was hidden from it. Without timestamps, an event is predicted from all others of its user, the
    hidden ones of other types among them: a viewed item is bought with its view in the history.
    Of a cell with several events, the last is hidden; of the time of the others, only that of the
    first is known.
    """
    if log.last is not None and log.first is not None and _timed(log.last).any():
        known = _timed(log.last)
        now = int(np.quantile(log.last[known], 1 - LATEST))
        hidden = known & (log.last >= now)
        first = int(log.last[known].min())
        span = max(1, int(log.last.max()) - first)
        left = replace(log, last=np.where(hidden, log.first, log.last))
        before = ~hidden | ((log.first < now) & (log.counts > 1))
        rest = _without(left, hidden, before)
        histories = (rest,) * len(log.types.names)
        return Hidden(rest, histories, *_events(log, hidden), now, span)
    users, types = log.user_numbers.astype(np.int64), log.type_numbers
    group = users * len(log.types.names) + types
    order = np.lexsort((rng.random(len(log)), group))
    is_first = np.concatenate([[True], np.diff(group[order]) > 0])[: len(order)]
    size = np.bincount(group, minlength=1)[group[order]]
    hidden = np.zeros(len(log), dtype=bool)
    hidden[order[is_first & (size > 1)]] = True
    before = ~hidden | (log.counts > 1)
    rest = _without(log, hidden, before)
    of_type = [hidden & (types == number) for number in range(len(log.types.names))]
    histories = tuple(_without(log, own, before | ~own) for own in of_type)
    return Hidden(rest, histories, *_events(log, hidden), None, None)


def _timed(times: np.ndarray) -> np.ndarray:
    return times > np.iinfo(np.int64).min


def _events(log: Events, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return log.user_numbers[hidden], log.item_numbers[hidden], log.type_numbers[hidden]


def _without(log: Events, hidden: np.ndarray, before: np.ndarray) -> Events:
    """Take one event from the hidden cells, and the cells that have none left from the log."""
    counts = np.where(hidden & before, log.counts - 1, log.counts)
    return replace(log, counts=counts).select(before)
