"""What the Bayesian matrix factorisation knows of the training users, solved once after a fit.

Solving a user is most of the time of an answer (`conv4rec.model.one_user`), and a training user's
history never changes. So a row of `BayesianMF.encode` for each of them is kept beside the tables,
in the saved folder too, where it is memory-mapped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from conv4rec.data import Interactions
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.train.batches import Batches
from conv4rec.train.settings import MOST_SOLVED_BYTES

USERS, ENTRIES = 4_000, 200_000  # solved at a time: about 200 MB


@dataclass(frozen=True)
class KnownUsers:
    """The training users.

    >>> from conv4rec import Conv4Rec
    >>> from conv4rec.data.synthetic import two_tribes
    >>> log = two_tribes().sample(8, np.random.default_rng(0))
    >>> known = Conv4Rec(n_steps=2, mf_sweeps=4).fit(log).scoring_.known
    >>> known.posteriors.shape[0] == log.n_users, known.of(log.take_users(np.array([1]))).shape[0]
    (True, 1)
    """

    log: Interactions
    posteriors: np.ndarray
    """users x (draws x size + 3 + levels), float32."""

    @classmethod
    def solved(
        cls,
        log: Interactions,
        model: BayesianMF | None,
        on_users: Callable[[int], Any] = lambda _: None,
    ) -> KnownUsers | None:
        """Solve all users; None without the model, or where their table would be too large.

        `on_users` is told how many are solved. Time: 2 to 3 ms a user at 75 ratings each (one
        core).
        """
        if model is None or 4 * log.n_users * model.width > MOST_SOLVED_BYTES:
            return None
        posteriors = np.empty((log.n_users, model.width), dtype=np.float32)
        device, first = str(model.items.device), 0
        while first < log.n_users:
            most = np.searchsorted(log.starts, log.starts[first] + ENTRIES, side="right") - 1
            rows = np.arange(first, min(max(first + 1, int(most)), first + USERS, log.n_users))
            history = Batches.from_interactions(log.take_users(rows), device).whole
            with torch.no_grad():
                posteriors[rows] = model.encode_many(history).cpu().numpy()
            first += len(rows)
            on_users(first)
        return cls(log, posteriors)

    def of(self, histories: Interactions) -> np.ndarray | None:
        """The rows of `posteriors` of some users; None unless each has the history in the log."""
        log, users = self.log, histories.users
        if users.kind != log.users.kind:
            return None
        rows = log.users.numbers(users.to_series())
        lengths = np.diff(histories.starts)
        if (rows < 0).any() or not np.array_equal(lengths, log.starts[rows + 1] - log.starts[rows]):
            return None
        shift = np.repeat(log.starts[rows] - histories.starts[:-1], lengths)
        entries = shift + np.arange(len(shift))
        same = np.array_equal(log.item_numbers[entries], histories.item_numbers)
        if same and np.array_equal(log.level_numbers[entries], histories.level_numbers):
            return self.posteriors[rows]
        return None
