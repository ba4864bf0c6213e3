"""P(consume) of a log with types: who consumes what next, where to consume is what gets rated."""

from __future__ import annotations

import numpy as np
import torch

from conv4rec.data import Events, Interactions
from conv4rec.errors import SettingError
from conv4rec.model.event_attribution import event_contributions
from conv4rec.model.likelihood import consume_log_probabilities
from conv4rec.recommender.event_answers import EventAnswers


class NextRated:
    """P(i | the next event is of a type that carries ratings), among items without a history.

    In a log with ratings and other types (wishes, views), that is what P(level | i) is the other
    half of. The model of types tells the types apart; the network, which reads the pairs of all
    types as one, does not: its lists are of what is wished as much as of what is read.

    Args:
        events: the model of types, of a log whose types have ratings.
    """

    def __init__(self, events: EventAnswers) -> None:
        self.events, types = events, events.log.types
        self.names = types.rated
        self.targets = [types.number(name) for name in self.names]

    def log_p(self, histories: Interactions, rows: np.ndarray) -> np.ndarray:
        """Log P(consume) of some rows: rows x items, float32, -inf at the items of the history."""
        asked = self._events_of(histories).take_users(rows)
        found = [self._log_p(asked.take_users(block)) for block in self.events.blocks(len(rows))]
        return np.concatenate(found)

    def contributions(self, own: Interactions, item: int) -> tuple[float, np.ndarray]:
        """The baseline, and what each item of one user's history adds to log P(consume).

        They sum to log P(consume) minus its mean over the items not in the history.

        Raises:
            SettingError: Several types carry ratings.
        """
        if len(self.targets) > 1:
            raise SettingError(
                f"several types carry ratings ({', '.join(self.names)}): explain one of them, "
                f"such as by={'type:' + self.names[0]!r}"
            )
        events = self._events_of(own)
        _, parts = event_contributions(self.events.model, events, self.targets[0], item)
        places = np.searchsorted(own.item_numbers, events.item_numbers)
        added = np.bincount(places, parts, minlength=len(own))
        log_p = self.events.model.log_p_items(events, self.targets[0])[0]
        left = np.isfinite(log_p)
        left[own.item_numbers] = False
        score = float(log_p[item] - log_p[left].mean()) if left[item] else 0.0
        return score - float(added.sum()), added

    def _log_p(self, part: Events) -> np.ndarray:
        users, items = (torch.from_numpy(a).long() for a in (part.user_numbers, part.item_numbers))
        logits = torch.from_numpy(self._of_next(part))
        return consume_log_probabilities(logits, users, items).numpy()

    def _of_next(self, part: Events) -> np.ndarray:
        """Log P(i), up to a constant of the user."""
        model = self.events.model
        if len(self.targets) == 1:
            return model.log_p_items(part, self.targets[0])
        p_types = np.exp(model.log_p_types(part))
        p_items = sum(p_types[:, [t]] * np.exp(model.log_p_items(part, t)) for t in self.targets)
        with np.errstate(divide="ignore"):
            return np.log(p_items)

    @staticmethod
    def _events_of(histories: Interactions) -> Events:
        if histories.events is None:
            raise SettingError(
                "the model was fitted to a log with types: give histories with a column for type"
            )
        return histories.events
