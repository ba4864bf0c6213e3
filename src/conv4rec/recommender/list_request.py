"""What a list is asked to hold, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from conv4rec.checks import check_count
from conv4rec.data import Interactions
from conv4rec.data.given_ids import numbers_given
from conv4rec.errors import SettingError
from conv4rec.recommender.configuration import check_choice
from conv4rec.recommender.discovery import DiscoveryCriteria
from conv4rec.recommender.explanation import check_explained
from conv4rec.recommender.list_scores import UNCERTAIN_LISTS, ListSpec, Order

MOST_REASONS = 1000  # each is two columns


@dataclass(frozen=True)
class ListRequest:
    """What to list for each user.

    Raises:
        SettingError: A value is out of range.
    """

    spec: ListSpec
    k: int
    exclude_seen: bool
    allowed: np.ndarray
    """items, bool: False where an item may never be listed."""
    reasons: int = 0
    """How many reasons for each item."""

    def __post_init__(self) -> None:
        check_count("k", self.k)
        check_count("reasons", self.reasons, least=0, most=MOST_REASONS)
        check_switch("exclude_seen", self.exclude_seen)
        if self.reasons:
            check_explained(self.spec.by, self.spec.like_level)  # type: ignore[arg-type]

    @property
    def why_short(self) -> str:
        """Why a list may have fewer than k items."""
        causes = ["the history is left out"] if self.exclude_seen else []
        if not self.allowed.all():
            causes.append(f"allow and block leave {int(self.allowed.sum()):,} items")
        criteria = self.spec.criteria
        if self.spec.by == "discover" and (criteria.novelty or criteria.min_p_like != 0):
            causes.append(criteria.why)
        return " and ".join(causes) or f"the catalogue has {len(self.allowed):,} items"


def allowed_items(known: Interactions, allow: Any, block: Any) -> np.ndarray:
    """Which items may be listed: items, bool.

    Args:
        known: the catalogue.
        allow: the ids of all that may (see `given_ids`), or None.
        block: the ids of those that may not, or None.

    Raises:
        UnknownItemError: An id is not in the training data.
        DataError: There are no ids in an argument.
    """
    allowed = np.full(known.n_items, allow is None)
    if allow is not None:
        allowed[numbers_given(known.items, allow)] = True
    if block is not None:
        allowed[numbers_given(known.items, block)] = False
    return allowed


def check_switch(name: str, value: Any) -> None:
    """Raise unless a value is True or False.

    Raises:
        SettingError: It is not.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise SettingError(f"{name} must be True or False; got {value!r}")


def check_criteria(by: str, criteria: DiscoveryCriteria, limit_exposure: bool) -> None:
    """Raise if a criterion is changed that this kind of list does not read.

    Raises:
        SettingError: It is, or there is no such kind of list.
    """
    check_choice("by", by, Order)
    check_switch("limit_exposure", limit_exposure)
    unchanged = DiscoveryCriteria(confidence=criteria.confidence)
    if by != "discover" and criteria != unchanged:
        raise SettingError(f"novelty and min_p_like are for by='discover'; got by={by!r}")
    if by not in UNCERTAIN_LISTS and not (unchanged == DiscoveryCriteria() and limit_exposure):
        kinds = ", ".join(UNCERTAIN_LISTS)
        raise SettingError(f"confidence and limit_exposure are for by {kinds}; got by={by!r}")
