"""Baselines: popularity, means and EASE."""

from __future__ import annotations

from collections.abc import Callable

from conv4rec.baselines.base import Baseline
from conv4rec.baselines.ease import EASE
from conv4rec.baselines.means import Means
from conv4rec.baselines.popularity import Popularity
from conv4rec.errors import SettingError

__all__ = ["BASELINES", "EASE", "Baseline", "Means", "Popularity", "baseline"]

BASELINES: dict[str, Callable[[], Baseline]] = {
    "popularity": Popularity,
    "means": Means,
    "ease": EASE,
}
"""The baselines by their names in tables and on the command line."""


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
