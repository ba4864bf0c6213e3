"""Conv4Rec: a 1-by-1 convolutional autoencoder over the types of interaction.

In the order the data flows: each interaction's type (a rating level, or "not rated") becomes a
few channels by one small matrix shared by all items and users; a history's channels, summed
over item vectors, become the user's latent vectors; these are decoded against item vectors into
one consume score and a few rating channels an item; a second small matrix turns the rating
channels into one logit a level. What is served may add `slim` to the consume score and an
`bayesian_mf` half to the ratings. The same convolution runs down every item's column of raters.

Axis order everywhere: users or items, levels, channels, latent size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.config import NetworkConfig
from conv4rec.model.kernels import level_polynomials
from conv4rec.model.slim import SLIM
from conv4rec.model.sparse import SparsePattern, gather_rows

PRIOR_COUNT = 10.0  # interactions: keeps the latent vector of a short history short


@dataclass(frozen=True)
class History:
    """What is fed of some users' histories: a sparse users x items pattern of types."""

    pattern: SparsePattern
    types: Tensor  # per entry: level number, or n_levels for "consumed, not rated"
    observed: Tensor  # per entry: 1.0 fed, 0.0 hidden


@dataclass(frozen=True)
class ItemSide:
    """What the training users say about each item, summed down its column."""

    type_counts: Tensor  # items x (levels + 1): how often each type occurred
    column: Tensor  # items x rate_size: the convolution down the column (empty if one-sided)


@dataclass(frozen=True)
class Encoding:
    """What the network knows after reading histories: input of both decoders."""

    consume: Tensor  # users x consume_size
    rate: Tensor  # users x (rate_size + channels): the last say how the user rates anything
    user_mean: Tensor  # users x channels: how generous, how extreme (shrunk)
    item_mean: Tensor  # items x channels: how liked, how polarising (shrunk)
    item_column: Tensor | None  # items x rate_size: the items' vectors from their raters
    bayesian_mf: Tensor | None = None  # users x ...: what the exact half of the rating side solved
    history: History | None = None  # what was read, for the neighbours of its items


