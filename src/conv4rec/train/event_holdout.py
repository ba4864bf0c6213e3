"""Which events of a log with types are hidden, for the model to learn to predict."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from conv4rec.data import Events

LATEST = (0.1, 0.25, 0.5)  # of the cells of a log with timestamps: hidden, each from what is before
ENOUGH = 1_000  # hidden events of every type that is not rare: then no more is hidden
RARE = 0.01  # of the cells


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


def hide_events(log: Events, rng: np.random.Generator) -> list[Hidden]:
    """Hide the latest part of the log, several times, or one event of each user and type.

    With timestamps the latest tenth is hidden from what came before. As long as some type has
    fewer than 1,000 hidden events, so is the latest quarter, then the latest half: what comes soon
    and what comes later. Types of less than a hundredth of the log do not count.
    Of a cell with several events only the first and the last time are known.

    Without timestamps, an event is predicted from all others of its user, the hidden ones of other
    types among them: a viewed item is bought with its view in the history. A user's only event of
    a type is not hidden, so that what a history holds does not tell what was hidden from it.
    """
    if log.last is None or log.first is None or not _timed(log.last).any():
        return [_one_of_each(log, rng)]
    known = log.last[_timed(log.last)]
    span = max(1, int(known.max()) - int(known.min()))
    common = np.bincount(log.type_numbers, minlength=len(log.types.names)) >= RARE * len(log)
    found: list[Hidden] = []
    counts = np.zeros(len(log.types.names))
    for start in np.quantile(known, 1 - np.array(LATEST)).astype(np.int64).tolist():
        found.append(_latest(log, log.first, log.last, start, span))
        counts += np.bincount(found[-1].types, minlength=len(counts))
        if (counts[common] >= ENOUGH).all():
            break
    return found


def _timed(times: np.ndarray) -> np.ndarray:
    return times > np.iinfo(np.int64).min


def _latest(log: Events, first: np.ndarray, last: np.ndarray, start: int, span: int) -> Hidden:
    """Hide the events from a time on from what came before it."""
    hidden = _timed(last) & (last >= start)
    goes_on = last >= start
    rest = replace(
        log,
        last=np.where(goes_on, first, last),
        counts=np.where(goes_on, np.maximum(log.counts - 1, 1), log.counts),
    ).select(first < start)
    return Hidden(rest, (rest,) * len(log.types.names), *_events(log, hidden), start, span)


def _one_of_each(log: Events, rng: np.random.Generator) -> Hidden:
    """Hide a random event of each user and type."""
    users, types = log.user_numbers.astype(np.int64), log.type_numbers
    group = users * len(log.types.names) + types
    order = np.lexsort((rng.random(len(log)), group))
    is_first = np.concatenate([[True], np.diff(group[order]) > 0])[: len(order)]
    size = np.bincount(group, minlength=1)[group[order]]
    hidden = np.zeros(len(log), dtype=bool)
    hidden[order[is_first & (size > 1)]] = True
    rest = _without(log, hidden)
    of_type = [hidden & (types == number) for number in range(len(log.types.names))]
    histories = tuple(_without(log, own) for own in of_type)
    return Hidden(rest, histories, *_events(log, hidden), None, None)


def _events(log: Events, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return log.user_numbers[hidden], log.item_numbers[hidden], log.type_numbers[hidden]


def _without(log: Events, hidden: np.ndarray) -> Events:
    """Take one event from the hidden cells, and the cells that have none left from the log."""
    counts = np.where(hidden, log.counts - 1, log.counts)
    return replace(log, counts=counts).select(counts > 0)
