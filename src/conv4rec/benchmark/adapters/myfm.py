"""`myfm`: Bayesian factorisation machines over the histories of users and of items."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags, hstack, identity

from conv4rec.benchmark.adapters.candidate import Candidate, Range
from conv4rec.benchmark.adapters.isolation import consumed, library, settings_of, thread_count
from conv4rec.benchmark.adapters.rating import RatingAdapter
from conv4rec.data.interactions import Interactions
from conv4rec.evaluate.scorer import FloatArray, IntArray


class FlippedFM(RatingAdapter):
    """A factorisation machine with SVD++'s features, and the same flipped.

    A user is one-hot beside the items of the history, each 1 / sqrt(their number); an item is
    one-hot beside its users, likewise. The four parts are groups with priors of their own. The
    histories take in what was consumed without a rating. Samples of a Gibbs chain are kept: about
    160 * rank * n_iter * (n_users + n_items) bytes, half of it while fitting.

    Reference:
        Rendle, Zhang, Koren, "On the difficulty of evaluating baselines", 2019
        (arXiv:1905.01395), whose features "SVD++ flipped" are.
    """

    rank: int
    n_iter: int
    model_: Any

    def _fitted(self, machine: Any, train: Interactions, targets: np.ndarray) -> Any:
        n_users, n_items = train.n_users, train.n_items
        seen = csr_matrix(consumed(train), dtype=np.float64)
        self._users = _with_history(seen)
        self._items = _with_history(csr_matrix(seen.T))
        rated = train.level_numbers >= 0
        blocks = self._blocks(train.user_numbers[rated], train.item_numbers[rated])
        return machine.fit(
            None,
            targets,
            X_rel=blocks,
            n_iter=self.n_iter,
            group_shapes=[n_users, n_items, n_items, n_users],
        )

    def _blocks(self, users: IntArray, items: IntArray) -> list[Any]:
        """Pairs as two tables of features and where each pair stands in either."""
        block = library("myfm").RelationBlock
        return [
            block(users.astype(np.int64), self._users),
            block(items.astype(np.int64), self._items),
        ]


@dataclass(eq=False)
class BayesianFM(FlippedFM):
    """The Gaussian machine: predicted ratings, averaged over the chain.

    Args:
        rank: How many factors.
        n_iter: Steps of the Gibbs chain; all but the first five are kept.
    """

    rank: int = 10
    n_iter: int = 300
    model_: Any = field(init=False, repr=False)

    def _learn(self, train: Interactions, seed: int) -> None:
        values = np.asarray(train.levels.values, dtype=np.float64)
        ratings = values[train.level_numbers[train.level_numbers >= 0]]
        machine = library("myfm").MyFMRegressor(rank=self.rank, random_seed=seed)
        self.model_ = self._fitted(machine, train, ratings)

    def _answer(self, given: Interactions, rows: IntArray, items: IntArray) -> FloatArray:
        del given  # checked to be that of training
        return self.model_.predict(None, self._blocks(rows, items), n_workers=thread_count())


@dataclass(eq=False)
class OrderedProbitFM(FlippedFM):
    """The ordered probit machine: cut points on a latent scale give level probabilities.

    A level that no training rating has gets probability 0.

    Args:
        rank: How many factors.
        n_iter: Steps of the Gibbs chain; all but the first five are kept.
    """

    rank: int = 10
    n_iter: int = 300
    model_: Any = field(init=False, repr=False)

    own_distribution = True

    def _learn(self, train: Interactions, seed: int) -> None:
        levels = train.level_numbers[train.level_numbers >= 0]
        self._present, classes = np.unique(levels, return_inverse=True)
        machine = library("myfm").MyFMOrderedProbit(rank=self.rank, random_seed=seed)
        self.model_ = self._fitted(machine, train, classes.astype(np.int64))

    def _answer(self, given: Interactions, rows: IntArray, items: IntArray) -> FloatArray:
        probabilities = np.zeros((len(rows), given.n_levels))
        blocks = self._blocks(rows, items)
        probabilities[:, self._present] = self.model_.predict_proba(
            None, blocks, n_workers=thread_count()
        )
        return probabilities


def _with_history(seen: csr_matrix) -> csr_matrix:
    """One-hot rows beside their histories, scaled to length one."""
    counts = np.diff(seen.indptr)
    scaled = diags(1 / np.sqrt(np.maximum(counts, 1))) @ seen
    return csr_matrix(hstack([identity(len(counts)), scaled]), dtype=np.float64)


def _candidate(name: str, make: type[FlippedFM], distribution: str) -> Candidate:
    return Candidate(
        name=name,
        tasks=("rate",),
        make=make,
        defaults=settings_of(make),
        space={"rank": Range(4, 32, log=True, whole=True), "n_iter": Range(100, 512, whole=True)},
        package="myfm",
        module="myfm",
        source="features and rank of myFM's examples/ml-100k-regression.py, without its dates",
        distribution=distribution,
    )


CANDIDATES = (
    _candidate("myfm", BayesianFM, "gaussian"),
    _candidate("myfm-probit", OrderedProbitFM, "own"),
)
