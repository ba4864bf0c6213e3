"""`scikit-surprise`: the SVD and SVD++ of the Netflix prize, by stochastic gradient steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conv4rec.benchmark.adapters.candidate import Candidate, Range
from conv4rec.benchmark.adapters.isolation import library, settings_of
from conv4rec.benchmark.adapters.rating import RatingAdapter
from conv4rec.data.interactions import Interactions
from conv4rec.evaluate.scorer import FloatArray, IntArray


class SurpriseAdapter(RatingAdapter):
    """A rating model of Surprise; an unseen user or item gets the biases alone.

    Interactions without a rating are of no use to it.
    """

    algorithm = "SVD"

    n_factors: int
    n_epochs: int
    lr_all: float
    reg_all: float
    model_: Any

    def _learn(self, train: Interactions, seed: int) -> None:
        surprise = library("surprise")
        rated = train.level_numbers >= 0
        values = np.asarray(train.levels.values, dtype=np.float64)
        table = library("pandas").DataFrame(  # polars' to_pandas would need pyarrow too
            {
                "user": train.user_numbers[rated],
                "item": train.item_numbers[rated],
                "rating": values[train.level_numbers[rated]],
            }
        )
        reader = surprise.Reader(rating_scale=(values.min(), values.max()))
        data = surprise.Dataset.load_from_df(table, reader).build_full_trainset()
        self.model_ = getattr(surprise, self.algorithm)(
            n_factors=self.n_factors,
            n_epochs=self.n_epochs,
            lr_all=self.lr_all,
            reg_all=self.reg_all,
            random_state=seed,
        ).fit(data)

    def _answer(self, given: Interactions, rows: IntArray, items: IntArray) -> FloatArray:
        del given  # checked to be that of training
        pairs = zip(rows.tolist(), items.tolist(), strict=True)
        return np.array([self.model_.predict(user, item).est for user, item in pairs])


@dataclass(eq=False)
class SurpriseSVD(SurpriseAdapter):
    """Biases and factors of users and items.

    Args:
        n_factors: How many.
        n_epochs: Passes over the ratings.
        lr_all: Step size.
        reg_all: Weight of the penalty.

    Reference:
        Koren, Bell, Volinsky, "Matrix factorization techniques for recommender systems",
        Computer 42, 2009.
    """

    n_factors: int = 100
    n_epochs: int = 20
    lr_all: float = 0.005
    reg_all: float = 0.02
    model_: Any = field(init=False, repr=False)


@dataclass(eq=False)
class SurpriseSVDpp(SurpriseAdapter):
    """The same, and factors of every item for having been rated by the user at all.

    Args:
        n_factors: How many.
        n_epochs: Passes over the ratings.
        lr_all: Step size.
        reg_all: Weight of the penalty.

    Reference:
        Koren, "Factorization meets the neighborhood", KDD 2008.
    """

    algorithm = "SVDpp"

    n_factors: int = 20
    n_epochs: int = 20
    lr_all: float = 0.007
    reg_all: float = 0.02
    model_: Any = field(init=False, repr=False)


def _candidate(name: str, make: type[SurpriseAdapter], most_factors: int) -> Candidate:
    return Candidate(
        name=name,
        tasks=("rate",),
        make=make,
        defaults=settings_of(make),
        space={
            "n_factors": Range(5, most_factors, log=True, whole=True),
            "n_epochs": Range(10, 80, log=True, whole=True),
            "lr_all": Range(2e-3, 2e-2, log=True),
            "reg_all": Range(0.01, 0.3, log=True),
        },
        package="scikit-surprise",
        module="surprise",
        source=f"defaults of {make.algorithm}, scikit-surprise 1.1",
        uses_unrated=False,
        distribution="gaussian",
    )


CANDIDATES = (
    _candidate("surprise-svd", SurpriseSVD, most_factors=200),
    _candidate("surprise-svdpp", SurpriseSVDpp, most_factors=50),
)
