"""Item-item cosines to the target type: from it alone, or from the whole history."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.sparse import csr_array, diags_array

from conv4rec.baselines.base import VALIDATION_SHARE, check_fitted
from conv4rec.data.event_splits import EventSplit
from conv4rec.data.events import Events
from conv4rec.evaluate.event_protocol import evaluate_events
from conv4rec.evaluate.scorer import FloatArray, IntArray

TARGET_WEIGHTS = (1.0, 2.0, 4.0, 8.0)
OWN_FACTORS = (1.0, 3.0, 6.0, 12.0)


class ItemCosine:
    """The items whose users of the target type did much with the items of the history.

        score(u, i) = sum_j h_uj cos(h_.j, x_.i),

    with x_ui = 1 where u has the target on i, and h = x: item-item nearest neighbours. With
    `union`, h_ui is the number of types of u on i, where the target counts `weight` times, and the
    score of the user's own items is multiplied by `own`: both chosen by NDCG@10 on a tenth of the
    target events.

    Args:
        union: Whether all types are read, or the target alone.

    Attributes:
        cosines_: Of each target, the cosines: items × items, sparse.
        chosen_: Of each target, `weight` and `own`.
    """

    cosines_: dict[str, csr_array]
    chosen_: dict[str, tuple[float, float]]

    def __init__(self, *, union: bool = False) -> None:
        self.union = union

    def fit(self, train: Events, seed: int = 0) -> ItemCosine:
        """Choose the weights of each target if there are any, then compute the cosines."""
        self.cosines_, self.chosen_ = {}, {}
        present = set(train.type_numbers.tolist())
        for target in train.types.targets:
            best = (1.0, 1.0)
            if self.union and train.types.number(target) in present:
                split = hidden_events(train, target, seed)
                tried = product(TARGET_WEIGHTS, OWN_FACTORS)
                best = max(tried, key=lambda each: self._ndcg(split, target, each))
            self._solve(train, target, best)
        return self

    def target_scores(self, given: Events, rows: IntArray, target: str) -> FloatArray:
        """The sums of cosines: rows × items."""
        check_fitted(self, "cosines_")
        history = self._history(given, target)[rows]
        scores = (history @ self.cosines_[target]).toarray()
        own = self.chosen_[target][1]
        return scores if own == 1 else np.where(history.toarray() > 0, own * scores, scores)

    def kind_probabilities(self, given: Events, rows: IntArray, items: IntArray) -> None:
        """None: it ranks only."""

    def _history(self, events: Events, target: str) -> csr_array:
        wanted = binary(events.of_types([target]))
        if not self.union:
            return wanted
        return csr_array(events.to_csr() + (self.chosen_[target][0] - 1) * wanted)

    def _solve(self, train: Events, target: str, chosen: tuple[float, float]) -> ItemCosine:
        self.chosen_[target] = chosen
        history, wanted = self._history(train, target), binary(train.of_types([target]))
        self.cosines_[target] = csr_array(unit_columns(history).T @ unit_columns(wanted))
        return self

    def _ndcg(self, split: EventSplit, target: str, chosen: tuple[float, float]) -> float:
        return evaluate_events(self._solve(split.train, target, chosen), split)["ndcg@10"] or 0.0


def hidden_events(train: Events, target: str, seed: int) -> EventSplit:
    """A random tenth of the pairs with the target type held out; other types stay."""
    cells = np.flatnonzero(train.type_numbers == train.types.number(target))
    n_held = max(1, int(len(cells) * VALIDATION_SHARE))
    held = np.zeros(len(train), dtype=bool)
    held[np.random.default_rng(seed).permutation(cells)[:n_held]] = True
    known = train.select(~held)
    return EventSplit("validation", known, known, train.select(held), metrics=("ndcg@10",))


def binary(events: Events) -> csr_array:
    """Users × items: 1 at each pair with an event."""
    return events.interactions().to_csr()


def unit_columns(matrix: csr_array) -> csr_array:
    """The matrix with columns of length one; zero columns stay."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0))).ravel()
    return csr_array(matrix @ diags_array(1 / np.maximum(lengths, 1e-12)))
