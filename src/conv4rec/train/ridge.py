"""The ridge component of the consume scores: a linear autoencoder in closed form.

Row u of X is the implicit-feedback vector of user u. Row u of Y is the same vector, items weighted
by n_i^(-1/4), scaled to length 1. The ridge regression of X on Y,

    scores(x) = y(x) (Y'Y + penalty)^-1 Y'X = sum_r (y(x) . v_r) s_r / (s_r^2 + penalty) (u_r . X),

with u_r, s_r, v_r the singular triples of Y, needs no training steps. Its errors differ from those
of the neural component. The leading triples are kept, so that the component is a pair of tables
like the neural component's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.model import History
from conv4rec.model.network import PRIOR_COUNT
from conv4rec.train.batches import Batches
from conv4rec.train.spectral import SparseMatrix, truncated_svd

ITEM_POWER = 0.25  # an item with n interactions has weight n ** -ITEM_POWER in a history
SPREAD_USERS = 500  # enough to estimate a scale


@dataclass(frozen=True)
class Ridge:
    """The leading singular triples of Y: everything but the penalty."""

    encoder: np.ndarray
    """items x rank: weighted right singular vectors."""
    singular: np.ndarray
    """rank: singular values of Y, largest first."""
    decoder: np.ndarray
    """items x rank: X' u_r."""
    sample: History
    """Histories of some users, by which the scores are brought to a common scale."""

    @classmethod
    def of(cls, interactions: Interactions, size: int, seed: int, device: str = "cpu") -> Ridge:
        """Compute the triples: 10 sparse products; memory 16 x items x size bytes.

        Args:
            interactions: the log; ratings are not read.
            size: number of triples; fewer where users or items are fewer.
            seed: of the random range finder.
            device: where the products are computed.
        """
        consumed = sparse.csr_array(interactions.to_csr(), dtype=np.float32)
        weights = ((consumed.sum(0) + 1.0) ** -ITEM_POWER).astype(np.float32)
        # The columns of a row are distinct, so a row's squares add up to its squared length.
        lengths = np.sqrt(np.maximum(consumed @ weights**2, 1e-12)).astype(np.float32)
        scaled = sparse.diags_array(1 / lengths) @ consumed @ sparse.diags_array(weights)
        matrix = SparseMatrix(sparse.csr_array(scaled, dtype=np.float32), device)
        left, singular, right = truncated_svd(matrix, size, seed)
        users = torch.arange(min(interactions.n_users, SPREAD_USERS))
        sample = Batches.from_interactions(interactions).of_users(users)
        unscaled = torch.from_numpy(lengths[:, None] * left).to(device)  # X' = W^-1 Y' L
        decoder = matrix.transposed_times(unscaled).cpu().numpy() / weights[:, None]
        return cls(weights[:, None] * right, singular, decoder, sample)

    def tables(self, penalty: float) -> tuple[Tensor, Tensor]:
        """Item vectors of the encoder and of the decoder: each items x rank.

        The scores are centred over the items, and their standard deviation over items is 1 on
        average over users.
        """
        encoder = torch.from_numpy(self.encoder)
        decoder = torch.from_numpy(self.decoder * (self.singular / (self.singular**2 + penalty)))
        decoder = decoder - decoder.mean(0)
        scores = user_vectors(encoder, self.sample) @ decoder.T
        spread = float(scores.std(1, correction=0).mean())
        return encoder, decoder / max(spread, 1e-6)


def user_vectors(encoder: Tensor, history: History, values: Tensor | None = None) -> Tensor:
    """Encode histories as the network does: users x rank.

    Args:
        encoder: items x rank.
        history: what is observed.
        values: value of each entry on the "consumed" channel; 1 if left out.
    """
    inputs = history.observed if values is None else history.observed * values
    length = (history.pattern.row_sums(history.observed) + PRIOR_COUNT).sqrt()[:, None]
    return history.pattern.look_up(inputs[None], encoder[None]) / length
