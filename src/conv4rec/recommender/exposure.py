"""No list for everybody: an item pays for being listed too often.

Ranked by merit alone, the lists of different people are much the same where little is known of
each: the best of thousands of items is the best for all. So an item may stand in the lists of a
limited share of people. Of all ways to keep to that, the one that gives up least is wanted:

    maximise   sum over people of the merit of what is listed,  each list k long,
    such that  no item is listed for more than a share `limit` of people.

Its Lagrangian parts into people: everyone's list is ranked by merit - price, with one price of at
least 0 an item, that rises while the item is listed too often. An item thus goes to those for whom
it stands out most from what else they could be shown; items that few would see pay nothing.

Reference:
    Sürer, Burke, Malthouse, "Multistakeholder recommendation with provider constraints", RecSys
    2018 (prices by Lagrangian relaxation and a subgradient method).
"""

from __future__ import annotations

import numpy as np

LENGTH = 10
"""Lists are this long while prices are sought; the first few of a list are then within it too."""
LIMITS = {"discover": 0.07, "like": 0.25, "rating": 0.25}
"""Share of people's lists, by kind of list: a discovery that everyone gets is none."""
EVEN = 10.0
"""No limit is below this many times an even share: small catalogues have to repeat themselves."""
ROUNDS, FIRST_STEP, HALVED_EVERY = 300, 1.0, 50


def exposure_prices(
    list_scores: np.ndarray, items: np.ndarray, n_items: int, limit: float, unit: float = 1.0
) -> np.ndarray:
    """The price of each item, in units of merit: n_items, float32.

    Args:
        merits: people x candidates; each one's best, -inf where there are fewer.
        items: people x candidates; which items these are.
        n_items: of the catalogue.
        limit: the largest share of people an item may be listed for.
        unit: how far merits differ, about; sets the length of steps.
    """
    n_people, n_candidates = list_scores.shape
    limit = max(limit, EVEN * LENGTH / max(1, n_items))
    prices = np.zeros(n_items)
    if n_candidates <= LENGTH or limit >= 1 or not n_people:
        return prices.astype(np.float32)
    step = FIRST_STEP * unit
    for turn in range(ROUNDS):
        left = list_scores - prices[items]
        best = np.argpartition(-left, LENGTH - 1, axis=1)[:, :LENGTH]
        real = np.isfinite(np.take_along_axis(left, best, axis=1))
        listed = np.take_along_axis(items, best, axis=1)[real]
        share = np.bincount(listed, minlength=n_items) / n_people
        prices = np.maximum(prices + step * (share - limit), 0.0)
        if turn % HALVED_EVERY == HALVED_EVERY - 1:
            step /= 2
    return prices.astype(np.float32)
