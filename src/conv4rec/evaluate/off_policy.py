"""What share of a list would be liked if it were shown, told from the ratings that there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.evaluate.resample import LEVEL, ratio_bootstrap
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray
from conv4rec.evaluate.uncertainty import Difference

MIN_HITS = 20
"""Of fewer, a bootstrap cannot say how unsure an estimate is: all may be liked by chance."""


@dataclass(frozen=True, eq=False)
class OffPolicy:
    """The estimate of one kind of list, and what it rests on; see `liked_if_shown`."""

    share: float | None
    """Estimated share of places that would be liked if shown; None with too few hits."""
    low: float | None
    high: float | None
    """95% interval over users (see `liked_if_shown`)."""
    hits: int
    """Test ratings of listed items."""
    effective_hits: float
    """(sum of weights)² / sum of weights²: as good as so many hits of equal weight (Kish 1965)."""
    hits_liked: float | None
    """Share of the hits that are liked, each counting once. The right figure where the test items
    were shown at random; elsewhere people have chosen to see them, and it is too high."""
    liked_weight: FloatArray
    weight: FloatArray
    """Sums over each user's hits of liked / p and of 1 / p."""

    def to_dict(self) -> dict[str, float | None]:
        """For a record."""
        names = ("share", "low", "high", "hits", "effective_hits", "hits_liked")
        return {name: getattr(self, name) for name in names}


def liked_if_shown(
    items: IntArray,
    rows: IntArray,
    rated_items: IntArray,
    liked: BoolArray,
    propensities: FloatArray,
    min_hits: int = MIN_HITS,
    seed: int = 0,
) -> OffPolicy:
    """The self-normalised inverse-propensity estimate of the share of a list that is liked.

        share = sum_H liked / p  /  sum_H 1 / p

    over the hits H: test ratings of items in the list of the person who gave them, with p the
    chance that such a pair was rated in the test. An item that is seldom rated stands for all the
    people to whom it is listed and who have not rated it. Lists of every model must be judged
    with the same p.

    People are resampled with all their hits for the 95% interval. Where every hit is liked, or
    none, resamples are all alike: then it is the exact binomial one (Clopper and Pearson, 1934)
    of as many trials as there are effective hits.

    Args:
        items: Lists, people × k item numbers, -1 where one is short.
        rows: The person of each test rating, as a row of `items`.
        rated_items: Its item.
        liked: Whether the rating is a like.
        propensities: p of each test rating, above 0.
        min_hits: With fewer hits there is no estimate.
        seed: Of the interval.

    Raises:
        SettingError: A propensity is not above 0.

    Reference:
        Schnabel, Swaminathan, Singh, Chandak, Joachims, "Recommendations as treatments:
        debiasing learning and evaluation", ICML 2016, section 3 (the SNIPS estimator).
    """
    propensities = np.asarray(propensities, dtype=np.float64)
    if not (propensities > 0).all():
        raise SettingError("propensities must be above 0: what is never rated cannot be judged")
    is_hit = in_lists(items, rows, rated_items)
    owners, won = rows[is_hit], np.asarray(liked, dtype=bool)[is_hit]
    weights = 1 / propensities[is_hit]
    total = np.bincount(owners, weights, minlength=len(items)).astype(np.float64)
    good = np.bincount(owners, weights * won, minlength=len(items)).astype(np.float64)
    n_hits, with_hits = len(won), total > 0
    effective = float(weights.sum() ** 2 / (weights**2).sum()) if n_hits else 0.0
    share = low = high = None
    if n_hits >= max(min_hits, 1):
        found = ratio_bootstrap((good[with_hits], total[with_hits]), seed=seed)
        share, low, high = found.mean, found.low, found.high
        if won.all() or not won.any():
            low, high = _of_one_kind(effective, bool(won[0]))
    return OffPolicy(
        share=share,
        low=low,
        high=high,
        hits=n_hits,
        effective_hits=effective,
        hits_liked=float(won.mean()) if n_hits else None,
        liked_weight=good,
        weight=total,
    )


def compare_shown(first: OffPolicy, second: OffPolicy, seed: int = 0) -> Difference | None:
    """First minus second, over the same people; None where one has no estimate."""
    if first.weight.shape != second.weight.shape:
        raise SettingError("the lists are not of the same people: measure both on one split")
    if first.share is None or second.share is None:
        return None
    kept = (first.weight > 0) | (second.weight > 0)
    sides = [(each.liked_weight[kept], each.weight[kept]) for each in (first, second)]
    return ratio_bootstrap(sides[0], sides[1], seed=seed)


def _of_one_kind(n: float, liked: bool) -> tuple[float, float]:
    """The interval of a share of n like outcomes: that has 2.5% at the far end."""
    far = ((1 - LEVEL) / 2) ** (1 / n)
    return (far, 1.0) if liked else (0.0, 1 - far)


def in_lists(items: IntArray, rows: IntArray, wanted: IntArray) -> BoolArray:
    """Whether each wanted item is in the list of its row.

    >>> in_lists(np.array([[3, 1], [2, -1]]), np.array([0, 1]), np.array([1, 1]))
    array([ True, False])
    """
    found = np.zeros(len(rows), dtype=bool)
    for place in range(items.shape[1]):
        found |= items[rows, place] == wanted
    return found
