"""Scores whole catalogues, a few users at a time, within a memory budget."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.model import History, ItemSide, Network, ServedModel
from conv4rec.model.attribution import entry_encodings
from conv4rec.model.bayesian_mf import LatentRating
from conv4rec.model.compressed import CompressedRatings
from conv4rec.model.likelihood import consume_log_probabilities
from conv4rec.model.served import ServedEncoding
from conv4rec.recommender.known_users import KnownUsers
from conv4rec.recommender.uncertainty import Latent, joined
from conv4rec.train.batches import Batches

if TYPE_CHECKING:
    from conv4rec.recommender.next_rated import NextRated

if hasattr(os, "register_at_fork"):
    # The threads of torch's pool do not live on in a forked process, which would wait for them.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))

CELL_BYTES = 40  # per user and item: scores, probabilities, and the copies that ranking makes
PAIRS_AT_A_TIME = 2_048
BLOCK_CELLS = 4_000_000  # users x items: more do not fit into a processor's cache


@dataclass
class Scores:
    """The consume probabilities of a few users, and their encoding."""

    rows: np.ndarray
    """Row of each user in the histories that were asked about."""
    log_p_consume: np.ndarray
    """len(rows) x items, float32: -inf at the items of the history."""
    encoding: ServedEncoding
    """Row i is of the user `rows[i]`."""


class Scoring:
    """A model that answers for any histories.

    Args:
        model: as served.
        item_side: sums over the training users, per item.
        max_memory_mb: limit on arrays with a cell per user and item, in MB.
        known: the training users, where they are solved already.
        next_rated: what P(consume) is of in a log with types.
    """

    def __init__(
        self,
        model: ServedModel,
        item_side: ItemSide,
        max_memory_mb: float,
        known: KnownUsers | None = None,
        next_rated: NextRated | None = None,
    ) -> None:
        self.model, self.item_side, self.max_memory_mb = model, item_side, max_memory_mb
        self.known, self.next_rated = known, next_rated
        self._compressed: CompressedRatings | None = None
        self._entries: tuple[tuple[bytes, bytes], ServedEncoding] | None = None

    @property
    def network(self) -> Network:
        """The neural component, with its tables as served."""
        return self.model.network

    def compressed(self, encoding: ServedEncoding) -> CompressedRatings:
        """The tables of the rating side, compressed at the first call; any encoding will do."""
        if self._compressed is None:
            self._compressed = CompressedRatings.of(self.model, encoding)
        return self._compressed

    @cached_property
    def consume_directions(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Singular values and right singular vectors of the table that decodes P(consume)."""
        vectors = self.network.consume_out
        return torch.linalg.svd(vectors - vectors.mean(0), full_matrices=False)[1:]

    def entries(self, own: Interactions) -> ServedEncoding:
        """What each entry of one user's history adds to its encoding.

        The last is kept: a page asks about the same history several times.
        """
        key = own.item_numbers.tobytes(), own.level_numbers.tobytes()
        kept = self._entries
        if kept is None or kept[0] != key:
            device = self.item_side.type_counts.device
            history = Batches.from_interactions(own, str(device)).whole
            kept = key, entry_encodings(self.model, history, self.item_side)
            self._entries = kept
        return kept[1]

    def neural_component(self) -> Scoring:
        """The same without SLIM and without Bayesian matrix factorisation."""
        return Scoring(self.model.neural_component(), self.item_side, self.max_memory_mb)

    def blocks(
        self, histories: Interactions, rows: np.ndarray, levels: int = 0
    ) -> Iterator[Scores]:
        """Score all items for some rows of `histories`, as many rows at a time as fit.

        Args:
            histories: of the users.
            rows: which of them.
            levels: how many floats per user and item the caller will add.

        Raises:
            SettingError: Not even one user fits into the budget.
        """
        cell = (CELL_BYTES + 4 * levels) * histories.n_items
        size = int(min(self.max_memory_mb * 2**20 // cell, 1 + BLOCK_CELLS // histories.n_items))
        if size < 1:
            raise SettingError(
                f"max_memory_mb={self.max_memory_mb:g} is too little to score one user on "
                f"{histories.n_items:,} items: give at least {cell / 2**20 + 0.05:.1f}"
            )
        for first in range(0, len(rows), size):
            yield self.score(histories, rows[first : first + size])

    @torch.no_grad()
    def score(self, histories: Interactions, rows: np.ndarray, with_ratings: bool = True) -> Scores:
        """Encode some histories and compute P(consume) of every item.

        Without `with_ratings`, the encoding serves no other question.
        """
        with_consume = self.next_rated is None
        encoding, history = self.encode(histories, rows, with_consume, with_ratings)
        if self.next_rated is not None:
            return Scores(rows, self.next_rated.log_p(histories, rows), encoding)
        log_p = consume_log_probabilities(
            self.model.consume_logits(encoding), history.pattern.rows, history.pattern.columns
        )
        return Scores(rows, log_p.cpu().numpy(), encoding)

    @torch.no_grad()
    def encode(
        self,
        histories: Interactions,
        rows: np.ndarray,
        with_consume: bool = True,
        with_ratings: bool = True,
    ) -> tuple[ServedEncoding, History]:
        """Encode some rows of `histories` (see `ServedModel.encode`); also returns them."""
        device = self.item_side.type_counts.device
        whole = len(rows) == histories.n_users  # rows ascend: these are all
        part = histories if whole else histories.take_users(np.asarray(rows, dtype=np.int64))
        history = Batches.from_interactions(part, str(device)).whole
        solved = None if self.known is None or not with_ratings else self.known.of(part)
        posterior = None if solved is None else torch.from_numpy(solved).to(device)
        encoding = self.model.encode(history, self.item_side, with_consume, with_ratings, posterior)
        return encoding, history

    @torch.no_grad()
    def rating_probabilities(
        self, encoding: ServedEncoding, places: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """P(k | i, history) for pairs (row of the encoding, item): pairs x levels, float32."""
        return self.rated(encoding, places, items)[0]

    @torch.no_grad()
    def rated(
        self, encoding: ServedEncoding, places: np.ndarray, items: np.ndarray
    ) -> tuple[np.ndarray, Latent | None]:
        """`rating_probabilities`, and the latent value behind the ratings of the same pairs.

        The latter is None without the Bayesian matrix factorisation.
        """
        probabilities, latents = [], []
        for first in range(0, max(1, len(places)), PAIRS_AT_A_TIME):
            part = slice(first, first + PAIRS_AT_A_TIME)
            logits, latent = self.model.rated(encoding, *self._pairs(places[part], items[part]))
            probabilities.append(torch.softmax(logits, 1).cpu().numpy())
            latents.append(_latent(latent))
        return np.concatenate(probabilities), joined(latents)

    @torch.no_grad()
    def all_rating_probabilities(self, encoding: ServedEncoding) -> np.ndarray:
        """P(k | i, history) for every user of the encoding and item: rows x items x levels."""
        return self.model.all_rating_probabilities(encoding).cpu().numpy()

    @torch.no_grad()
    def all_rated(self, encoding: ServedEncoding) -> tuple[np.ndarray, Latent | None]:
        """`all_rating_probabilities`, and the latent value behind every rating.

        The latter is None without the Bayesian matrix factorisation.
        """
        probabilities, latent = self.model.all_rated(encoding)
        return probabilities.cpu().numpy(), _latent(latent)

    def _pairs(self, places: np.ndarray, items: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        device = self.item_side.type_counts.device
        users, columns = (torch.as_tensor(a, device=device).long() for a in (places, items))
        return users, columns


def _latent(rating: LatentRating | None) -> Latent | None:
    if rating is None:
        return None
    parts = (rating.mean, rating.standard_error, rating.deviation, rating.thresholds)
    return Latent(*(part.cpu().numpy() for part in parts))
