"""Propensities that no compared model defines: popularity among equally active people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conv4rec.evaluate.scorer import FloatArray, IntArray

if TYPE_CHECKING:
    from conv4rec.data.interactions import Interactions
    from conv4rec.data.splits import Split

N_GROUPS = 5
"""Number of groups of about equal size, by the length of the history."""
SMOOTHING = 20.0
"""Weight of the whole log in each group, in people."""


@dataclass(frozen=True, eq=False)
class Propensity:
    """Probability that a pair outside the history is a test interaction.

    People are divided into 5 groups by the length of their history. In group g, n_gi of U_g
    people consumed item i in training; in the whole log, n_i of U people; a_g and a are the mean
    lengths of their histories.

        c_g = max(1 / U, (n_gi + 20 (a_g / a) n_i / U) / (U_g + 20))
        p   = min(1, t_g c_g / (1 - c_g))

    c_g is the probability that a person of the group consumed i in training, shrunk towards
    popularity. t_g is the number of test interactions per interaction of the history, in the
    group. p is right if the test part is a random share of each person's interactions: if they
    consume i with probability q, and the share t / (1 + t) is held out, then c = q / (1 + t) and
    P(in the test | not in training) = t c / (1 - c).
    """

    edges: IntArray
    """Longest history of each group but the last."""
    table: FloatArray
    """groups × items: p."""

    @classmethod
    def of(cls, split: Split) -> Propensity:
        """Estimate from the training log of a split and the size of its test part."""
        log = split.train
        activity = np.diff(log.starts)
        people = np.flatnonzero(activity)
        shares = np.arange(1, N_GROUPS) / N_GROUPS
        active = activity[people] if len(people) else np.zeros(1, dtype=np.int64)
        edges = np.unique(np.quantile(active, shares, method="inverted_cdf")).astype(np.int64)
        edges = edges[edges < active.max()]  # so that the last group is not empty
        n_groups, n_users = len(edges) + 1, max(len(people), 1)
        groups = np.searchsorted(edges, activity, side="left")
        cells = groups[log.user_numbers] * log.n_items + log.item_numbers
        counts = np.bincount(cells, minlength=n_groups * log.n_items)
        counts = counts.reshape(n_groups, log.n_items)
        sizes = np.bincount(groups[people], minlength=n_groups)
        share = counts.sum(axis=0) / n_users
        lengths = counts.sum(axis=1) / np.maximum(sizes, 1)
        relative = lengths / max(len(log) / n_users, 1e-12)
        consumed = counts + SMOOTHING * relative[:, None] * share
        consumed = consumed / (sizes[:, None] + SMOOTHING)
        consumed = np.clip(consumed, 1 / n_users, 1 - 1e-9)
        ratio = _test_ratio(split, edges, n_groups)[:, None]
        return cls(edges, np.minimum(1.0, ratio * consumed / (1 - consumed)))

    def groups(self, given: Interactions, rows: IntArray) -> IntArray:
        """Group of each user, by the length of the history."""
        return np.searchsorted(self.edges, np.diff(given.starts)[rows], side="left")

    def rank_scores(self, given: Interactions, rows: IntArray) -> FloatArray:
        """P of every item: rows × items."""
        return self.table[self.groups(given, rows)]

    def at(self, given: Interactions, rows: IntArray, items: IntArray) -> FloatArray:
        """P of parallel arrays of users and items."""
        return self.table[self.groups(given, rows), items]


def _test_ratio(split: Split, edges: IntArray, n_groups: int) -> FloatArray:
    """t_g: test interactions per interaction of the history, over people with a test part."""
    given, test = np.diff(split.given.starts), np.diff(split.test.starts)
    tested = test > 0
    groups = np.searchsorted(edges, given[tested], side="left")
    n_test = np.bincount(groups, weights=test[tested], minlength=n_groups)
    n_given = np.bincount(groups, weights=given[tested], minlength=n_groups)
    overall = n_test.sum() / max(n_given.sum(), 1)
    return np.where((n_given > 0) & (n_test > 0), n_test / np.maximum(n_given, 1), overall)
