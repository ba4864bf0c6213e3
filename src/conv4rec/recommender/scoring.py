"""Scoring whole catalogues a few people at a time, within a stated memory budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.model import ItemSide, Network
from conv4rec.model.likelihood import consume_log_probabilities
from conv4rec.model.network import Encoding
from conv4rec.recommender.uncertainty import Latent
from conv4rec.train.batches import Batches

CELL_BYTES = 40  # of users x items: scores, chances, and the copies that ranking makes


@dataclass
class Scores:
    """What the network says about a few people: rows are places in `rows`."""

    rows: np.ndarray
    log_p_consume: np.ndarray
    """rows x items, float32: -inf at the items of the history."""
    encoding: Encoding


class Scoring:
    """A network ready to answer for any histories.

    Args:
        network: trained.
        item_side: what the training users say about each item.
        max_memory_mb: of arrays with a cell for each user and item, at most, in MB.
        whole: whether the exact half of the rating side and the neighbours are heard, if there
            are any: the parts that are not a look-up in tables.
    """

    def __init__(
        self, network: Network, item_side: ItemSide, max_memory_mb: float, whole: bool = True
    ) -> None:
        self.network, self.item_side, self.max_memory_mb = network, item_side, max_memory_mb
        self.whole = whole

    def blocks(
        self, histories: Interactions, rows: np.ndarray, levels: int = 0
    ) -> Iterator[Scores]:
        """Score all items for some rows of `histories`, as many rows at a time as fit.

        Args:
            histories: who may be asked about.
            rows: who is asked about.
            levels: how many floats a cell the caller will add.

        Raises:
            SettingError: Not even one person fits into the budget.
        """
        cell = (CELL_BYTES + 4 * levels) * histories.n_items
        size = int(self.max_memory_mb * 2**20 // cell)
        if size < 1:
            raise SettingError(
                f"max_memory_mb={self.max_memory_mb:g} is too little to score one person on "
                f"{histories.n_items:,} items: give at least {cell / 2**20 + 0.05:.1f}"
            )
        for first in range(0, len(rows), size):
            yield self.score(histories, rows[first : first + size])

    @torch.no_grad()
    def score(self, histories: Interactions, rows: np.ndarray, with_ratings: bool = True) -> Scores:
        """Read some histories and score every item; without `with_ratings`, for their P(pick) alone."""
        encoding, history = self.encode(histories, rows, with_ratings=with_ratings)
        logits = self.network.consume_logits(encoding)
        probabilities = consume_log_probabilities(
            logits, history.pattern.rows, history.pattern.columns
        )
        return Scores(rows, probabilities.cpu().numpy(), encoding)

    @torch.no_grad()
    def encode(
        self,
        histories: Interactions,
        rows: np.ndarray,
        with_consume: bool = True,
        with_ratings: bool = True,
    ):
        """What the network knows after reading some rows of `histories`.

        Without `with_consume`, what only the consume decoder reads is left out; without `with_ratings`,
        what the exact half of the rating side solves.
        """
        device = self.item_side.type_counts.device
        part = histories.take_users(np.asarray(rows, dtype=np.int64))
        history = Batches.from_interactions(part, str(device)).whole
        encoding = self.network.encode(
            history, self.item_side, with_consume, with_ratings and self.whole
        )
        return encoding if self.whole else replace(encoding, history=None), history

    @torch.no_grad()
    def rating_probabilities(
        self, encoding: Encoding, places: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """P(k | i, history) for pairs (row of the reading, item): pairs x levels, float32."""
        device = encoding.rate.device
        found = []
        for first in range(0, len(places), 65_536):
            pair = slice(first, first + 65_536)
            where = [
                torch.as_tensor(a[pair], dtype=torch.long, device=device) for a in (places, items)
            ]
            logits = self.network.rating_logits(encoding, *where)
            found.append(torch.softmax(logits, 1).cpu().numpy())
        empty = np.zeros((0, self.network.config.n_levels), dtype=np.float32)
        return np.concatenate(found) if found else empty

    @torch.no_grad()
    def all_rating_probabilities(self, encoding: Encoding) -> np.ndarray:
        """P(k | i, history) for everyone in the reading and every item: rows x items x levels."""
        return torch.softmax(self.network.all_rating_logits(encoding), 2).cpu().numpy()

    @torch.no_grad()
    def latent(self, encoding: Encoding) -> Latent | None:
        """The value behind everyone's rating of every item; None where no draws tell."""
        bayesian_mf = self.network.bayesian_mf
        if bayesian_mf is None or encoding.bayesian_mf is None:
            return None
        mean, standard_error, deviation = (
            part.cpu().numpy() for part in bayesian_mf.latent_all(encoding.bayesian_mf)
        )
        return Latent(mean, standard_error, deviation, bayesian_mf.thresholds.mean(0).cpu().numpy())

    @torch.no_grad()
    def latent_of_pairs(
        self, encoding: Encoding, places: np.ndarray, items: np.ndarray
    ) -> Latent | None:
        """The same for pairs (row of the reading, item) alone."""
        bayesian_mf = self.network.bayesian_mf
        if bayesian_mf is None or encoding.bayesian_mf is None:
            return None
        device = encoding.rate.device
        users, columns = (torch.as_tensor(a, device=device).long() for a in (places, items))
        about = bayesian_mf.about(encoding.bayesian_mf)[users]
        mean = bayesian_mf.score(encoding.bayesian_mf, users, columns)
        standard_error = (
            (about[:, 1] * bayesian_mf.uncertainty_ratio[columns]).clamp(min=0.0).sqrt()
        )
        found, error, deviation = (
            part.cpu().numpy() for part in (mean, standard_error, about[:, 0].sqrt())
        )
        return Latent(found, error, deviation, bayesian_mf.thresholds.mean(0).cpu().numpy())
