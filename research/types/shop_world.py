"""A synthetic world with a known law of the next event: which item, and which type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from conv4rec.data.events import Events
from conv4rec.data.ids import Ids


@dataclass(frozen=True)
class ShopWorld:
    """Users view items of one shelf and buy what they viewed, each item once.

    The next event is the purchase of a viewed item that is not bought yet with probability
    `p_buy`, each of them as likely; else (and whenever there is none) it is the view of a new item
    of the user's shelf, in proportion to its attraction. So P(item, type | history) is known.

    >>> world = ShopWorld(n_shelves=2, shelf_size=4)
    >>> log = world.sample(3, 5, np.random.default_rng(0))
    >>> log.n_items, log.types.names
    (8, ('buy', 'view'))
    >>> p = world.law(log.take_users(np.array([0])))
    >>> p.shape, round(float(p.sum()), 6)
    ((1, 8, 2), 1.0)
    """

    n_shelves: int = 3
    shelf_size: int = 12
    p_buy: float = 0.4

    @property
    def n_items(self) -> int:
        """Number of items, those of a shelf side by side."""
        return self.n_shelves * self.shelf_size

    @property
    def attraction(self) -> np.ndarray:
        """Of each place of a shelf: proportional to 1 / rank."""
        weights = 1.0 / np.arange(1, self.shelf_size + 1)
        return weights / weights.sum()

    def sample(self, n_users: int, n_events: int, rng: np.random.Generator) -> Events:
        """Events of new users, each of a random shelf, at random times.

        Args:
            n_users: How many.
            n_events: Of each user; fewer where nothing is left.
            rng: Where all draws come from.
        """
        rows = []
        for user in range(n_users):
            shelf = int(rng.integers(self.n_shelves)) * self.shelf_size
            viewed, bought = np.zeros((2, self.shelf_size), dtype=bool)
            for time in np.sort(rng.integers(0, 1_000_000, n_events)).tolist():
                p = self._next(viewed, bought)
                if p.sum() == 0:
                    break
                place, kind = divmod(int(rng.choice(p.size, p=p.ravel())), 2)
                (bought if kind == 0 else viewed)[place] = True
                rows.append((user, shelf + place, "buy" if kind == 0 else "view", time))
        schema = {"user_id": pl.Int64, "item_id": pl.Int64, "type": pl.String}
        table = pl.DataFrame(rows, schema={**schema, "timestamp": pl.Int64}, orient="row")
        items = Ids(pl.Series(range(self.n_items)), "item")
        return Events.from_frame(table, items=items)

    def law(self, histories: Events) -> np.ndarray:
        """P(item, type | history), users x items x (buy, view), of users with a history."""
        law = np.zeros((histories.n_users, self.n_items, 2))
        for user in range(histories.n_users):
            own = slice(histories.starts[user], histories.starts[user + 1])
            items, kinds = histories.item_numbers[own], histories.kind_numbers[own]
            shelf = items[0] // self.shelf_size * self.shelf_size
            viewed, bought = np.zeros((2, self.shelf_size), dtype=bool)
            bought[items[kinds == 0] - shelf], viewed[items[kinds == 1] - shelf] = True, True
            law[user, shelf : shelf + self.shelf_size] = self._next(viewed, bought)
        return law

    def _next(self, viewed: np.ndarray, bought: np.ndarray) -> np.ndarray:
        """P(place, type) of one user: shelf_size x 2; 0 if nothing is left."""
        waiting, new = viewed & ~bought, ~viewed * self.attraction
        p_buy = self.p_buy if new.sum() else 1.0
        p_buy = p_buy if waiting.any() else 0.0
        p = np.zeros((self.shelf_size, 2))
        p[:, 0] = p_buy * waiting / max(1, waiting.sum())
        p[:, 1] = (1 - p_buy) * new / max(new.sum(), 1e-300)
        return p
