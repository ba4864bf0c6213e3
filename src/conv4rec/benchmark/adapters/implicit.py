"""`implicit`: matrix factorisation by alternating least squares, and by pairwise ranking."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conv4rec.benchmark.adapters.candidate import Candidate, Range
from conv4rec.benchmark.adapters.isolation import (
    consumed,
    histories,
    library,
    settings_of,
    thread_count,
)
from conv4rec.benchmark.adapters.ranking import RankingAdapter
from conv4rec.data.interactions import Interactions
from conv4rec.evaluate.scorer import FloatArray, IntArray


@dataclass(eq=False)
class ImplicitALS(RankingAdapter):
    """iALS: every user's factors are solved exactly from the history given.

    Args:
        factors: How many.
        regularization: Weight of the penalty on the factors.
        alpha: Weight of a consumed item; one that was not has weight 1.
        iterations: Rounds of alternation.

    Reference:
        Hu, Koren, Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
    """

    factors: int = 100
    regularization: float = 0.01
    alpha: float = 1.0
    iterations: int = 15
    model_: Any = field(init=False, repr=False)

    def _learn(self, train: Interactions, seed: int) -> None:
        self.model_ = library("implicit.cpu.als").AlternatingLeastSquares(
            factors=self.factors,
            regularization=self.regularization,
            alpha=self.alpha,
            iterations=self.iterations,
            num_threads=thread_count(),
            random_state=seed,
        )
        self.model_.fit(consumed(train), show_progress=False)

    def _score(self, given: Interactions, rows: IntArray) -> FloatArray:
        factors = self.model_.recalculate_user(rows, histories(given, rows))
        return factors @ self.model_.item_factors.T


@dataclass(eq=False)
class ImplicitBPR(RankingAdapter):
    """BPR: a consumed item should stand above one drawn at random. It cannot fold in.

    With more than one thread its updates race, and a seed does not repeat a run to the last bit.

    Args:
        factors: How many, besides the item's bias.
        learning_rate: Step size of SGD.
        regularization: Weight of the penalty on the factors.
        iterations: Passes over the interactions.

    Reference:
        Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009.
    """

    factors: int = 100
    learning_rate: float = 0.01
    regularization: float = 0.01
    iterations: int = 100
    model_: Any = field(init=False, repr=False)

    folds_in = False

    def _learn(self, train: Interactions, seed: int) -> None:
        self.model_ = library("implicit.cpu.bpr").BayesianPersonalizedRanking(
            factors=self.factors,
            learning_rate=self.learning_rate,
            regularization=self.regularization,
            iterations=self.iterations,
            num_threads=thread_count(),
            random_state=seed,
        )
        self.model_.fit(consumed(train), show_progress=False)

    def _score(self, given: Interactions, rows: IntArray) -> FloatArray:
        del given  # checked to be that of training
        return self.model_.user_factors[rows] @ self.model_.item_factors.T


CANDIDATES = (
    Candidate(
        name="implicit-als",
        tasks=("rank",),
        make=ImplicitALS,
        defaults=settings_of(ImplicitALS),
        space={
            "factors": Range(8, 256, log=True, whole=True),
            "regularization": Range(1e-3, 1e2, log=True),
            "alpha": Range(0.3, 30.0, log=True),
            "iterations": Range(5, 40, whole=True),
        },
        package="implicit",
        module="implicit",
        source="defaults of AlternatingLeastSquares, implicit 0.7",
        folds_in=True,
        distribution="none",
    ),
    Candidate(
        name="implicit-bpr",
        tasks=("rank",),
        make=ImplicitBPR,
        defaults=settings_of(ImplicitBPR),
        space={
            "factors": Range(8, 256, log=True, whole=True),
            "learning_rate": Range(3e-3, 0.3, log=True),
            "regularization": Range(1e-4, 0.1, log=True),
            "iterations": Range(30, 400, log=True, whole=True),
        },
        package="implicit",
        module="implicit",
        source="defaults of BayesianPersonalizedRanking, implicit 0.7",
        distribution="none",
    ),
)