class Network(nn.Module):
    """The network. `config` gives the shapes; weights start from `rng` and `level_counts`.

    Without an `rng` nothing is drawn and the tables' memory is not touched: for weights that are
    about to be loaded.
    """

    def __init__(
        self, config: NetworkConfig, level_counts: Tensor, rng: torch.Generator | None
    ) -> None:
        super().__init__()
        self.config = config
        n, k, c = config.n_items, config.n_levels, config.n_rating_channels
        d = config.consume_size
        e = d if config.shared_encoder else config.rate_size

        def table(*shape: int, scale: float = 0.1) -> nn.Parameter:
            if rng is None:
                return nn.Parameter(torch.empty(*shape))
            return nn.Parameter(torch.randn(*shape, generator=rng) * scale)

        self.kernel_in = nn.Parameter(torch.zeros(k + 1, 1 + c))  # type -> consumed, liked, ...
        self.kernel_out = nn.Parameter(torch.zeros(c, k))  # channel -> a logit per level
        polynomials = level_polynomials(level_counts, c)
        with torch.no_grad():
            self.kernel_in[:, 0] = 1.0
            self.kernel_in[:k, 1:] = polynomials
            self.kernel_out.copy_(polynomials.T)
            if not config.polynomial_init and rng is not None:
                self.kernel_in.copy_(torch.randn(k + 1, 1 + c, generator=rng))
                self.kernel_out.copy_(torch.randn(c, k, generator=rng))
        # The picks are read by the kernel as it starts: one that the ratings pull along would
        # carry the consume side's input away from under its weights.
        self.consume_kernel = nn.Parameter(self.kernel_in.detach().clone(), requires_grad=False)
        shares = (level_counts + 1.0) / (level_counts + 1.0).sum()
        self.level_bias = nn.Parameter(shares.log().float())

        self.consume_in = table(1 + config.consume_channels, n, d, scale=0.05)
        self.consume_out = table(n, d, scale=0.05)
        self.consume_bias = nn.Parameter(torch.zeros(n))

        self.rate_in = None if config.shared_encoder else table(1 + c, n, e + c)
        if self.rate_in is not None and rng is not None:
            self.rate_in.data[:, :, e:] = 0.0  # c more: the user's offset on each rating channel
        self.rate_out = table(c, n, e)
        # What the decoders of all items share, while training: how the user rates anything.
        self.rate_common = nn.Parameter(torch.zeros(c, e)) if config.shared_encoder else None
        self.rate_bias = nn.Parameter(torch.zeros(n, c))
        self.rater_in = table(1 + c, config.n_users, e) if config.two_sided else None
        self.from_user_mean = nn.Parameter(torch.eye(c))
        self.from_item_mean = nn.Parameter(torch.eye(c))
        self.shrinkage = nn.Parameter(torch.full((2,), math.log(5.0)))  # log counts: user, item
        self.bayesian_mf = None
        if config.n_mf_draws:
            sizes = (config.n_mf_draws, config.mf_width, config.n_mf_features)
            self.bayesian_mf = BayesianMF(n, k, *sizes)
        self.slim = SLIM(n, config.n_slim_neighbours) if config.n_slim_neighbours else None

    def encode(
        self,
        history: History,
        item_side: ItemSide,
        with_consume: bool = True,
        with_ratings: bool = True,
    ) -> Encoding:
        """Encode histories, given what the training users say about each item.

        Without `with_consume`, what only the consume decoder reads is left out: users x 0. Without
        `with_ratings`, what the exact half of the rating side solves is.
        """
        item_mean = self.item_mean(item_side.type_counts)
        values, user_mean = self.channels(history, item_mean)
        length = (history.pattern.row_sums(history.observed) + PRIOR_COUNT).sqrt()[:, None]
        consume = length[:, :0]
        if self.rate_in is None:
            consume_input = values[:, : len(self.consume_in)]
            consume = history.pattern.look_up(consume_input, self.consume_in) / length
        elif with_consume:
            with torch.no_grad():
                consume_input = self.consume_input(history, item_side)
            consume = history.pattern.look_up(consume_input, self.consume_in) / length
        if self.rate_in is None:
            rate = consume
        else:
            rate = history.pattern.look_up(values, self.rate_in) / length
        item_column = None
        if self.config.two_sided:
            raters = item_side.type_counts.sum(1, keepdim=True)
            item_column = item_side.column / (raters + PRIOR_COUNT).sqrt()
        bayesian_mf = None
        if self.bayesian_mf is not None and with_ratings:
            bayesian_mf = self.bayesian_mf.encode(
                history.pattern, history.types, history.observed, length
            )
        return Encoding(consume, rate, user_mean, item_mean, item_column, bayesian_mf, history)

    def consume_input(self, history: History, item_side: ItemSide) -> Tensor:
        """What each entry says to the consume side: entries x (1 + consume_channels)."""
        kernel = self.consume_kernel[:, : len(self.consume_in)]
        mean = self.item_mean(item_side.type_counts, kernel)
        return self.channels(history, mean, kernel)[0]

    def item_mean(self, type_counts: Tensor, kernel: Tensor | None = None) -> Tensor:
        """Each item's mean on the rating channels, shrunk to 0: items x channels."""
        counts, kernel = type_counts[:, :-1], self.kernel_in if kernel is None else kernel
        prior = self.shrinkage[1].exp()
        return counts @ kernel[:-1, 1:] / (counts.sum(1, keepdim=True) + prior)

    def channels(
        self, history: History, item_mean: Tensor, kernel: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The convolution: what each entry says on each channel, and the users' means.

        Rating channels are centred on the item's mean, then on the user's own shrunk mean: a 3
        from a harsh user is praise. Returns entries x (1 + channels), users x channels.
        """
        pattern, observed = history.pattern, history.observed[:, None]
        values = gather_rows(self.kernel_in if kernel is None else kernel, history.types)
        rated = observed * (history.types < self.config.n_levels)[:, None]
        excess = (values[:, 1:] - gather_rows(item_mean, pattern.columns)) * rated
        prior = self.shrinkage[0].exp()
        user_mean = pattern.row_sums(excess) / (pattern.row_sums(rated) + prior)
        if self.config.centred:
            unrated = (observed - rated) * values[:, 1:]
            contribution = excess - gather_rows(user_mean, pattern.rows) * rated + unrated
        else:
            contribution = values[:, 1:] * observed
        return torch.cat([values[:, :1] * observed, contribution], 1), user_mean

    def column(self, values: Tensor, pattern: SparsePattern, raters: Tensor) -> Tensor:
        """The convolution down the columns: what `raters` (row -> user number) say of each item."""
        assert self.rater_in is not None
        return pattern.look_down(values, self.rater_in[:, raters])

    def rating_logits(self, encoding: Encoding, users: Tensor, items: Tensor) -> Tensor:
        """One logit a level for pairs (row of the reading, item): pairs x levels."""
        latent = gather_rows(encoding.rate, users)
        channels = [(latent * gather_rows(v, items)).sum(1) for v in self._rating_vectors(encoding)]
        scores = torch.stack(channels, 1) * self._rate_scale if channels else latent[:, :0]
        offsets = gather_rows(self._rating_offsets(encoding), items)
        means = gather_rows(encoding.user_mean, users) @ self.from_user_mean
        logits = self.level_bias + (scores + offsets + means) @ self.kernel_out
        if self.bayesian_mf is None or encoding.bayesian_mf is None:
            return logits
        return self.bayesian_mf.pooled(logits, encoding.bayesian_mf, users, items)

    def all_rating_logits(self, encoding: Encoding) -> Tensor:
        """One logit a level for every user of the reading and every item: users x items x levels.

        Memory: 4 x users x items x (levels + 2 channels) bytes: call it on a few users at a time.
        """
        decoded = self._rating_vectors(encoding)
        scores = torch.einsum("ud,cid->uic", encoding.rate, decoded) * self._rate_scale
        means = (encoding.user_mean @ self.from_user_mean)[:, None]
        channels = scores + self._rating_offsets(encoding) + means
        logits = self.level_bias + channels @ self.kernel_out
        if self.bayesian_mf is None or encoding.bayesian_mf is None:
            return logits
        return self.bayesian_mf.pooled_all(logits, encoding.bayesian_mf)

    def consume_logits(self, encoding: Encoding) -> Tensor:
        """One score for every user of the reading and every item: users x items."""
        logits = encoding.consume @ self.consume_out.T + self.consume_bias
        if self.slim is None or encoding.history is None:
            return logits
        return logits + self.slim.score(encoding.history.pattern, encoding.history.observed)

    def _rating_vectors(self, encoding: Encoding) -> Tensor:
        """Item vectors of the rating decoder: a free one, and on "liked" the column's too.

        Constants at their end let the user's offset on a channel pass whatever the item.
        """
        vectors = self.rate_out
        if encoding.item_column is not None:
            vectors = torch.cat([vectors[:1] + encoding.item_column, vectors[1:]])
        if self.rate_common is not None:
            return vectors + self.rate_common[:, None]
        c, n, _ = vectors.shape
        constants = torch.eye(c, device=vectors.device) / self._rate_scale
        return torch.cat([vectors, constants[:, None].expand(c, n, c)], 2)

    def _rating_offsets(self, encoding: Encoding) -> Tensor:
        return self.rate_bias + encoding.item_mean @ self.from_item_mean

    @property
    def _rate_scale(self) -> float:
        return 3.0 / math.sqrt(self.rate_out.shape[2])
