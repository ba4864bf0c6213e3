"""`irspack`: iALS with frequency-scaled penalties, SLIM, and the denoising linear autoencoder."""

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


class IrspackAdapter(RankingAdapter):
    """Any of irspack's recommenders; all of them score histories that they have not seen."""

    model_: Any

    def _fitted(self, name: str, train: Interactions, **settings: Any) -> Any:
        recommender = getattr(library("irspack.recommenders"), name)
        return recommender(consumed(train), **settings).learn()

    def _score(self, given: Interactions, rows: IntArray) -> FloatArray:
        return self.model_.get_score_cold_user(histories(given, rows))


@dataclass(eq=False)
class IrspackIALS(IrspackAdapter):
    """iALS with the loss and the frequency-scaled penalty of its authors' second look.

    Args:
        n_components: How many factors.
        alpha0: Weight of everything that was not consumed; what was has weight 1 more.
        reg: Weight of the penalty, times a power `nu` of an item's or user's frequency.
        nu: That power.
        train_epochs: Rounds of alternation.

    Reference:
        Rendle, Krichene, Zhang, Koren, "Revisiting the performance of iALS on item
        recommendation benchmarks", RecSys 2022 (arXiv:2110.14037).
    """

    n_components: int = 64
    alpha0: float = 0.1
    reg: float = 0.003
    nu: float = 1.0
    train_epochs: int = 16
    model_: Any = field(init=False, repr=False)

    def _learn(self, train: Interactions, seed: int) -> None:
        self.model_ = self._fitted(
            "IALSRecommender",
            train,
            n_components=self.n_components,
            alpha0=self.alpha0,
            reg=self.reg,
            nu=self.nu,
            train_epochs=self.train_epochs,
            random_seed=seed,
            n_threads=thread_count(),
        )


@dataclass(eq=False)
class IrspackSLIM(IrspackAdapter):
    """SLIM: sparse item-item weights, none negative, by elastic net. Nothing is drawn.

    Args:
        alpha: Weight of both penalties, per user.
        l1_ratio: The absolute penalty's share of it.

    Reference:
        Ning, Karypis, "SLIM: sparse linear methods for top-N recommender systems", ICDM 2011.
    """

    alpha: float = 0.05
    l1_ratio: float = 0.01
    model_: Any = field(init=False, repr=False)

    def _learn(self, train: Interactions, seed: int) -> None:
        del seed
        self.model_ = self._fitted(
            "SLIMRecommender",
            train,
            alpha=self.alpha,
            l1_ratio=self.l1_ratio,
            n_threads=thread_count(),
        )


@dataclass(eq=False)
class IrspackEDLAE(IrspackAdapter):
    """EDLAE: EASE whose penalty grows with an item's popularity, as dropout would have it.

    Dense: 4 * n_items^2 bytes are kept, about three times that while fitting. Nothing is drawn.

    Args:
        reg: Weight of the plain penalty, in squared interactions.
        dropout_p: Probability that an interaction of the history is left out, below 1.

    Reference:
        Steck, "Autoencoders that don't overfit towards the identity", NeurIPS 2020.
    """

    reg: float = 1.0
    dropout_p: float = 0.1
    model_: Any = field(init=False, repr=False)

    def _learn(self, train: Interactions, seed: int) -> None:
        del seed
        self.model_ = self._fitted(
            "EDLAERecommender", train, reg=self.reg, dropout_p=self.dropout_p
        )


def _candidate(name: str, make: type, space: dict[str, Range], source: str) -> Candidate:
    return Candidate(
        name=name,
        tasks=("rank",),
        make=make,
        defaults=settings_of(make),
        space=space,
        package="irspack",
        module="irspack",
        source=source,
        folds_in=True,
        distribution="none",
    )


CANDIDATES = (
    _candidate(
        "irspack-ials",
        IrspackIALS,
        {  # default_tune_range of irspack's class, and the number of epochs
            "n_components": Range(4, 300, log=True, whole=True),
            "alpha0": Range(3e-3, 1.0, log=True),
            "reg": Range(1e-4, 1e-1, log=True),
            "train_epochs": Range(4, 32, whole=True),
        },
        "Rendle et al. (arXiv:2110.14037), settings for ML-20M, with 64 factors",
    ),
    _candidate(
        "irspack-slim",
        IrspackSLIM,
        {"alpha": Range(1e-5, 1.0, log=True), "l1_ratio": Range(0.0, 1.0)},
        "defaults of SLIMRecommender, irspack 0.5; the space is its default_tune_range",
    ),
    _candidate(
        "irspack-edlae",
        IrspackEDLAE,
        {"reg": Range(1.0, 1e4, log=True), "dropout_p": Range(0.0, 0.99)},
        "defaults of EDLAERecommender, irspack 0.5, weak until tuned in its default_tune_range",
    ),
)
