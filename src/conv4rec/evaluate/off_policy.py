"""Off-policy estimate of the share of a list that would be liked if it were shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.evaluate.resample import LEVEL, ratio_bootstrap
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray
from conv4rec.evaluate.uncertainty import Difference

MIN_HITS = 20
"""With fewer hits there is no estimate: a bootstrap interval of so few means nothing."""


@dataclass(frozen=True, eq=False)
class OffPolicy:
    """The estimate for one kind of list, and the number of ratings behind it."""

    share: float | None
    """Estimated share of places that would be liked if shown; None with too few hits."""
    low: float | None
    high: float | None
    """95% interval over users (see `liked_if_shown`)."""
    hits: int
    """Test ratings of listed items."""
    effective_hits: float
    """Effective sample size: (sum of weights)² / sum of weights² (Kish 1965)."""
    hits_liked: float | None
    """Unweighted share of the hits that are liked. Right if test items were exposed at random;
    too high if people chose what to rate."""
    liked_weight: FloatArray
    weight: FloatArray
    """Sums over each user's hits of liked / p and of 1 / p."""

    def to_dict(self) -> dict[str, float | None]:
        """The estimate by name, without the per-user sums."""
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

    over the hits H: test ratings of an item in the list of the person who gave it, with p the
    probability that the pair is rated in the test. Compare models with the same p.

    The 95% interval resamples people, each with all their hits. Where every hit is liked, or
    none is, all resamples are equal; the interval is then the exact binomial one (Clopper and
    Pearson 1934) with as many trials as there are effective hits.

    Args:
        items: Lists, people × k item numbers, -1 where one is short.
        rows: Row of `items` of each test rating.
        rated_items: Item of each test rating.
        liked: Whether each test rating is a like.
        propensities: p of each test rating.
        min_hits: With fewer hits, no estimate is made.
        seed: Seed of the bootstrap.

    Raises:
        SettingError: A propensity is not above 0.

    Reference:
        Schnabel, Swaminathan, Singh, Chandak, Joachims, "Recommendations as treatments:
        debiasing learning and evaluation", ICML 2016, section 3 (the SNIPS estimator).
    """
    propensities = np.asarray(propensities, dtype=np.float64)
    if not (propensities > 0).all():
        raise SettingError("propensities must be above 0: ratings are divided by them")
    is_hit = in_lists(items, rows, rated_items)
    owners, hit_liked = rows[is_hit], np.asarray(liked, dtype=bool)[is_hit]
    weights = 1 / propensities[is_hit]
    total = np.bincount(owners, weights, minlength=len(items)).astype(np.float64)
    good = np.bincount(owners, weights * hit_liked, minlength=len(items)).astype(np.float64)
    n_hits, with_hits = len(hit_liked), total > 0
    effective = float(weights.sum() ** 2 / (weights**2).sum()) if n_hits else 0.0
    share = low = high = None
    if n_hits >= max(min_hits, 1):
        found = ratio_bootstrap((good[with_hits], total[with_hits]), seed=seed)
        share, low, high = found.mean, found.low, found.high
        if hit_liked.all() or not hit_liked.any():
            low, high = _binomial_interval(effective, bool(hit_liked[0]))
    return OffPolicy(
        share=share,
        low=low,
        high=high,
        hits=n_hits,
        effective_hits=effective,
        hits_liked=float(hit_liked.mean()) if n_hits else None,
        liked_weight=good,
        weight=total,
    )


def compare_shown(first: OffPolicy, second: OffPolicy, seed: int = 0) -> Difference | None:
    """First estimate minus second, over the same people; None if one is missing."""
    if first.weight.shape != second.weight.shape:
        raise SettingError("the lists belong to different people: measure both on the same split")
    if first.share is None or second.share is None:
        return None
    kept = (first.weight > 0) | (second.weight > 0)
    sides = [(each.liked_weight[kept], each.weight[kept]) for each in (first, second)]
    return ratio_bootstrap(sides[0], sides[1], seed=seed)


def _binomial_interval(n: float, liked: bool) -> tuple[float, float]:
    """The exact interval of a share after n trials with the same outcome."""
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
