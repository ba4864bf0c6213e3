"""Histories, sums over the training users, and encodings: what goes into the network and out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from conv4rec.model.sparse import SparsePattern

PRIOR_COUNT = 10.0  # interactions: keeps the latent vector of a short history short


@dataclass(frozen=True)
class History:
    """Histories of some users: a sparse users x items matrix of types, partly observed."""

    pattern: SparsePattern
    types: Tensor  # per entry: level number, or n_levels for "consumed, not rated"
    observed: Tensor  # per entry: 1.0 observed, 0.0 masked

    @property
    def is_of_one(self) -> bool:
        """Whether there is one user, on the processor: NumPy is then faster than torch."""
        return len(self.pattern.row_starts) == 2 and self.observed.device.type == "cpu"

    def root_length(self) -> Tensor:
        """Square root of (observed interactions + `PRIOR_COUNT`): users x 1."""
        return (self.pattern.row_sums(self.observed) + PRIOR_COUNT).sqrt()[:, None]

    def of_rows(self, rows: Tensor) -> History:
        """The histories of some rows, in ascending order."""
        pattern = self.pattern
        wanted = torch.zeros(pattern.shape[0], dtype=torch.bool, device=rows.device)
        wanted[rows] = True
        entries = wanted.index_select(0, pattern.rows)
        lengths = pattern.row_starts.diff()[rows]
        starts = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        part = SparsePattern(starts, pattern.columns[entries], pattern.shape[1])
        return History(part, self.types[entries], self.observed[entries])

    def blocks(self, most: int) -> Iterator[tuple[slice, slice, History]]:
        """Runs of whole rows of at most `most` entries, or one row: rows, entries, their histories.

        See `SparsePattern.blocks`.
        """
        for rows, entries, pattern in self.pattern.blocks(most):
            yield rows, entries, History(pattern, self.types[entries], self.observed[entries])

    def rows_to_score(self, cells: int) -> Tensor:
        """Rows with a masked entry; evenly spaced ones if rows x columns would be above `cells`."""
        masked = self.pattern.row_sums((self.observed == 0).float())
        rows = torch.nonzero(masked).squeeze(1)
        n_rows = min(len(rows), max(1, cells // max(1, self.pattern.shape[1])))
        spaced = torch.arange(n_rows, device=rows.device) * len(rows)
        return rows[spaced.div(max(1, n_rows), rounding_mode="floor")]

    def empty(self, n_users: int = 0) -> History:
        """Histories without any interaction, over the same items."""
        none = self.pattern.columns[:0]
        starts = none.new_zeros(n_users + 1)
        pattern = SparsePattern(starts, none, self.pattern.shape[1])
        return History(pattern, none, self.observed[:0])


@dataclass(frozen=True)
class ItemSide:
    """Sums over the training users, per item."""

    type_counts: Tensor  # items x (levels + 1): how often each type occurred
    column: Tensor  # items x rate_size: the convolution down the column (empty if one-sided)
    # What follows from these and from weights that no longer change (`Network.served_side`):
    means: tuple[Tensor, Tensor] | None = None  # of each item's ratings, for both encoders
    liked: Tensor | None = None  # see `Encoding`
    # Of the histories of a training step (`Network.channels`): they make the column too.
    channels: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True)
class Encoding:
    """Histories as the encoders see them: the input of both decoders."""

    consume: Tensor  # users x consume_size
    rate: Tensor  # users x (rate_size + channels): the last are offsets of the user
    user_mean: Tensor  # users x channels: mean deviation from the item means (shrunk)
    item_mean: Tensor  # items x channels: mean of the item's ratings (shrunk)
    liked: Tensor | None  # items x rate_size: vectors of channel "liked" with those of raters
