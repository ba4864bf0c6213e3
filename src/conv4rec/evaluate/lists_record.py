"""The lists of several models measured on the same users, for a record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from conv4rec.data import Split
from conv4rec.evaluate.lists import (
    NEUTRAL,
    compare_lists,
    differences_to_dict,
    evaluate_lists,
)
from conv4rec.evaluate.scorer import Scorer


def record_lists(
    split: Split, name: str, model: Scorer, others: Iterable[tuple[str, Scorer]] = ()
) -> dict[str, Any]:
    """Measure the lists of a model, and of others beside it.

    The model's own ranking says which items a user is likely to consume, for all models alike. If
    the model does not rank, popularity among equally active users says it.

    Args:
        split: Training and test rows.
        name: The name of the model.
        model: Fitted on `split.train`.
        others: Name and fitted model of each other; one is held at a time.

    Returns:
        "picks_by" (the model's name, or "neutral"), "models" (figures by name) and "differences"
        (each other model minus the model, by name; see `compare_lists`).
    """
    ranks = model.rank_scores(split.given, np.flatnonzero(np.diff(split.test.starts))[:1])
    ranker = None if ranks is None else model
    first = evaluate_lists(model, split, ranker=ranker)
    models, differences = {name: first.to_dict()}, {}
    for other_name, other in others:
        measured = evaluate_lists(other, split, ranker=ranker)
        models[other_name] = measured.to_dict()
        differences[other_name] = differences_to_dict(compare_lists(measured, first))
    picks_by = NEUTRAL if ranker is None else name
    return {"picks_by": picks_by, "models": models, "differences": differences}
