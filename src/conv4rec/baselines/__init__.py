"""The floors: popularity, means and EASE, which every deeper recommender must beat."""

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
"""The floors by the name that tables and the command line use."""


def baseline(name: str) -> Baseline:
    """Make a floor, not yet fitted, from its name.

    Raises:
        SettingError: There is no such floor.

    >>> baseline("means").reg_user is None
    True
    """
    if name not in BASELINES:
        raise SettingError(f"unknown floor {name!r}: the floors are {', '.join(BASELINES)}")
    return BASELINES[name]()
