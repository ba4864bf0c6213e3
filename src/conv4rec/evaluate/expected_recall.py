"""Expected recall: the recall that a model's own P(consume) predicts for its list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conv4rec.evaluate import ranking
from conv4rec.evaluate.blocks import Block, row_blocks
from conv4rec.evaluate.calibration import mean_ranks
from conv4rec.evaluate.scorer import FloatArray, IntArray, Scorer

if TYPE_CHECKING:
    from conv4rec.data.splits import Split

N_GROUPS = 10
_N_NEWTON = 60  # steps of Newton's method at most; about ten are needed


@dataclass(frozen=True, eq=False)
class ExpectedRecall:
    """For each user with test items, the expected recall@k of the list and the achieved one."""

    k: int
    expected: FloatArray
    achieved: FloatArray

    def to_dict(self) -> dict[str, Any]:
        """The means, the rank correlation, and tenths of the users by expected recall.

        `low` and `high` are the mean of a tenth -+ 1.96 standard errors.
        """
        order = np.argsort(self.expected, kind="stable")
        groups = [group for group in np.array_split(order, N_GROUPS) if len(group)]
        means = [float(self.achieved[group].mean()) for group in groups]
        errors = [
            float(self.achieved[group].std(ddof=1) / len(group) ** 0.5) if len(group) > 1 else 0.0
            for group in groups
        ]
        constant = np.ptp(self.expected) == 0 or np.ptp(self.achieved) == 0
        table = {
            "predicted": [float(self.expected[group].mean()) for group in groups],
            "observed": means,
            "low": [mean - 1.96 * error for mean, error in zip(means, errors, strict=True)],
            "high": [mean + 1.96 * error for mean, error in zip(means, errors, strict=True)],
        }
        return {
            "k": self.k,
            "expected": round(float(self.expected.mean()), 5),
            "achieved": round(float(self.achieved.mean()), 5),
            "rank_correlation": None
            if constant
            else round(_rank_correlation(self.expected, self.achieved), 4),
            "table": {"n": [len(group) for group in groups]}
            | {name: [round(value, 5) for value in values] for name, values in table.items()},
        }


def expected_recall(
    scorer: Scorer, split: Split, k: int = 20, max_memory_mb: float = 512.0
) -> ExpectedRecall | None:
    """Each user's recall@k, and the recall@k that the model's P(consume) predicts.

    The list is the top k by `rank_scores`. Given the number n of a user's test items, the model
    predicts that they are n draws from P(. | x) without replacement. Item i is among them with
    a probability close to

        π_i = 1 - exp(-λ p_i),   λ such that  sum_i π_i = n

    (item i arrives after a time drawn from Exp(p_i); the n first arrivals are the draws), and

        expected recall@k = sum over the list of π_i / min(k, n).

    This fits a random split and a model of randomly masked items. A model of the next
    interaction expects too little there, because popular items are missing from the rest.
    Returns None if the model has no ranking or no P(consume).

    Args:
        scorer: A model fitted on `split.train`.
        split: Histories at inference and test interactions.
        k: Length of the list.
        max_memory_mb: As in `evaluate`.

    Reference:
        Rosén, "Asymptotic theory for successive sampling with varying probabilities without
        replacement", Ann. Math. Statistics 43(2), 1972.
    """
    rows = np.flatnonzero(np.diff(split.test.starts))
    expected, achieved = [], []
    for chosen in row_blocks(rows, split.train.n_items, max_memory_mb):
        cells = Block(split, chosen, like_level=0)
        scores = scorer.rank_scores(cells.given, chosen)
        log_p = scorer.rank_log_probabilities(cells.given, chosen)
        if scores is None or log_p is None:
            return None
        scores = np.array(scores, dtype=np.float64)
        scores[cells.seen] = -np.inf
        items = ranking.top_k(scores, k)
        n_test = np.bincount(cells.test_rows, minlength=len(chosen))
        found = ranking.hits(items, cells.mask(cells.test_rows, cells.test_items))
        achieved.append(ranking.recall(found, n_test))
        included = inclusion_probabilities(np.exp(log_p, dtype=np.float64), n_test)
        listed = np.take_along_axis(included, np.maximum(items, 0), axis=1) * (items >= 0)
        expected.append(listed.sum(axis=1) / np.minimum(n_test, k))
    return ExpectedRecall(k, np.concatenate(expected), np.concatenate(achieved))


def _rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Spearman's rank correlation; ties share their mean rank."""
    return float(np.corrcoef(mean_ranks(first), mean_ranks(second))[0, 1])


def inclusion_probabilities(p: FloatArray, n: IntArray) -> FloatArray:
    """Probability of each item to be among n draws without replacement (see `expected_recall`).

    Args:
        p: rows × items, each row summing to one.
        n: Draws of each row; a row with at most n items of positive probability draws them all.

    >>> inclusion_probabilities(np.array([[0.5, 0.25, 0.25]]), np.array([2])).round(2)
    array([[0.83, 0.59, 0.59]])
    """
    probabilities = (p > 0).astype(np.float64)
    todo = np.flatnonzero(probabilities.sum(axis=1) > n)
    rate = n[todo].astype(np.float64)
    for _ in range(_N_NEWTON):  # concave and increasing: each step from the left stays left
        left = np.exp(-rate[:, None] * p[todo])
        missing = n[todo] - (1 - left).sum(axis=1)
        rate += missing / np.maximum((p[todo] * left).sum(axis=1), 1e-300)
        if (missing < 1e-6 * n[todo]).all():
            break
    probabilities[todo] = 1 - np.exp(-rate[:, None] * p[todo])
    return probabilities
