"""`cmfrec`: collective factorisation of the ratings and of what was rated at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix

from conv4rec.benchmark.adapters.candidate import Candidate, Choice, Range
from conv4rec.benchmark.adapters.isolation import library, settings_of, thread_count
from conv4rec.benchmark.adapters.rating import RatingAdapter
from conv4rec.data.interactions import Interactions
from conv4rec.evaluate.scorer import FloatArray, IntArray


@dataclass(eq=False)
class CMF(RatingAdapter):
    """Biases and factors that also have to explain which items were rated, by least squares.

    Interactions without a rating are of no use to it: what it takes for consumed is what has one.

    Args:
        k: How many factors.
        lambda_: Weight of the penalty, in squared ratings.
        w_implicit: Weight of explaining what was rated at all, beside how.
        niter: Rounds of alternation.

    Reference:
        Cortes, "Cold-start recommendations in collective matrix factorization", 2018
        (arXiv:1809.00366); Rendle, Zhang, Koren (arXiv:1905.01395) for the implicit part.
    """

    k: int = 40
    lambda_: float = 10.0
    w_implicit: float = 0.5
    niter: int = 10
    model_: Any = field(init=False, repr=False)

    folds_in = True

    def _learn(self, train: Interactions, seed: int) -> None:
        rated = train.level_numbers >= 0
        values = np.asarray(train.levels.values, dtype=np.float64)
        cells = (train.user_numbers[rated], train.item_numbers[rated])
        ratings = coo_matrix(
            (values[train.level_numbers[rated]], cells), shape=(train.n_users, train.n_items)
        )
        self.model_ = library("cmfrec").CMF(
            k=self.k,
            lambda_=self.lambda_,
            add_implicit_features=True,
            w_implicit=self.w_implicit,
            niter=self.niter,
            random_state=seed,
            nthreads=thread_count(),
            verbose=False,
        )
        self.model_.fit(ratings)

    def _answer(self, given: Interactions, rows: IntArray, items: IntArray) -> FloatArray:
        values = np.asarray(given.levels.values, dtype=np.float64)
        answers = np.empty(len(rows))
        for user in np.unique(rows):
            asked = rows == user
            at = slice(given.starts[user], given.starts[user + 1])
            rated = given.level_numbers[at] >= 0
            if not rated.any():  # which predict_warm refuses
                answers[asked] = self.model_.glob_mean_ + self.model_.item_bias_[items[asked]]
                continue
            answers[asked] = self.model_.predict_warm(
                items[asked],
                X_col=given.item_numbers[at][rated],
                X_val=values[given.level_numbers[at][rated]],
            )
        return answers


CANDIDATES = (
    Candidate(
        name="cmfrec",
        tasks=("rate",),
        make=CMF,
        defaults=settings_of(CMF),
        space={
            "k": Range(5, 100, log=True, whole=True),
            "lambda_": Range(1.0, 100.0, log=True),
            "w_implicit": Range(0.01, 2.0, log=True),
            "niter": Choice((6, 10, 15, 30)),
        },
        package="cmfrec",
        module="cmfrec",
        extra="peers-slow",
        source="defaults of cmfrec.CMF 3.5, with the implicit features its documentation advises",
        uses_unrated=False,
        folds_in=True,
        distribution="gaussian",
    ),
)
