"""Exposure prices: an item that is in too many users' lists pays for it.

Ranked by score alone, the lists of different users are much alike where little is known of each:
the best of thousands of items is the best for all. So an item may be in the lists of a limited
share of users, at the least loss of score:

    maximise   sum over users of the scores of what is listed,  each list k long,
    such that  no item is listed for more than a share `limit` of users.

Its Lagrangian separates by user: each list is ranked by score - price, with one price of at least 0
for each item, which rises while the item is listed too often. An item thus goes to the users for
whom it stands out most from what else they could be shown; items that few users see pay nothing.

Reference:
    Sürer, Burke, Malthouse, "Multistakeholder recommendation with provider constraints", RecSys
    2018 (prices by Lagrangian relaxation and a subgradient method).
"""

from __future__ import annotations

import numpy as np
import torch

LENGTH = 10
"""Length of the lists while prices are sought; the first few of a list then keep the limit too."""
LIMITS = {"discover": 0.07, "like": 0.25, "rating": 0.25}
"""Largest share of users' lists that an item may be in, by kind of list."""
EVEN = 10.0
"""No limit is below this many times an even share: small catalogues have to repeat items."""
ROUNDS, FIRST_STEP, HALVED_EVERY = 300, 1.0, 50


def exposure_prices(
    list_scores: np.ndarray, items: np.ndarray, n_items: int, limit: float, unit: float = 1.0
) -> np.ndarray:
    """The price of each item, in units of score: n_items, float32.

    Args:
        list_scores: users x candidates; the best of each user, -inf where there are fewer.
        items: users x candidates; which items these are.
        n_items: of the catalogue.
        limit: the largest share of users an item may be listed for.
        unit: how far scores differ, about; sets the length of steps.
    """
    n_users, n_candidates = list_scores.shape
    limit = max(limit, EVEN * LENGTH / max(1, n_items))
    if n_candidates <= LENGTH or limit >= 1 or not n_users:
        return np.zeros(n_items, dtype=np.float32)
    scores, places = torch.tensor(list_scores), torch.tensor(items, dtype=torch.int64)
    prices, step = torch.zeros(n_items), FIRST_STEP * unit
    for turn in range(ROUNDS):
        best, at = (scores - prices[places]).topk(LENGTH, dim=1, sorted=False)
        listed = places.gather(1, at)[best > -torch.inf]
        share = torch.bincount(listed, minlength=n_items).float() / n_users
        prices = (prices + step * (share - limit)).clamp_(min=0.0)
        if not prices.any():
            break  # no item is listed too often
        if turn % HALVED_EVERY == HALVED_EVERY - 1:
            step /= 2
    return prices.numpy()
