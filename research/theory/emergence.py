"""Low rank without a penalty: softmax models of 1 to 4 factors, on synthetic and real data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from conv4rec.data import Interactions
from conv4rec.errors import DataError
from conv4rec.recommender.guarantees.fold_in_split import fold_in_split
from conv4rec.theory import Spectrum, spectrum
from research.theory.deep_factors import Rows, Run, train

DEPTHS = (1, 2, 3, 4)
SIZE, TRUE_RANK, DRAWS = 60, 3, 60
"""Users and items of the synthetic world, rank of the true logits, draws per user."""
STRENGTH = 2.0  # standard deviation of the true logits
STEPS, REAL_STEPS = 2500, 5000
N_ITEMS, FEWEST_USERS = 150, 20
"""Most popular items of a real log that are kept, and how few users are too few."""
LENGTH_PRIOR = 10.0  # interactions added to a history's length, as in the network
NEVER = -1e4  # score of an item of the history


@dataclass(frozen=True, eq=False)
class Emergence:
    """All depths on one task, and the truth where it is known."""

    about: str
    runs: tuple[Run, ...]
    truth: Spectrum | None
    entropy: float | None
    """Of the truth, mean over users, in nats: the least loss possible."""

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON."""
        truth = None
        if self.truth is not None:
            truth = {"rank": TRUE_RANK, "entropy_rank": self.truth.entropy_rank,
                     "stable_rank": self.truth.stable_rank, "entropy": self.entropy}  # fmt: skip
        return {"about": self.about, "truth": truth, "runs": [run.to_dict() for run in self.runs]}


def emergence(depths: Sequence[int] = DEPTHS, seed: int = 0, steps: int = STEPS) -> Emergence:
    """Train W_1 ... W_D with softmax(W_1 ... W_D) = P(item | user), and record the rank.

    The factors are square and free, nothing is penalised, and every depth starts from a product
    of the same small size. The truth has logits of rank 3; it is seen through 60 draws a user.
    Gradient descent (see `deep_factors`); validation draws choose the step, and the fresh loss is
    the expected one under the truth.

    Reference:
        The setting, in a linear softmax model, of Arora, Cohen, Hu and Luo, "Implicit
        regularization in deep matrix factorization", NeurIPS 2019.
    """
    rng = np.random.default_rng(seed)
    left, right = rng.standard_normal((SIZE, TRUE_RANK)), rng.standard_normal((SIZE, TRUE_RANK))
    logits = STRENGTH / np.sqrt(TRUE_RANK) * left @ right.T
    logits -= logits.mean(axis=1, keepdims=True)
    truth = np.exp(logits - logits.max(axis=1, keepdims=True))
    truth /= truth.sum(axis=1, keepdims=True)
    drawn = [torch.from_numpy(rng.multinomial(DRAWS, truth) / DRAWS) for _ in range(2)]
    entropy = float(-(truth * np.log(truth)).sum(axis=1).mean())
    parts = (Rows(drawn[0]), Rows(drawn[1]), Rows(torch.from_numpy(truth)))
    runs = tuple(train(depth, SIZE, parts, seed, steps) for depth in depths)
    about = f"{SIZE} users and {SIZE} items, true logits of rank {TRUE_RANK}"
    return Emergence(about, runs, spectrum(logits), entropy)


def real_emergence(
    log: Interactions, depths: Sequence[int] = DEPTHS, seed: int = 0, steps: int = REAL_STEPS
) -> Emergence:
    """The same for a real log: softmax(input half @ W_1 ... W_D + popularity) = P(item | input).

    The consume side of the recommender without its kernel, at 1 to 4 factors of full width, on
    the 150 most popular items. 60% of the users train, 20% choose the step, and the
    loss is measured on the other 20%. The truth is unknown.

    Raises:
        DataError: Fewer than 20 users have two interactions with those items.
    """
    counts = np.bincount(log.item_numbers, minlength=log.n_items)
    items = np.sort(np.argsort(-counts, kind="stable")[:N_ITEMS])
    split = fold_in_split(log.select(np.isin(log.item_numbers, items)), seed)
    if split.test.n_users < FEWEST_USERS:
        raise DataError(
            f"{split.test.n_users} users have two of the {len(items)} most popular items: "
            f"{FEWEST_USERS} are needed"
        )
    given, test = (each.to_csr().toarray()[:, items] for each in (split.given, split.test))
    order = np.random.default_rng(seed).permutation(len(given))
    cuts = np.split(order, [round(0.6 * len(order)), round(0.8 * len(order))])
    popularity = np.log(test[cuts[0]].sum(axis=0) + 1.0)
    first, second, third = (_rows(given[users], test[users], popularity) for users in cuts)
    runs = tuple(train(d, len(items), (first, second, third), seed, steps) for d in depths)
    about = f"{len(given):,} users, their {len(items)} most popular items"
    return Emergence(about, runs, None, None)


def _rows(given: np.ndarray, test: np.ndarray, popularity: np.ndarray) -> Rows:
    length = np.sqrt(given.sum(axis=1, keepdims=True) + LENGTH_PRIOR)
    shares = test / test.sum(axis=1, keepdims=True)
    offset = np.where(given > 0, NEVER, popularity)
    return Rows(*(torch.from_numpy(a.astype(np.float64)) for a in (shares, given / length, offset)))
