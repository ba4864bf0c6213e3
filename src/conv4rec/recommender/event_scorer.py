"""A fitted `Conv4Rec` as the evaluator of logs with types asks it."""

from __future__ import annotations

import numpy as np

from conv4rec.data import Events
from conv4rec.errors import SettingError
from conv4rec.recommender.conv4rec import Conv4Rec


class ConvEventScorer:
    """Adapts a `Conv4Rec` to `conv4rec.evaluate.event_scorer.EventScorer`.

    Args:
        model: fitted to a log with types.

    Raises:
        SettingError: It was fitted to a log without types.
    """

    def __init__(self, model: Conv4Rec) -> None:
        model.check_fitted()
        if model.events_ is None:
            raise SettingError("the model was fitted to a log without types")
        self.model, self.events = model, model.events_

    def target_scores(self, given: Events, rows: np.ndarray, target: str) -> np.ndarray:
        """Compute log P(i | next event is of type `target`, history): rows x items."""
        number = given.types.number(target)
        found = [
            self.events.model.log_p_items(given.take_users(rows[block]), number)
            for block in self.events.blocks(len(rows))
        ]
        return np.concatenate(found)

    def kind_probabilities(self, given: Events, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
        """P(kind | i, history) of parallel rows and items: pairs x kinds.

        Of a type with ratings, P(level | i, history) says how its probability is divided.
        """
        types = given.types
        pairs = self.events.pairs(given, rows, items)
        p_kind = np.stack([pairs[f"share_{types.names[t]}"] for t in types.kind_types], axis=1)
        levels = np.asarray(types.kind_levels)
        if (levels < 0).all():
            return p_kind
        users, places = np.unique(rows, return_inverse=True)
        scoring = self.model.scoring_
        encoding, _ = scoring.encode(given.interactions(), users, with_consume=False)
        p_level = scoring.rating_probabilities(encoding, places, items)
        rated = [(kind, level) for kind, level in enumerate(levels) if level >= 0]
        both = self._share_with_ratings()
        for kind, level in rated:
            p_kind[:, kind] *= both[types.kind_types[kind]] * p_level[:, level]
        for kind in np.flatnonzero(levels < 0):
            p_kind[:, kind] *= 1.0 - both[types.kind_types[kind]]
        return p_kind

    def _share_with_ratings(self) -> np.ndarray:
        """Of each type, the share of its events that carry a rating."""
        log, types = self.events.log, self.events.log.types
        rated = np.asarray(types.kind_levels)[log.kind_numbers] >= 0
        n_all, n_rated = (
            np.bincount(log.type_numbers, log.counts * part, minlength=len(types.names))
            for part in (1, rated)
        )
        return n_rated / np.maximum(n_all, 1)
