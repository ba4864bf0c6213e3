"""What a log with types says about its items: neighbours, and how often each type came."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from conv4rec.data import Events, EventTypes

NEIGHBOURS = 100  # of an item, for each type of the neighbour and each type of the item
SHRINKAGE = 5.0  # added to both counts of a cosine: pairs of rare items are similar by chance
DECAYS = (0.01, 0.05, 0.2)  # of recent counts: a fraction of the time that the log spans
MOST_SOURCES = 8  # sources are heard, the commonest first
ROWS = 512  # of co-occurrences at a time


@dataclass(frozen=True, eq=False)
class EventTables:
    """Tables over the items, which `conv4rec.model.event_channels` reads.

    A source is what a history is heard by: a type or, of a type with ratings, its upper or its
    lower half of levels. There are at most eight, the commonest.

    Memory: 8 bytes x 100 x items x (types x sources + 1), and 4 x items x sources x (1 or 4).
    """

    types: EventTypes
    sources: tuple[tuple[int, ...], ...]
    """The kinds of each source."""
    neighbours: tuple[tuple[sparse.csr_array, ...], ...]
    """By type, by source: items of the history x items that may come next, float32 cosines."""
    slim: sparse.csr_array
    """Items of the history x items that may come next, float32: the weights of the SLIM component
    (see `conv4rec.model.slim`), fitted to the pairs of any type."""
    popularity: np.ndarray
    """items x (sources (x 4 if timed) + 1), float32: log(1 + users), then log(1 + recent users);
    last whether nobody met the item."""
    now: int | None
    """The time of the answers: the latest in the log, in seconds; None without timestamps."""
    span: int
    """The time that the log spans, in seconds, at least 1."""
    counted: bool
    """Whether how often an event came is heard, beside whether."""

    @classmethod
    def of(
        cls,
        log: Events,
        slim: sparse.csr_array,
        now: int | None = None,
        span: int | None = None,
        sources: tuple[tuple[int, ...], ...] | None = None,
    ) -> EventTables:
        """Count a log, to which `slim` is fitted.

        Without `now`, `span` and `sources`, its own are taken.

        Cost: the sum over users of the product of their events of two types, for all two types.
        """
        sources = _sources(log) if sources is None else sources
        heard = [_distinct(log, kinds) for kinds in sources]
        wanted = [_distinct(log, tuple(log.types.kinds(n).tolist())) for n in log.types.names]
        if log.last is not None:
            known = log.last[log.last > np.iinfo(np.int64).min]
            now = int(known.max(initial=0)) if now is None else now
            span = max(1, now - int(known.min(initial=now))) if span is None else span
        neighbours = tuple(tuple(_cosines(x, y) for x in heard) for y in wanted)
        counted = any(log.types.repeating)
        popularity = _popularity(log, sources, now, span or 1)
        return cls(log.types, sources, neighbours, slim, popularity, now, span or 1, counted)

    @property
    def timed(self) -> bool:
        """Whether the log has timestamps."""
        return self.now is not None

    @cached_property
    def log_shares(self) -> np.ndarray:
        """Items, float32: minus the log of how many items nobody met, of these items; else 0.

        Added to the logits: the items that nobody met share one chance, which is learnt from the
        hidden events on items that the rest of the log does not have (Good 1953). How many such
        items there are differs from time to time, and is no reason for a larger chance.
        """
        unmet = self.popularity[:, -1]
        return -unmet * np.log(max(1.0, unmet.sum())).astype(np.float32)

    @property
    def source_of_kind(self) -> np.ndarray:
        """The source of each kind, int64; -1 for a kind that is not heard."""
        found = np.full(self.types.n_kinds, -1)
        for number, kinds in enumerate(self.sources):
            found[list(kinds)] = number
        return found


def ages(times: np.ndarray, now: int, span: int) -> np.ndarray:
    """How long ago, as a fraction of the log's span from 0 to 1; 1 where unknown."""
    known = times > np.iinfo(np.int64).min
    return np.where(known, np.clip((now - np.where(known, times, 0)) / span, 0.0, 1.0), 1.0)


def _sources(log: Events) -> tuple[tuple[int, ...], ...]:
    """The commonest sources, in the order of their kinds."""
    types, found = log.types, []
    for name in types.names:
        kinds = types.kinds(name).tolist()
        rated = [kind for kind in kinds if types.kind_levels[kind] >= 0]
        middle = len(rated) // 2
        halves = (rated[:middle], rated[middle:]) if len(rated) > 1 else (rated,)
        parts = (*halves, [kind for kind in kinds if kind not in rated])
        found += [tuple(part) for part in parts if part]
    n_cells = np.bincount(log.kind_numbers, minlength=types.n_kinds)
    by_size = sorted(found, key=lambda kinds: (-int(n_cells[list(kinds)].sum()), kinds))
    return tuple(sorted(by_size[:MOST_SOURCES]))


def _distinct(log: Events, kinds: tuple[int, ...]) -> sparse.csr_array:
    """Users x items: 1 where a pair has any of these kinds."""
    matrix = log.to_csr(kinds)
    matrix.data[:] = 1.0
    return matrix


def _cosines(source: sparse.csr_array, target: sparse.csr_array) -> sparse.csr_array:
    users_of = [np.asarray(side.sum(0)).ravel() + SHRINKAGE for side in (source, target)]
    (n_source, n_target), n_items = users_of, len(users_of[0])
    columns = sparse.csr_array(target.T)
    starts, indices, values = [0], [], []
    for first in range(0, n_items, ROWS):
        together = sparse.csr_array(columns[first : first + ROWS] @ source)
        ends: np.ndarray = np.asarray(together.indptr)
        for row in range(len(ends) - 1):
            own = slice(ends[row], ends[row + 1])
            items, item = together.indices[own], first + row
            cosine = together.data[own] / np.sqrt(n_target[item] * n_source[items])
            cosine[items == item] = 0.0  # what was done with the item itself is another channel
            best = np.argsort(-cosine, kind="stable")[:NEIGHBOURS]
            best = best[cosine[best] > 0]
            indices.append(items[best])
            values.append(cosine[best].astype(np.float32))
            starts.append(starts[-1] + len(best))
    arrays = (np.concatenate(values), np.concatenate(indices).astype(np.int32), np.array(starts))
    return sparse.csr_array(sparse.csr_array(arrays, shape=(n_items, n_items)).T)


def _popularity(
    log: Events, sources: tuple[tuple[int, ...], ...], now: int | None, span: int
) -> np.ndarray:
    """In logs, users of each item by source, and of timed logs how many of them lately; unmet."""
    cells = [np.isin(log.kind_numbers, kinds) for kinds in sources]
    weights = [np.ones(len(log))]
    if now is not None and log.last is not None:
        weights += [np.exp(-ages(log.last, now, span) / decay) for decay in DECAYS]
    columns = [
        np.bincount(log.item_numbers[own], weight[own], minlength=log.n_items)
        for weight in weights
        for own in cells
    ]
    unmet = np.bincount(log.item_numbers, minlength=log.n_items) == 0
    return np.column_stack([np.log1p(np.stack(columns, axis=1)), unmet]).astype(np.float32)
