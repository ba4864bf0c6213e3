"""The closed-form half of the consume side: ridge regression from normalised histories.

Every user's history, weighted and scaled to length 1, is a row of Y; what they consumed, a row
of X. The ridge regression of X on Y,

    scores(x) = y(x) (Y'Y + penalty)^-1 Y'X = sum_r (y(x) . v_r) s_r / (s_r^2 + penalty) (u_r . X),

u_r, s_r, v_r being the singular triples of Y, is an autoencoder whose best weights are known: it
needs no steps, and what it gets wrong is not what the trained half gets wrong. It is kept to the
leading triples, so that it is one more pair of tables like the trained half's.
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
from conv4rec.train.spectral import truncated_svd

ITEM_POWER = 0.25  # an item that n people know weighs n ** -ITEM_POWER in a history
SPREAD_USERS = 500  # enough to estimate a scale


@dataclass(frozen=True)
class Ridge:
    """The leading triples: everything but the penalty."""

    into: np.ndarray
    """items x rank: weighted right singular vectors, which encode."""
    singular: np.ndarray
    """rank: singular values of Y, largest first."""
    out: np.ndarray
    """items x rank: X' u_r, which decode."""
    sample: History
    """Some users' histories, by which the scores are brought to a common scale."""

    @classmethod
    def of(cls, interactions: Interactions, size: int, seed: int) -> Ridge:
        """Find the triples: 10 sparse products, 16 x items x size bytes.

        Args:
            interactions: the log; ratings are not read.
            size: triples wanted; fewer where users or items are fewer.
            seed: of the random range finder.
        """
        consumed = sparse.csr_array(interactions.to_csr(), dtype=np.float32)
        weights = ((consumed.sum(0) + 1.0) ** -ITEM_POWER).astype(np.float32)
        # The columns of a row are distinct, so a row's squares add up to its squared length.
        lengths = np.sqrt(np.maximum(consumed @ weights**2, 1e-12)).astype(np.float32)
        scaled = sparse.diags_array(1 / lengths) @ consumed @ sparse.diags_array(weights)
        scaled = sparse.csr_array(scaled, dtype=np.float32)
        left, singular, right = truncated_svd(scaled, size, seed)
        users = torch.arange(min(interactions.n_users, SPREAD_USERS))
        sample = Batches.from_interactions(interactions).of_users(users)
        return cls(weights[:, None] * right, singular, sparse.csr_array(consumed.T) @ left, sample)

    def tables(self, penalty: float) -> tuple[Tensor, Tensor]:
        """Item vectors that encode and decode: each items x rank.

        Scores are centred over the items and spread by 1, on average over users, as far apart
        as a trained half's usually are.
        """
        into = torch.from_numpy(self.into)
        out = torch.from_numpy(self.out * (self.singular / (self.singular**2 + penalty)))
        out = out - out.mean(0)
        spread = float((user_vectors(into, self.sample) @ out.T).std(1, correction=0).mean())
        return into, out / max(spread, 1e-6)


def user_vectors(into: Tensor, history: History, values: Tensor | None = None) -> Tensor:
    """Encode histories as the network does: users x rank.

    Args:
        into: items x rank.
        history: what was fed.
        values: what each entry says on the "consumed" channel; 1 if left out.
    """
    said = history.fed if values is None else history.fed * values
    length = (history.pattern.row_sums(history.fed) + PRIOR_COUNT).sqrt()[:, None]
    return history.pattern.look_up(said[:, None], into[None]) / length
