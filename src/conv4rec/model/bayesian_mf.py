"""Bayesian matrix factorisation of the ratings: users are solved, not looked up.

The model and the solve of one draw are in `conv4rec.model.posterior_draws`; the draws come from
`conv4rec.train.gibbs`. Averaged over draws, p_u . q_i + b_u + c_i is the posterior mean of the
latent value x. Its posterior variance, the user noise precision and the user's level biases
(`conv4rec.model.response_style`) give the probability of each level. The model serves a mixture
of this distribution and the neural component's.

`encode` packs what is known of a user in one row: the factors of all draws, draw by draw, then
the offset b_u, the noise variance, the variance on the reference items, and the level biases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from conv4rec.model.history import History
from conv4rec.model.one_user import DrawArrays, encode_one, mix_of_one
from conv4rec.model.ordinal import EDGE, level_log_probabilities, level_probabilities
from conv4rec.model.posterior_draws import (
    AVERAGED,
    FIRST_ROUNDS,
    FIRST_SHARE,
    USER_PRECISION_GRID,
    PosteriorDraws,
)
from conv4rec.model.posterior_moments import PosteriorMoments
from conv4rec.model.response_style import level_biases

FEW_PAIRS = 2_048  # whose factors of all draws are read at once


@dataclass(frozen=True)
class LatentRating:
    """The latent value x of pairs, or of users x items."""

    mean: Tensor
    standard_error: Tensor  # posterior standard deviation of the mean
    deviation: Tensor  # standard deviation of a rating around the mean; users x 1 for all items
    thresholds: Tensor  # levels - 1


class BayesianMF(PosteriorDraws):
    """Encodes any history and scores any item, from posterior draws.

    Args:
        n_items: rows of the tables.
        n_levels: levels that a rating can have.
        n_draws: draws kept.
        size: width of a draw: the factors and one offset.
        n_features: width of the features of a history.
    """

    def __init__(self, n_items: int, n_levels: int, n_draws: int, size: int, n_features: int):
        super().__init__(n_items, n_levels, n_draws, size, n_features)

        def table(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape), requires_grad=False)

        # Posterior variance of x of an item, relative to the mean over the reference items.
        self.uncertainty_ratio = table(n_items)
        self.response_style_precision = table(n_levels, n_levels)  # of the users' level biases
        self.share = table(1)  # weight in the mixture; the neural component has the rest
        self._arrays: tuple[tuple[tuple[int, int], ...], DrawArrays] | None = None

    @property
    def width(self) -> int:
        """Of a row of `encode`."""
        n_draws, _, size = self.items.shape
        return n_draws * size + 3 + len(self.ratings)

    def encode(self, history: History) -> Tensor:
        """Encode histories: users x `width`."""
        if history.is_of_one:
            return self._encode_one(history)
        return self.encode_many(history)

    def encode_many(self, history: History) -> Tensor:
        """`encode`, by torch: for several users, or on an accelerator."""
        f = self.user_features(history)
        factors, one, moments = [], torch.ones_like(f[:, :1]), PosteriorMoments()
        for draw, user in enumerate(self.users(history, f)):
            factors += [user.mean[:, :-1], one]
            moments.add(self, draw, user)
        tail = self._tail(moments, history)
        return torch.cat([torch.cat(factors, 1) / len(self.items), tail.to(f)], 1)

    def _encode_one(self, history: History) -> Tensor:
        rated = (history.observed > 0) & (history.types < len(self.ratings))
        columns, levels = (part[rated].numpy() for part in (history.pattern.columns, history.types))
        features = self.user_features(history)[0].double().numpy()
        row = encode_one(self.draw_arrays(), features, columns, levels)
        return torch.from_numpy(row).to(self.items.dtype)[None]

    def draw_arrays(self) -> DrawArrays:
        """The draws as `encode_one` reads them; kept until a table changes."""
        version = tuple((table.data_ptr(), table._version) for table in self.parameters())
        if self._arrays is None or self._arrays[0] != version:
            self._arrays = version, self._draw_arrays()
        return self._arrays[1]

    def _draw_arrays(self) -> DrawArrays:
        def array(tensor: Tensor) -> np.ndarray:
            return tensor.detach().double().numpy()

        reference, thresholds = array(self.reference_items), array(self.thresholds)
        z, ends = reference.copy(), np.full((len(reference), 1), EDGE)
        z[:, :, -1] = 1.0
        precision, noise, grid = array(self.precision), array(self.noise), USER_PRECISION_GRID
        log_prior = array(self.nu)[:, None] / 2 * (np.log(grid) - grid)
        return DrawArrays(
            self.items.detach().numpy(), array(self.prior) @ precision, precision, noise,
            np.hstack([-ends, thresholds, ends]), array(self.ratings), z, reference[:, :, -1],
            z.transpose(0, 2, 1) @ z / z.shape[1], array(self.response_style_precision),
            1.0 / (noise[:, None, None] * np.array(grid)[:, None]), log_prior,
            np.stack([np.ones(len(grid)), np.log(grid)], 1),
            FIRST_ROUNDS, AVERAGED, FIRST_SHARE,
        )  # fmt: skip

    def encode_entries(self, history: History) -> Tensor:
        """One row per entry, float64: with `encode` of an empty history they sum to `encode`.

        With p_0 the factors expected without a history, those of the user are

            p_u = p_0 + P^-1 (precision B'f_u + sum over e of weight_e z_e r_e),
            r_e = value_e - c_e - z_e . p_0,

        P the precision given the ratings: an entry adds its item's features and the residual r_e
        of its rating. Variances and level biases belong to the user: their difference from those
        of an empty history is divided equally among the entries.

        Memory: 16 x entries x draws x size bytes.
        """
        pattern, rows, columns = history.pattern, history.pattern.rows, history.pattern.columns
        length = history.root_length()[rows]
        added = (history.observed[:, None] * self.features[columns] / length).double()
        f = pattern.row_sums(added.T).T
        f = torch.cat([torch.ones_like(f[:, :1]), f], 1)
        factors, moments = [], PosteriorMoments()
        offset = added.new_zeros(len(columns), 1)
        for draw, user in enumerate(self.users(history, f)):
            z, prior = self.items[draw, columns].double(), self.prior[draw].double()
            value = user.value - z[:, -1]
            z[:, -1] = 1.0
            residual = user.weight * (value - z @ prior[0])
            right = added @ (prior[1:] @ self.precision[draw].double()) + z * residual[:, None]
            covariance = self.covariance(draw, history, user)
            solved = (covariance[rows] @ right[:, :, None])[:, :, 0]
            factors += [solved[:, :-1], torch.zeros_like(offset)]
            offset = offset + solved[:, -1:]
            moments.add(self, draw, user)
        tail = self._tail(moments, history)
        empty = self.encode(history.empty(1))[:, -tail.shape[1] :]
        n_entries = pattern.row_starts.diff()[rows, None]
        shared = ((tail - empty)[rows] / n_entries)[:, 1:]
        return torch.cat([torch.cat([*factors, offset], 1) / len(self.items), shared], 1)

    def leave_one_out(self, history: History) -> tuple[Tensor, Tensor]:
        """The levels' log probabilities for each entry given all other entries of its user.

        Returns:
            levels x entries, and likewise a 1 at the level given, with no 1 where there is no
            rating.
        """
        moments = PosteriorMoments()
        for draw, user in enumerate(self.users(history)):
            moments.add(self, draw, user)
        return self._cavity_log_probabilities(moments, history), self._given(history)

    def _given(self, history: History) -> Tensor:
        """1 at the level of each entry that is observed and rated: levels x entries, float64."""
        levels = torch.arange(len(self.ratings), device=history.types.device)
        return (history.types == levels[:, None]) * history.observed.double()

    def _cavity_log_probabilities(self, moments: PosteriorMoments, history: History) -> Tensor:
        noise = moments.noise_variance[history.pattern.rows]
        thresholds = self.thresholds.double().mean(0)
        return level_probabilities(
            moments.cavity_mean, moments.cavity_variance + noise, thresholds
        ).log_()

    def _tail(self, moments: PosteriorMoments, history: History) -> Tensor:
        """Everything in a row of `encode` behind the factors: users x (3 + levels), float64."""
        biases, _ = level_biases(
            history.pattern,
            self._cavity_log_probabilities(moments, history),
            self._given(history),
            self.response_style_precision.double(),
        )
        columns = (moments.offset, moments.noise_variance, moments.reference_variance)
        return torch.cat([*(column.double()[:, None] for column in columns), biases], 1)

    def score(self, encoded: Tensor, users: Tensor, items: Tensor) -> Tensor:
        """The posterior mean of x for pairs (row of `encoded`, item)."""
        factors, offset, _ = self._split(encoded)
        score = offset[users]
        if len(users) <= FEW_PAIRS:
            of_items, (draws, _, size) = self.items.index_select(1, items), self.items.shape
            if len(encoded) == 1:
                own = encoded[0, : draws * size].view(draws, size, 1)
                return score + (of_items @ own).sum(0)[:, 0]
            of_users = encoded[:, : draws * size].index_select(0, users).view(-1, draws, size)
            return score + (of_items * of_users.transpose(0, 1)).sum(2).sum(0)
        for of_users, of_items in zip(factors, self.items, strict=True):
            score = score + (of_users[users] * of_items[items]).sum(1)
        return score

    def score_all(self, encoded: Tensor) -> Tensor:
        """The posterior mean of x for every user of `encoded` and item: users x items."""
        factors, offset, _ = self._split(encoded)
        score = offset[:, None].expand(-1, self.items.shape[1])
        for of_users, of_items in zip(factors, self.items, strict=True):
            score = score + of_users @ of_items.T
        return score

    def mix(self, logits: Tensor, mean: Tensor, style: Tensor, uncertainty_ratio: Tensor) -> Tensor:
        """Log probabilities of the mixture of both components.

        With b the level biases of the user and P the ordered probit's probabilities, it is

            (1 - share) softmax(logits + b) + share softmax(log P + b),

        The mean of such a linear opinion pool lies between those of the components and rises with
        both, on any scale.

        Args:
            logits: ... x levels; of the neural component.
            mean: ...; of x.
            style: ... x (2 + levels), or what broadcasts to it: see `response_style`.
            uncertainty_ratio: ...; of the items.

        Reference:
            Stone, "The opinion pool", Annals of Mathematical Statistics 1961.
        """
        noise, variance, biases = style[..., 0], style[..., 1], style[..., 2:]
        thresholds = self.thresholds.to(mean).mean(0)
        probit = level_log_probabilities(mean, noise + variance * uncertainty_ratio, thresholds)
        share = self.share.to(logits)
        neural, probit = (torch.log_softmax(part + biases, -1) for part in (logits, probit))
        return torch.logaddexp(neural + (1.0 - share).log(), probit + share.log())

    def mixed(self, logits: Tensor, encoded: Tensor, users: Tensor, items: Tensor) -> Tensor:
        """`mix` for pairs (row of `encoded`, item): pairs x levels."""
        return self.rated(logits, encoded, users, items)[0]

    def rated(
        self, logits: Tensor, encoded: Tensor, users: Tensor, items: Tensor
    ) -> tuple[Tensor, LatentRating]:
        """`mix` and the latent value for pairs (row of `encoded`, item)."""
        mean, ratio = self.score(encoded, users, items), self.uncertainty_ratio[items]
        if len(encoded) == 1 and encoded.device.type == "cpu":
            return self._rated_by_one(logits, encoded, mean, ratio)
        style = self.response_style(encoded)[users]
        latent = self._latent(mean, style[:, 1] * ratio, style[:, 0])
        return self.mix(logits, mean, style, ratio), latent

    def _rated_by_one(
        self, logits: Tensor, encoded: Tensor, mean: Tensor, ratio: Tensor
    ) -> tuple[Tensor, LatentRating]:
        """The rest of `rated` of one user, in NumPy: a quarter of the time."""
        thresholds, share = self.thresholds.mean(0), float(self.share)
        style = encoded[0, -2 - len(self.ratings) :].numpy()
        variance = style[1] * ratio.numpy()
        log_p = mix_of_one(logits.numpy(), mean.numpy(), style, variance, thresholds.numpy(), share)
        error, noise = np.sqrt(np.maximum(variance, 0.0)), np.full(len(mean), np.sqrt(style[0]))
        latent = (mean, torch.from_numpy(error), torch.from_numpy(noise), thresholds)
        return torch.from_numpy(log_p), LatentRating(*latent)

    def mixed_all(self, logits: Tensor, encoded: Tensor, mean: Tensor) -> Tensor:
        """Probabilities of the mixture (see `mix`) for every user of `encoded` and item.

        Args:
            logits: levels x users x items; of the neural component; overwritten.
            encoded: users x `width`.
            mean: users x items: of `score_all`.

        Returns:
            levels x users x items.
        """
        style = self.response_style(encoded)
        variance = style[:, :1] + style[:, 1:2] * self.uncertainty_ratio
        biases, share = style[:, 2:].T[:, :, None], self.share.to(logits)
        thresholds = self.thresholds.to(logits).mean(0)
        probit = level_probabilities(mean, variance, thresholds)
        probit.mul_(biases.exp())
        probit.mul_(share / probit.sum(0))
        return torch.softmax(logits.add_(biases), 0).mul_(1.0 - share).add_(probit)

    def latent_all(self, encoded: Tensor, mean: Tensor | None = None) -> LatentRating:
        """The latent value for every user of `encoded` and item: users x items.

        `mean` is of `score_all`, where it is known.
        """
        style = self.response_style(encoded)
        variance = style[:, 1, None] * self.uncertainty_ratio
        mean = self.score_all(encoded) if mean is None else mean
        return self._latent(mean, variance, style[:, :1])

    def _latent(self, mean: Tensor, variance: Tensor, noise: Tensor) -> LatentRating:
        standard_error = variance.clamp(min=0.0).sqrt()
        return LatentRating(mean, standard_error, noise.sqrt(), self.thresholds.mean(0))

    def response_style(self, encoded: Tensor) -> Tensor:
        """Noise variance, variance on the reference items, level biases: users x (2 + levels)."""
        return self._split(encoded)[2]

    def _split(self, encoded: Tensor) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        draws, _, size = self.items.shape
        factors, offset, style = encoded.split([draws * size, 1, 2 + len(self.ratings)], 1)
        return factors.split(size, 1), offset[:, 0], style
