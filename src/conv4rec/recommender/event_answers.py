"""What a model of a log with types answers: lists by type, and probabilities of pairs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Events
from conv4rec.errors import SettingError
from conv4rec.evaluate.ranking import top_k
from conv4rec.model.event_model import EventModel
from conv4rec.recommender.event_explanation import reason_columns
from conv4rec.recommender.list_request import check_count, check_switch
from conv4rec.recommender.list_scores import ORDERS

NEXT = "next"
"""The kind of list by the next event of any type; by "consume" it is the same without ratings."""
PREFIX = "type:"
"""Before the name of a type that is also a kind of list."""


@dataclass(frozen=True)
class EventRequest:
    """What to list for each user.

    Raises:
        SettingError: A value is out of range.
    """

    by: str
    """A type, or "next"."""
    k: int
    excluded: tuple[str, ...]
    """Types: items with such an event in the history are left out."""
    allowed: np.ndarray
    """items, bool: False where an item may never be listed."""
    reasons: int = 0

    def __post_init__(self) -> None:
        check_count("k", self.k)
        check_count("reasons", self.reasons, least=0)


class EventAnswers:
    """A fitted model of a log with types, and the log.

    Args:
        model: fitted.
        log: that it was fitted to.
        max_memory_mb: limit on arrays with a cell per user and item, in MB.
    """

    def __init__(self, model: EventModel, log: Events, max_memory_mb: float) -> None:
        self.model, self.log, self.max_memory_mb = model, log, max_memory_mb

    def kind_of_list(self, by: str, is_rated: bool) -> str | None:
        """The type that a list is by, or "next"; None for the kinds of list of a log of ratings.

        Args:
            by: as asked. The name of a kind of list is that kind where there are ratings, and
                "type:<name>" is always a type.
            is_rated: whether there is a model of ratings.

        Raises:
            SettingError: There is no such type and no such kind of list.
        """
        types = self.log.types
        if isinstance(by, str) and by.startswith(PREFIX):
            return types.checked([by.removeprefix(PREFIX)], "by")[0]
        if is_rated and by in ORDERS:
            return None
        if by in types.names or by == NEXT:
            return by
        if by == "consume":
            return NEXT
        kinds = (*types.names, NEXT, *(ORDERS if is_rated else ()))
        raise SettingError(f"by must be one of {', '.join(kinds)}; got {by!r}")

    def request(
        self,
        by: str,
        k: int,
        exclude: Collection[str] | None,
        exclude_seen: bool,
        allowed: np.ndarray,
        reasons: int,
    ) -> EventRequest:
        """Check what is asked; by default a type that does not repeat excludes its own items.

        Raises:
            SettingError: A type is unknown, or `exclude` is asked for and switched off.
        """
        types = self.log.types
        check_switch("exclude_seen", exclude_seen)
        if exclude is not None and not exclude_seen:
            raise SettingError("exclude names what to leave out, exclude_seen=False leaves nothing")
        if reasons and by == NEXT:
            raise SettingError("reasons are of one type: rank by a type, not by 'next'")
        excluded = ()
        if exclude is not None:
            excluded = types.checked(
                exclude if isinstance(exclude, str) else list(exclude), "exclude"
            )
        elif exclude_seen and by == NEXT:
            excluded = types.names
        elif exclude_seen and not types.repeats(by):
            excluded = (by,)
        return EventRequest(by, k, excluded, allowed, reasons)

    def blocks(self, n_users: int) -> Iterator[np.ndarray]:
        """The numbers of some users, as many at a time as fit the memory.

        Raises:
            SettingError: Not even one user fits.
        """
        cell = (self.model.cell_bytes() + 8 * len(self.log.types.names)) * self.log.n_items
        size = int(self.max_memory_mb * 2**20 // cell)
        if size < 1:
            raise SettingError(
                f"max_memory_mb={self.max_memory_mb:g} is too little to score one user on "
                f"{self.log.n_items:,} items: give at least {cell / 2**20 + 0.05:.1f}"
            )
        for first in range(0, n_users, size):
            yield np.arange(first, min(first + size, n_users))

    def scores(self, part: Events, by: str) -> np.ndarray:
        """P(i | next event is of type `by`), or P(i) of any event: users x items, float32."""
        if by != NEXT:
            return np.exp(self.model.log_p_items(part, self.log.types.number(by)))
        p_types = np.exp(self.model.log_p_types(part))
        return sum(
            p_types[:, [number]] * np.exp(self.model.log_p_items(part, number))
            for number in range(p_types.shape[1])
        )  # type: ignore[return-value]

    def lists(self, histories: Events, request: EventRequest) -> Iterator[pl.DataFrame]:
        """The lists of `Conv4Rec.recommend` by a type or by "next", in frames of a few users."""
        name = f"p_{request.by}"
        for rows in self.blocks(histories.n_users):
            part = histories.take_users(rows)
            scores = self.scores(part, request.by)
            ranked = np.where(scores > 0, scores, -np.inf)
            ranked[:, ~request.allowed] = -np.inf
            gone = part.of_types(request.excluded)
            ranked[gone.user_numbers, gone.item_numbers] = -np.inf
            listed = top_k(ranked, min(int(request.k), ranked.shape[1]))
            users, ranks = np.nonzero(listed >= 0)
            items = listed[users, ranks]
            columns: dict[str, Any] = {
                "user_id": part.users.ids(users),
                "item_id": part.items.ids(items),
                "rank": (ranks + 1).astype(np.int32),
                "score": scores[users, items],
                name: scores[users, items],
            }
            if request.reasons:
                target, n = self.log.types.number(request.by), request.reasons
                columns |= reason_columns(self.model, part, target, users, items, n)
            yield pl.DataFrame(columns)

    def pairs(self, histories: Events, users: np.ndarray, items: np.ndarray) -> dict[str, Any]:
        """The columns of `Conv4Rec.predict` for parallel rows and items.

        p_next, p_<type> for each type (P(i | next event is of the type)), and share_<type>: P(type
        | next event is with the item).
        """
        names = self.log.types.names
        p_items = np.zeros((len(users), len(names)), dtype=np.float32)
        p_types = np.zeros_like(p_items)
        asked = np.unique(users)
        for block in self.blocks(len(asked)):
            rows = asked[block]
            part = histories.take_users(rows)
            pair = np.flatnonzero((users >= rows[0]) & (users <= rows[-1]))
            place = np.searchsorted(rows, users[pair])
            p_types[pair] = np.exp(self.model.log_p_types(part))[place]
            for number in range(len(names)):
                log_p = self.model.log_p_items(part, number)
                p_items[pair, number] = np.exp(log_p[place, items[pair]])
        joint = p_items * p_types
        p_next = joint.sum(1)
        # Where nothing can come next, the types are as likely as for any item.
        shares = np.where(p_next[:, None] > 0, joint, p_types)
        shares = shares / shares.sum(1, keepdims=True)
        columns = {"p_next": p_next}
        columns |= {f"p_{name}": p_items[:, number] for number, name in enumerate(names)}
        return columns | {f"share_{name}": shares[:, n] for n, name in enumerate(names)}
