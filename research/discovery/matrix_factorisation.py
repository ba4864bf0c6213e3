"""Matrix factorisation, naive and debiased (inverse propensities, doubly robust)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from conv4rec.baselines.base import parts
from conv4rec.benchmark.adapters.candidate import Candidate
from conv4rec.benchmark.adapters.rating import RatingAdapter
from conv4rec.data import Interactions
from conv4rec.evaluate.scorer import FloatArray, IntArray

N_STEPS, LEARNING_RATE = 200, 0.03
MOST = 10.0
"""Times the mean weight: inverse propensities are clipped there, as the papers do."""


def inverse_propensities(train: Interactions, users: IntArray, items: IntArray) -> FloatArray:
    """1 / P(observed) of some pairs, from the popularity of the item and the activity of the user.

        P(u, i) = n_u (n_i + 1) / sum_j (n_j + 1),

    as if items were consumed independently. It uses training rows alone: the naive Bayes
    propensities of the papers need ratings missing at random, which here are the test.
    """
    n_user = np.diff(train.starts)
    n_item = np.bincount(train.item_numbers, minlength=train.n_items) + 1.0
    return n_item.sum() / (np.maximum(n_user[users], 1) * n_item[items])


def clipped(weights: FloatArray, total: float = 1.0) -> FloatArray:
    """Weights clipped at `MOST` times their mean, then scaled to a sum (self-normalised)."""
    weights = np.minimum(weights, MOST * weights.mean())
    return total * weights / weights.sum()


@dataclass(eq=False)
class Factorisation(RatingAdapter):
    """Mean, biases and factors by full-batch Adam: r(u, i) = μ + b_u + b_i + p_u . q_i.

    "naive" minimises the mean square error over the ratings; "ips" weighs each by its inverse
    propensity; "dr" is doubly robust joint learning, which minimises over ALL pairs the error
    that a second factorisation g imputes, corrected where there is a rating:

        mean over pairs of (r - g)²  +  sum over ratings of w ((r - rating)² - (r - g)²),

    in turn with g, fitted to the errors by the same weights w (of sum 1). All pairs are sampled
    anew in each step, twice as many as ratings.

    Penalty and width are chosen on a tenth of the training rows: every pair of `REGS` and
    `SIZES` is tried, by the mean square error there, weighted by inverse propensities where
    the method is. Then it is fitted again on all rows.

    Args:
        method: "naive", "ips" or "dr".

    Reference:
        Schnabel et al., "Recommendations as treatments", ICML 2016; Wang, Zhang, Sun, Qi, "Doubly
        robust joint learning for recommendation on data missing not at random", ICML 2019.
    """

    REGS = (1.0, 3.0, 10.0, 30.0)
    SIZES = (4, 16)

    method: str = "naive"

    def fit(
        self, train: Interactions, validation: Interactions | None = None, seed: int = 0
    ) -> RatingAdapter:
        """Choose penalty and width on validation rows, then fit (see `RatingAdapter.fit`)."""
        part, held = parts(train, validation, seed)
        rated = held.level_numbers >= 0
        users, items = held.user_numbers[rated], held.item_numbers[rated]
        given = np.asarray(train.levels.values)[held.level_numbers[rated]]
        weights = clipped(
            np.ones(len(users))
            if self.method == "naive"
            else inverse_propensities(part, users, items)
        )

        def loss(choice: tuple[float, int]) -> float:
            self.reg_, self.size_ = choice
            self._learn(part, seed)
            return float(weights @ (self._answer(part, users, items) - given) ** 2)

        self.reg_, self.size_ = min(product(self.REGS, self.SIZES), key=loss)
        return super().fit(train, validation, seed)

    def _learn(self, train: Interactions, seed: int) -> None:
        rng = torch.Generator().manual_seed(seed)
        rated = train.level_numbers >= 0
        users, items = (
            torch.from_numpy(numbers[rated].astype(np.int64))
            for numbers in (train.user_numbers, train.item_numbers)
        )
        ratings = torch.tensor(np.asarray(train.levels.values)[train.level_numbers[rated]])
        raw = np.ones(len(users))
        if self.method != "naive":
            raw = inverse_propensities(train, users.numpy(), items.numpy())
        weights = torch.from_numpy(clipped(raw)).float()
        ratings = ratings.float()
        mean = float(weights @ ratings)
        model = _Factors(train.n_users, train.n_items, self.size_, mean, rng)
        imputed = _Factors(train.n_users, train.n_items, self.size_, mean, rng)
        penalty = self.reg_ / len(ratings)
        ours, theirs = (torch.optim.Adam(m.tables, lr=LEARNING_RATE) for m in (model, imputed))
        for _ in range(N_STEPS):
            error = (model(users, items) - ratings) ** 2
            loss = weights @ error
            if self.method == "dr":
                n_pairs = 2 * len(ratings)
                some_users = torch.randint(train.n_users, (n_pairs,), generator=rng)
                some_items = torch.randint(train.n_items, (n_pairs,), generator=rng)
                with torch.no_grad():
                    labels, own = imputed(some_users, some_items), imputed(users, items)
                everywhere = ((model(some_users, some_items) - labels) ** 2).mean()
                loss = everywhere + weights @ (error - (model(users, items) - own) ** 2)
            _step(ours, loss + penalty * model.size())
            if self.method == "dr":
                with torch.no_grad():
                    predicted = model(users, items)
                gap = (predicted - ratings) ** 2 - (predicted - imputed(users, items)) ** 2
                _step(theirs, weights @ gap**2 + penalty * imputed.size())
        self.model_ = model

    @torch.no_grad()
    def _answer(self, given: Interactions, rows: IntArray, items: IntArray) -> FloatArray:
        del given  # checked to be that of training
        numbers = (torch.from_numpy(np.asarray(each, dtype=np.int64)) for each in (rows, items))
        return self.model_(*numbers).double().numpy()


class _Factors:
    """The tables of one factorisation."""

    def __init__(
        self, n_users: int, n_items: int, size: int, mean: float, rng: torch.Generator
    ) -> None:
        self.mean = mean
        drawn = [torch.randn(n, size, generator=rng) * 0.1 for n in (n_users, n_items)]
        self.tables = [*drawn, torch.zeros(n_users), torch.zeros(n_items)]
        for table in self.tables:
            table.requires_grad_(True)

    def __call__(self, users: Tensor, items: Tensor) -> Tensor:
        """Ratings of pairs."""
        p, q, of_user, of_item = self.tables
        return self.mean + of_user[users] + of_item[items] + (p[users] * q[items]).sum(1)

    def size(self) -> Tensor:
        """Sum of all squares."""
        return torch.stack([(table**2).sum() for table in self.tables]).sum()


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _candidate(name: str, method: str) -> Candidate:
    return Candidate(
        name,
        ("rate",),
        make=Factorisation,
        defaults={"method": method},
        extra=None,
        source="chooses penalty and width on validation",
        uses_unrated=False,
        distribution="gaussian",
    )


CANDIDATES = (_candidate("mf", "naive"), _candidate("mf-ips", "ips"), _candidate("mf-dr", "dr"))
"""Naive, inverse propensity (IPS) and doubly robust joint learning (DR-JL)."""
