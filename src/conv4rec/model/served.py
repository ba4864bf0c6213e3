"""The model that is served: the neural component, SLIM, stacking and Bayesian matrix factorisation.

The consume logit of an item is the network's logit plus the SLIM component's score, corrected by
stacking (`conv4rec.model.stacking`). The distribution of its rating is a mixture of the network's
and the Bayesian matrix factorisation's (`conv4rec.model.bayesian_mf`). Ensemble weights are inside
the tables: the consume decoder is multiplied by the neural component's weight, and SLIM and
BayesianMF hold their own.

The network's tables are wider than those that were trained, as several snapshots of the rating
side stand side by side in them (`conv4rec.train.assembly`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from conv4rec.model.bayesian_mf import BayesianMF, LatentRating
from conv4rec.model.config import NetworkConfig
from conv4rec.model.history import Encoding, History, ItemSide
from conv4rec.model.network import Network
from conv4rec.model.slim import SLIM
from conv4rec.model.stacking import Stacking


@dataclass(frozen=True)
class ServedConfig:
    """Sizes of the components beside the network; 0 where there is none."""

    n_slim_neighbours: int = 0
    """Neighbours of each item in the SLIM component."""
    n_mf_draws: int = 0
    """Posterior draws of the Bayesian matrix factorisation."""
    mf_width: int = 0
    """Width of a draw: the factors and one offset."""
    n_mf_features: int = 0
    """Features of a history that its prior reads."""
    stacking_size: int = 0
    """Hidden units of stacking; models of earlier versions have none."""


@dataclass(frozen=True)
class ServedEncoding(Encoding):
    """Histories as all components see them."""

    history: History  # read by SLIM
    user_posterior: Tensor | None  # of `BayesianMF.encode`; None without ratings


class ServedModel(nn.Module):
    """The network with the components beside it.

    Args:
        network: with its tables as served; needs no table of raters.
        slim: None to do without.
        bayesian_mf: None to do without.
        stacking: None to add the components' scores up.
    """

    def __init__(
        self,
        network: Network,
        slim: SLIM | None = None,
        bayesian_mf: BayesianMF | None = None,
        stacking: Stacking | None = None,
    ) -> None:
        super().__init__()
        self.network, self.slim, self.bayesian_mf = network, slim, bayesian_mf
        self.stacking = stacking

    @classmethod
    def for_loading(cls, network: NetworkConfig, config: ServedConfig) -> ServedModel:
        """A model of these shapes whose weights are about to be loaded."""
        n, k = network.n_items, network.n_levels
        slim = SLIM(n, config.n_slim_neighbours) if config.n_slim_neighbours else None
        bayesian_mf = None
        if config.n_mf_draws:
            sizes = (config.n_mf_draws, config.mf_width, config.n_mf_features)
            bayesian_mf = BayesianMF(n, k, *sizes)
        stacking = Stacking(n, config.stacking_size) if config.stacking_size else None
        return cls(Network(network, torch.zeros(k), None), slim, bayesian_mf, stacking)

    @property
    def config(self) -> ServedConfig:
        """Sizes of the components, from their tables."""
        n_neighbours = 0 if self.slim is None else self.slim.weights.shape[1]
        size = 0 if self.stacking is None else len(self.stacking.out)
        if self.bayesian_mf is None:
            return ServedConfig(n_neighbours, stacking_size=size)
        n_draws, _, width = self.bayesian_mf.items.shape
        n_features = self.bayesian_mf.features.shape[1]
        return ServedConfig(n_neighbours, n_draws, width, n_features, size)

    def neural_component(self) -> ServedModel:
        """The network alone, with the same tables."""
        return ServedModel(self.network)

    def encode(
        self,
        history: History,
        item_side: ItemSide,
        with_consume: bool = True,
        with_ratings: bool = True,
        user_posterior: Tensor | None = None,
    ) -> ServedEncoding:
        """Encode histories.

        Args:
            history: of any users, in training or new.
            item_side: sums over the training users.
            with_consume: whether consume logits will be asked for.
            with_ratings: whether ratings will be asked for: solving the users of the Bayesian
                matrix factorisation is the larger part of the time.
            user_posterior: of `BayesianMF.encode`, where it is known already.
        """
        encoding = self.network.encode(history, item_side, with_consume)
        if self.bayesian_mf is not None and with_ratings and user_posterior is None:
            user_posterior = self.bayesian_mf.encode(history)
        return ServedEncoding(**vars(encoding), history=history, user_posterior=user_posterior)

    def consume_logits(self, encoding: ServedEncoding) -> Tensor:
        """One logit per user of the encoding and item: users x items."""
        pattern, observed = encoding.history.pattern, encoding.history.observed
        logits, slim_part = self.network.consume_logits(encoding), None
        if self.slim is not None:
            slim_part = self.slim.score(pattern, observed)
            logits.add_(slim_part)
        if self.stacking is None:
            return logits
        return self.stacking.corrected(logits, slim_part, pattern.row_sums(observed))

    def rating_logits(self, encoding: ServedEncoding, users: Tensor, items: Tensor) -> Tensor:
        """One logit per level for pairs (row of the encoding, item): pairs x levels."""
        return self.rated(encoding, users, items)[0]

    def rated(
        self, encoding: ServedEncoding, users: Tensor, items: Tensor
    ) -> tuple[Tensor, LatentRating | None]:
        """`rating_logits` of pairs, and the latent value behind each rating, in one pass.

        The latter is None without the Bayesian matrix factorisation.
        """
        logits = self.network.rating_logits(encoding, users, items)
        if self.bayesian_mf is None or encoding.user_posterior is None:
            return logits, None
        return self.bayesian_mf.rated(logits, encoding.user_posterior, users, items)

    def all_rating_probabilities(self, encoding: ServedEncoding) -> Tensor:
        """P(k | i, history) for every user of the encoding and item: users x items x levels."""
        return self.all_rated(encoding)[0]

    def all_rated(self, encoding: ServedEncoding) -> tuple[Tensor, LatentRating | None]:
        """`all_rating_probabilities`, and the latent value behind every rating, in one pass.

        The latter is None without the Bayesian matrix factorisation.

        In memory the levels come first, as in `Network.all_rating_logits`.

        Memory: 16 x users x items x levels bytes: call it on a few users at a time.
        """
        logits = self.network.all_rating_logits(encoding).movedim(2, 0)
        mf, posterior = self.bayesian_mf, encoding.user_posterior
        if mf is None or posterior is None:
            return torch.softmax(logits, 0).movedim(0, 2), None
        mean = mf.score_all(posterior)
        mixed = mf.mixed_all(logits, posterior, mean)
        return mixed.movedim(0, 2), mf.latent_all(posterior, mean)
