"""The network that is trained: a 1-by-1 convolutional autoencoder over types of interaction.

In the order in which data flow: the type of each interaction (a rating level, or "not rated")
becomes a few channels by one small matrix, `kernel_in`, shared by all users and items. The
channels of a history, summed over item vectors, give the user's latent vectors. These are decoded
against item vectors into one consume logit and a few rating channels per item. A second small
matrix, `kernel_out`, turns rating channels into one logit per level. The same convolution runs
down the column of every item, over the users who rated it.

The model that is served holds this network with wider tables (`conv4rec.model.served`).

Axis order everywhere: users or items, levels, channels, latent size.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from conv4rec.model.config import NetworkConfig
from conv4rec.model.history import PRIOR_COUNT, Encoding, History, ItemSide
from conv4rec.model.kernels import level_polynomials
from conv4rec.model.sparse import SparsePattern, gather, needs_gradient, times_rows


class Network(nn.Module):
    """The 1-by-1 convolutional autoencoder.

    Args:
        config: gives the shapes.
        level_counts: how often each level was given: kernels and biases start from it.
        rng: draws the first weights. None for a network whose weights are about to be loaded:
            nothing is drawn, the memory of the tables is not touched, and there is no table of
            raters, which only training reads.
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
        self._start_kernels(level_polynomials(level_counts, c), rng)
        # The consume encoder uses a frozen copy of the input kernel. If it followed the rating
        # loss, the consume weights would be trained on a moving input.
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
        # What the decoders of all items share while a shared encoder is trained.
        self.rate_common = nn.Parameter(torch.zeros(c, e)) if config.shared_encoder else None
        self.rate_bias = nn.Parameter(torch.zeros(n, c))
        with_raters = config.two_sided and rng is not None
        self.rater_in = table(1 + c, config.n_users, e) if with_raters else None
        self.from_user_mean = nn.Parameter(torch.eye(c))
        self.from_item_mean = nn.Parameter(torch.eye(c))
        self.shrinkage = nn.Parameter(torch.full((2,), math.log(5.0)))  # log counts: user, item

    @torch.no_grad()
    def _start_kernels(self, polynomials: Tensor, rng: torch.Generator | None) -> None:
        k, c = polynomials.shape
        self.kernel_in[:, 0] = 1.0
        self.kernel_in[:k, 1:] = polynomials
        self.kernel_out.copy_(polynomials.T)
        if not self.config.polynomial_init and rng is not None:
            self.kernel_in.copy_(torch.randn(k + 1, 1 + c, generator=rng))
            self.kernel_out.copy_(torch.randn(c, k, generator=rng))

    def encode(
        self,
        history: History,
        item_side: ItemSide,
        with_consume: bool = True,
        with_rating: bool = True,
    ) -> Encoding:
        """Encode histories, given the sums over the training users.

        What is left out is users x 0 in the encoding, unless the encoder is shared.
        """
        length, pattern = history.root_length(), history.pattern
        consume = rate = user_mean = length[:, :0]
        item_mean, liked = item_side.type_counts[:, :0], None
        if with_rating or self.rate_in is None:
            item_mean = self._means(item_side)[0]
            channels, user_mean = item_side.channels or self.channels(history, item_mean)
            liked = self._liked(item_side)
            if self.rate_in is None:
                consume_input = channels[: len(self.consume_in)]
                consume = rate = pattern.look_up(consume_input, self.consume_in) / length
            else:
                rate = pattern.look_up(channels, self.rate_in) / length
        if with_consume and self.rate_in is not None:
            with torch.no_grad():
                consume_input = self.consume_input(history, item_side)
            consume = pattern.look_up(consume_input, self.consume_in) / length
        return Encoding(consume, rate, user_mean, item_mean, liked)

    def _liked(self, item_side: ItemSide) -> Tensor | None:
        if item_side.liked is not None or not self.config.two_sided or not len(self.rate_out):
            return item_side.liked
        raters = item_side.type_counts.sum(1, keepdim=True)
        return self.rate_out[0] + item_side.column / (raters + PRIOR_COUNT).sqrt()

    def consume_input(self, history: History, item_side: ItemSide) -> Tensor:
        """The channels that the consume encoder reads: (1 + consume_channels) x entries."""
        kernel = self.consume_kernel[:, : len(self.consume_in)]
        mean = self._means(item_side)[1]
        return self.channels(history, mean, kernel)[0]

    def _means(self, item_side: ItemSide) -> tuple[Tensor, Tensor]:
        """Each item's means on the channels of the rating side and of the consume side."""
        if item_side.means is not None:
            return item_side.means
        counts, kernel = item_side.type_counts, self.consume_kernel[:, : len(self.consume_in)]
        return self.item_mean(counts), self.item_mean(counts, kernel)

    @torch.no_grad()
    def served_side(self, item_side: ItemSide) -> ItemSide:
        """What belongs to items alone, computed once where weights no longer change."""
        counts, liked = item_side.type_counts, self._liked(item_side)
        column = item_side.column if liked is None else counts.new_zeros(0)
        return ItemSide(counts, column, self._means(item_side), liked)

    def item_mean(self, type_counts: Tensor, kernel: Tensor | None = None) -> Tensor:
        """Each item's mean on the rating channels, shrunk to 0: items x channels."""
        counts, kernel = type_counts[:, :-1], self.kernel_in if kernel is None else kernel
        prior = self.shrinkage[1].exp()
        return counts @ kernel[:-1, 1:] / (counts.sum(1, keepdim=True) + prior)

    def channels(
        self, history: History, item_mean: Tensor, kernel: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The convolution: the channels of each entry, and the users' means.

        Rating channels are centred on the item's mean, then on the user's own shrunk mean.

        Returns:
            (1 + channels) x entries, and users x channels.
        """
        kernel = self.kernel_in if kernel is None else kernel
        if history.is_of_one and not needs_gradient(kernel, item_mean, self.shrinkage):
            return self._channels_of_one(history, item_mean, kernel)
        pattern, observed = history.pattern, history.observed
        consumed, values = gather(kernel.T, history.types).split([1, kernel.shape[1] - 1])
        rated = observed * (history.types < self.config.n_levels)
        excess = (values - gather(item_mean.T, pattern.columns)) * rated
        prior = self.shrinkage[0].exp()
        user_mean = pattern.row_sums(excess) / (pattern.row_sums(rated) + prior)
        if self.config.centred:
            unrated = (observed - rated) * values
            rating = excess - gather(user_mean, pattern.rows) * rated + unrated
        else:
            rating = values * observed
        return torch.cat([consumed * observed, rating]), user_mean.T

    def _channels_of_one(
        self, history: History, item_mean: Tensor, kernel: Tensor
    ) -> tuple[Tensor, Tensor]:
        """`channels` of one user, in NumPy: calling torch would take most of the time."""
        types, observed = history.types.numpy(), history.observed.numpy()[:, None]
        values = kernel.detach().numpy()[types]
        rated = observed * (types < self.config.n_levels)[:, None]
        excess = (values[:, 1:] - item_mean.numpy()[history.pattern.columns.numpy()]) * rated
        prior = np.exp(self.shrinkage[0].detach().numpy())
        user_mean = excess.sum(0, keepdims=True) / (rated.sum() + prior)
        if self.config.centred:
            values[:, 1:] = excess - user_mean * rated + (observed - rated) * values[:, 1:]
        else:
            values[:, 1:] *= observed
        values[:, :1] *= observed
        return torch.from_numpy(values.T), torch.from_numpy(user_mean)

    def column(self, channels: Tensor, pattern: SparsePattern, raters: Tensor) -> Tensor:
        """The convolution down the columns; `raters` holds the user number of each row."""
        assert self.rater_in is not None
        return pattern.look_down(channels, self.rater_in[:, raters])

    def consume_logits(self, encoding: Encoding) -> Tensor:
        """One logit per user of the encoding and item: users x items."""
        return times_rows(encoding.consume, self.consume_out).add_(self.consume_bias)

    def rating_logits(
        self, encoding: Encoding, users: Tensor, items: Tensor, pairs: SparsePattern | None = None
    ) -> Tensor:
        """One logit per level for pairs (row of the encoding, item): pairs x levels.

        With `pairs`, the pattern of these pairs, gradients are computed as sparse products.
        """
        size, vectors = self.rate_out.shape[2], self.item_vectors(encoding)
        if len(encoding.rate) == 1:
            channels = [v.index_select(0, items) @ encoding.rate[0, :size] for v in vectors]
            of_items = self.rate_bias[items] + encoding.item_mean[items] @ self.from_item_mean
            return self._level_logits(channels, (of_items + self.user_offsets(encoding)).T)
        if pairs is None:
            latent = encoding.rate[users, :size]
            channels = [(latent * v[items]).sum(1) for v in vectors]
        else:
            latent = encoding.rate[:, :size].contiguous()
            channels = [pairs.inner_products(latent, v) for v in vectors]
        offsets = gather(self.rating_offsets(encoding).T, items)
        return self._level_logits(channels, offsets + gather(self.user_offsets(encoding).T, users))

    def _level_logits(self, channels: list[Tensor], offsets: Tensor) -> Tensor:
        """Pairs x levels, in memory levels first; `offsets`, too, is channels x pairs."""
        if channels:
            offsets = torch.stack(channels) * self.rate_scale + offsets
        return torch.addmm(self.level_bias[:, None], self.kernel_out.T, offsets).T

    def all_rating_logits(self, encoding: Encoding) -> Tensor:
        """One logit per level for every user of the encoding and item: users x items x levels.

        In memory the levels come first: what is computed for each of a few levels, of many users
        and items, takes a fraction of the time.

        Memory: 4 x users x items x (levels + channels) bytes: call it on a few users at a time.
        """
        latent = encoding.rate[:, : self.rate_out.shape[2]]
        n_items, n_channels = encoding.item_mean.shape
        scores = latent.new_empty(n_channels, len(latent), n_items)
        for channel, vectors in enumerate(self.item_vectors(encoding)):
            scores[channel] = times_rows(latent, vectors)
        scores.mul_(self.rate_scale).add_(self.rating_offsets(encoding).T[:, None])
        scores.add_(self.user_offsets(encoding).T[:, :, None])
        flat = scores.reshape(n_channels, len(latent) * n_items)
        logits = torch.addmm(self.level_bias[:, None], self.kernel_out.T, flat)
        return logits.view(-1, len(latent), n_items).movedim(0, 2)

    def rating_vectors(self, encoding: Encoding, items: Tensor) -> Tensor:
        """Some items' vectors in the rating decoder: channels x items x size of `Encoding.rate`.

        Constants at the end of each pass the user's offset on a channel to all items alike.
        """
        found = [v[items] for v in self.item_vectors(encoding)]
        vectors = torch.stack(found) if found else self.rate_out[:, items]
        if self.rate_common is not None:
            return vectors + self.rate_common[:, None]
        c, n, _ = vectors.shape
        constants = torch.eye(c, device=vectors.device) / self.rate_scale
        return torch.cat([vectors, constants[:, None].expand(c, n, c)], 2)

    def item_vectors(self, encoding: Encoding) -> list[Tensor]:
        """By channel, items x size: "liked" has the item's column added."""
        vectors = list(self.rate_out.unbind(0))
        if encoding.liked is not None:
            vectors[0] = encoding.liked
        return vectors

    def _shared(self, latent: Tensor) -> Tensor:
        """What a user's vector adds to the rating channels of all items: rows x channels."""
        if self.rate_common is None:
            return latent[:, self.rate_out.shape[2] :]
        return latent @ self.rate_common.T * self.rate_scale

    def user_offsets(self, encoding: Encoding) -> Tensor:
        """What a user adds to the rating channels of every item: users x channels."""
        return encoding.user_mean @ self.from_user_mean + self._shared(encoding.rate)

    def rating_offsets(self, encoding: Encoding) -> Tensor:
        """What each item adds to the rating channels of every user: items x channels."""
        return self.rate_bias + encoding.item_mean @ self.from_item_mean

    @property
    def rate_scale(self) -> float:
        """The factor on products of `Encoding.rate` and `rating_vectors`."""
        return 3.0 / math.sqrt(self.rate_out.shape[2])
