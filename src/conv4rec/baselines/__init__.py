"""Baselines: popularity, means, EASE; rules of thumb for logs with types."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from conv4rec.baselines.base import Baseline, EventBaseline
from conv4rec.baselines.ease import EASE
from conv4rec.baselines.item_cosine import ItemCosine
from conv4rec.baselines.means import Means
from conv4rec.baselines.of_pairs import OfPairs
from conv4rec.baselines.own_events import OwnEvents
from conv4rec.baselines.popularity import Popularity
from conv4rec.baselines.typed_popularity import TypedPopularity
from conv4rec.errors import SettingError

__all__ = [
    "BASELINES",
    "EASE",
    "EVENT_BASELINES",
    "Baseline",
    "EventBaseline",
    "ItemCosine",
    "Means",
    "OfPairs",
    "OwnEvents",
    "Popularity",
    "TypedPopularity",
    "baseline",
]

BASELINES: dict[str, Callable[[], Baseline]] = {
    "popularity": Popularity,
    "means": Means,
    "ease": EASE,
}
"""The baselines by their names in tables and on the command line."""

EVENT_BASELINES: dict[str, Callable[[], EventBaseline]] = {
    "popularity": TypedPopularity,
    "recent-popularity": partial(TypedPopularity, recent=True),
    "own-events": OwnEvents,
    "own-converting": partial(OwnEvents, converting=True),
    "item-knn": ItemCosine,
    "weighted-cosine": partial(ItemCosine, union=True),
    "ease-target": partial(OfPairs, EASE),
    "ease-union": partial(OfPairs, EASE, union=True),
}
"""The baselines of logs with types by their names."""


def baseline(name: str) -> Baseline:
    """Make a baseline, not yet fitted, from its name.

    Raises:
        SettingError: There is no such baseline.

    >>> baseline("means").reg_user is None
    True
    """
    if name not in BASELINES:
        raise SettingError(f"unknown baseline {name!r}: the baselines are {', '.join(BASELINES)}")
    return BASELINES[name]()
