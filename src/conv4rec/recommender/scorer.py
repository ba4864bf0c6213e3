"""A fitted `Conv4Rec` as the evaluator asks it: arrays by row and column number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Interactions, Split
from conv4rec.errors import SettingError
from conv4rec.evaluate import Evaluation, Scorer, evaluate
from conv4rec.model.readouts import expected_rating
from conv4rec.recommender.conv4rec import Conv4Rec
from conv4rec.recommender.list_scores import Order
from conv4rec.recommender.surroundings import anywhere
from conv4rec.recommender.user_histories import Users


class ConvScorer:
    """Adapts a `Conv4Rec` to `conv4rec.evaluate.Scorer`.

    Args:
        model: fitted, or to be fitted by `fit`.
    """

    def __init__(self, model: Conv4Rec) -> None:
        self.model = model

    def fit(
        self, train: Interactions, validation: Interactions | None = None, seed: int = 0
    ) -> ConvScorer:
        """Fit the model with this seed. It holds out a validation part of its own."""
        del validation
        self.model.set_params(seed=seed).fit(train)
        return self

    @property
    def config_(self) -> dict[str, Any]:
        """See `Conv4Rec.config_`."""
        return self.model.config_

    @property
    def n_parameters_(self) -> int:
        """See `Conv4Rec.n_parameters_`."""
        return self.model.n_parameters_

    def recommend_blocks(self, users: Users, k: int, *, by: Order) -> Iterator[pl.DataFrame]:
        """The model's own lists, which `evaluate_lists` measures."""
        return self.model.recommend_blocks(users, k, by=by)

    def rank_scores(self, given: Interactions, rows: np.ndarray) -> np.ndarray:
        """Compute log P(i | history): rows x items."""
        return self.rank_log_probabilities(given, rows)

    @anywhere
    def rank_log_probabilities(self, given: Interactions, rows: np.ndarray) -> np.ndarray:
        """Compute log P(i | history): rows x items, -inf at the items of the history."""
        users, places = np.unique(rows, return_inverse=True)
        log_p = self.model.scoring_.score(given, users, with_ratings=False).log_p_consume
        return log_p if np.array_equal(users, rows) else log_p[places]

    @anywhere
    def rating_probabilities(
        self, given: Interactions, rows: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """P(level | i, history) of parallel rows and items: pairs x levels."""
        users, places = np.unique(rows, return_inverse=True)
        encoding, _ = self.model.scoring_.encode(given, users, with_consume=False)
        return self.model.scoring_.rating_probabilities(encoding, places, items)

    def expected_ratings(
        self, given: Interactions, rows: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """The expected rating of parallel rows and items."""
        p_rating = self.rating_probabilities(given, rows, items)
        return expected_rating(p_rating, given.levels.values)


def as_scorer(model: Any) -> Scorer:
    """The scorer of a model: a `ConvScorer` for a `Conv4Rec`, any other `Scorer` as it is.

    Raises:
        SettingError: The model is neither.
    """
    if isinstance(model, Conv4Rec):
        return ConvScorer(model)
    if hasattr(model, "rank_scores"):
        return model
    raise SettingError(
        "a model to evaluate must be a Conv4Rec or have the methods of conv4rec.evaluate.Scorer; "
        f"got {type(model).__name__}"
    )


def evaluate_model(model: Any, split: Split, **options: Any) -> Evaluation:
    """Measure a fitted model on the test part of a split.

    Args:
        model: a `Conv4Rec`, or any object with the methods of `conv4rec.evaluate.Scorer` (the
            baselines have them), fitted on `split.train`.
        split: what is known and what is to be predicted (see `conv4rec.split_log`).
        **options: ranking_metrics=, like_threshold= and max_memory_mb= of
            `conv4rec.evaluate.evaluate`, which defines the metrics.

    Returns:
        All metrics by name in `metrics`, and the values of each user in `per_user`.

    Raises:
        SettingError: The model has no scorer, or a metric is unknown.
        NotFittedError: The model is not fitted.

    >>> from conv4rec.baselines import Popularity
    >>> from conv4rec.data.synthetic import two_tribes
    >>> from conv4rec.data.splits import split_log
    >>> split = split_log(two_tribes().sample(6, np.random.default_rng(0)))
    >>> found = evaluate_model(Popularity().fit(split.train), split, ranking_metrics=["ndcg@5"])
    >>> 0 < found["ndcg@5"] < 1
    True
    """
    scorer = as_scorer(model)
    if isinstance(model, Conv4Rec):
        model.check_fitted()
    return evaluate(scorer, split, **options)
