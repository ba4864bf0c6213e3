"""`elsarec`: ELSA, an item-item autoencoder of low rank trained by gradient steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conv4rec.benchmark.adapters.candidate import Candidate, Range
from conv4rec.benchmark.adapters.isolation import (
    consumed,
    contained_torch,
    histories,
    library,
    settings_of,
)
from conv4rec.benchmark.adapters.ranking import RankingAdapter
from conv4rec.data.interactions import Interactions
from conv4rec.evaluate.scorer import FloatArray, IntArray


@dataclass(eq=False)
class ELSA(RankingAdapter):
    """ELSA: x A Aᵀ - x with rows of A of length one, for the direction of x. On the processor.

    Args:
        n_dims: Rank of the item-item weights.
        lr: Step size of its optimizer, NAdam.
        epochs: Passes over the users.
        batch_size: Users a step.

    Reference:
        Vančura et al., "Scalable linear shallow autoencoder for collaborative filtering",
        RecSys 2022.
    """

    n_dims: int = 256
    lr: float = 0.1
    epochs: int = 5
    batch_size: int = 128
    model_: Any = field(init=False, repr=False)

    def _learn(self, train: Interactions, seed: int) -> None:
        torch = library("torch")
        with contained_torch(seed):
            self.model_ = library("elsa").ELSA(
                n_items=train.n_items, n_dims=self.n_dims, device=torch.device("cpu"), lr=self.lr
            )
            batch_size = min(self.batch_size, train.n_users)
            self.model_.fit(
                consumed(train), batch_size=batch_size, epochs=self.epochs, verbose=False
            )

    def _score(self, given: Interactions, rows: IntArray) -> FloatArray:
        return self.model_.predict(histories(given, rows), batch_size=1024).numpy()


CANDIDATES = (
    Candidate(
        name="elsa",
        tasks=("rank",),
        make=ELSA,
        defaults=settings_of(ELSA),
        space={
            "n_dims": Range(32, 1024, log=True, whole=True),
            "lr": Range(1e-3, 0.3, log=True),
            "epochs": Range(3, 60, log=True, whole=True),
            "batch_size": Range(32, 1024, log=True, whole=True),
        },
        package="elsarec",
        module="elsa",
        source="README of elsarec 0.1.4",
        folds_in=True,
        distribution="none",
    ),
)
