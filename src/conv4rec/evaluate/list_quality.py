"""Quality of lists: coverage, concentration, support, novelty, diversity, overlap."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.evaluate.diversity import gini, intra_list_diversity, overlap
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from conv4rec.data.interactions import Interactions

ACTIVE = 20
"""A person with at least this number of ratings counts as active."""
LOW_SUPPORT = 3
"""An item with at most this number of ratings has low support."""


@dataclass(frozen=True)
class ListQuality:
    """Metrics of one kind of list for many people; None where nothing can be measured.

    L is the number of people with a list. A *place* is one listed item of one person; P is the
    number of places, x_i (the exposure of item i) the number of places with item i, n the size
    of the catalogue, n_i the number of people who consumed i in training, and U of all people.
    """

    people: int
    with_list: float
    """Share of people with at least one item."""
    active_without_list: float | None
    """Of people with 20 ratings or more, the share without one."""
    length: float | None
    """P / L."""
    items: int
    """Number of different items listed."""
    coverage: float
    """`items` / n: catalogue coverage (Herlocker et al., ACM TOIS 22(1), 2004)."""
    top_item: float | None
    """Share of lists with the most often listed item: max x_i / L."""
    top_five: float | None
    """Share of places with one of the five most often listed items."""
    gini: float | None
    """See `gini`: 0 if all items are listed equally often, 1 if only one item is listed."""
    support: float | None
    """Median over places of the training ratings of the item."""
    low_support: float | None
    """Share of places whose item has 3 training ratings or fewer."""
    badly_rated: float | None
    """Share of places whose item has a mean training rating more than one standard deviation (of
    all training ratings) below the mean of all training ratings."""
    p_like: float | None
    """Mean P(like) over places."""
    interval_width: float | None
    """Mean width of the 90% interval of P(like) over places."""
    novelty: float | None
    """Mean over places of -log2(n_i / U), in bits; an item that nobody consumed counts as
    consumed by one (Zhou et al., PNAS 107(10), 2010; Vargas and Castells, RecSys 2011)."""
    diversity: float | None
    """See `intra_list_diversity`."""
    overlap: float | None
    """See `overlap`."""
    consume_rank: float | None
    """Mean consume rank of a listed item, 1 the likeliest to be consumed."""

    def to_dict(self) -> dict[str, float | None]:
        """The metrics by name."""
        return asdict(self)


def quality_of_lists(
    items: IntArray,
    log: Interactions,
    *,
    n_ratings: IntArray | None = None,
    p_like: FloatArray | None = None,
    widths: FloatArray | None = None,
    consume_ranks: FloatArray | None = None,
) -> ListQuality:
    """Measure lists of one kind; `ListQuality` defines each metric.

    Args:
        items: People × k item numbers, -1 where a list is short.
        log: The training log.
        n_ratings: Number of ratings in each person's history.
        p_like: P(like) of each place, people × k.
        widths: Width of its 90% interval.
        consume_ranks: Consume rank of each place.

    Raises:
        SettingError: The arrays are not parallel.
    """
    items = np.asarray(items)
    for other in (p_like, widths, consume_ranks):
        if other is not None and np.shape(other) != items.shape:
            raise SettingError(
                f"lists have the shape {items.shape}, and values of their places {np.shape(other)}"
            )
    listed = items >= 0
    has_list = listed.any(axis=1)
    shown = items[listed]
    exposure = np.bincount(shown, minlength=log.n_items)
    common = np.sort(exposure)[::-1]
    n_lists, n_places = int(has_list.sum()), len(shown)
    counts, bad = _ratings_of_items(log)
    consumed = np.bincount(log.item_numbers, minlength=log.n_items)
    n_consumers = max(int(np.count_nonzero(np.diff(log.starts))), 1)
    any_place = n_places > 0
    active = None if n_ratings is None else np.asarray(n_ratings) >= ACTIVE
    return ListQuality(
        people=len(items),
        with_list=n_lists / max(len(items), 1),
        active_without_list=None if active is None else _mean(np.logical_not(has_list)[active]),
        length=n_places / n_lists if any_place else None,
        items=int(np.count_nonzero(exposure)),
        coverage=float(np.count_nonzero(exposure) / max(log.n_items, 1)),
        top_item=float(common[0] / n_lists) if any_place else None,
        top_five=float(common[:5].sum() / n_places) if any_place else None,
        gini=gini(exposure),
        support=float(np.median(counts[shown])) if any_place else None,
        low_support=_mean(counts[shown] <= LOW_SUPPORT),
        badly_rated=_mean(bad[shown]),
        p_like=_mean(None if p_like is None else p_like[listed]),
        interval_width=_mean(None if widths is None else widths[listed]),
        novelty=_mean(-np.log2(np.maximum(consumed[shown], 1) / n_consumers)),
        diversity=intra_list_diversity(items, log),
        overlap=overlap(items, log.n_items),
        consume_rank=_mean(None if consume_ranks is None else consume_ranks[listed]),
    )


def _ratings_of_items(log: Interactions) -> tuple[IntArray, BoolArray]:
    """The number of ratings of each item, and whether it is badly rated."""
    rated = log.level_numbers >= 0
    ratings = np.asarray(log.levels.values, dtype=np.float64)[log.level_numbers[rated]]
    owners = log.item_numbers[rated]
    counts = np.bincount(owners, minlength=log.n_items)
    means = np.bincount(owners, weights=ratings, minlength=log.n_items) / np.maximum(counts, 1)
    if len(ratings) < 2:
        return counts, np.zeros(log.n_items, dtype=bool)
    return counts, (counts > 0) & (means < ratings.mean() - ratings.std(ddof=1))


def _mean(values: FloatArray | BoolArray | None) -> float | None:
    return None if values is None or len(values) == 0 else float(np.mean(values))
