"""Popularity counted by hand, a check of the whole bench before any other model runs."""

from __future__ import annotations

from collections import Counter

import numpy as np

from conv4rec.data import Split
from conv4rec.errors import BenchError
from conv4rec.evaluate import Evaluation, Scorer

N_ROWS = 20  # users whose scores are compared; the recall is over all of them
TOLERANCE = 1e-9


def check_popularity(scorer: Scorer, split: Split, evaluation: Evaluation) -> None:
    """Raise unless popularity's scores and its recall@20 are those of a count of training rows.

    The count is a loop over rows of ids, which shares no code with the baseline or the evaluator.

    Raises:
        BenchError: They differ: says by how much.
    """
    counts = Counter(split.train.to_frame()["item_id"].to_list())
    items = split.train.items.to_series().to_list()
    rows = np.unique(np.linspace(0, split.given.n_users - 1, N_ROWS).astype(np.int64))
    scores = scorer.rank_scores(split.given, rows)
    counted = np.array([counts[item] for item in items], dtype=np.float64)
    if scores is None or np.abs(scores - counted).max(initial=0.0) > TOLERANCE:
        raise BenchError(
            "popularity's scores are not the counts of the training rows: the bench measures "
            "something else than it says, and stops"
        )
    by_hand, measured = recall_by_hand(split, counts, 20), evaluation["recall@20"]
    if measured is None or abs(by_hand - measured) > TOLERANCE:
        raise BenchError(
            f"popularity's recall@20 is {measured} by the evaluator and {by_hand:.9f} counted by "
            "hand: the bench stops"
        )


def recall_by_hand(split: Split, counts: Counter[int | str], k: int) -> float:
    """Mean recall of the k most counted items that are not in a user's history; ties by id."""
    items = split.train.items.to_series().to_list()
    order = sorted(items, key=lambda item: (-counts[item], item))
    seen, wanted = _items_by_user(split.given.to_frame()), _items_by_user(split.test.to_frame())
    recalls = []
    for user, relevant in wanted.items():
        history, listed, hits = seen.get(user, set()), 0, 0
        for item in order:
            if listed == k:
                break
            if item not in history:
                listed += 1
                hits += item in relevant
        recalls.append(hits / min(k, len(relevant)))
    return sum(recalls) / len(recalls)


def _items_by_user(frame: object) -> dict[int | str, set[int | str]]:
    found: dict[int | str, set[int | str]] = {}
    for user, item, *_ in frame.iter_rows():  # pyright: ignore[reportAttributeAccessIssue]
        found.setdefault(user, set()).add(item)
    return found
