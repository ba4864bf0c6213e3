"""What each entry of a history adds to a score; the parts sum to the score exactly.

Given the encoding, the latent vectors are sums over the entries of the history, and so is the
user's mean. The neural component's consume logit is linear in them, so its parts are plain
products. The SLIM component, stacking and P(like) are not linear. Their rise from the score of an
empty history is shared out by the Aumann-Shapley value: an entry that moves an input of the score
by s_e gets s_e times the mean slope of the score on the straight line from the empty history to
the full one ("integrated gradients"; for P(like) see `conv4rec.model.like_attribution`).

References:
    Aumann and Shapley, "Values of Non-Atomic Games", Princeton 1974; Sundararajan, Taly and Yan,
    "Axiomatic attribution for deep networks", ICML 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from conv4rec.model.history import History, ItemSide
from conv4rec.model.served import ServedEncoding, ServedModel
from conv4rec.model.slim import SLIM
from conv4rec.model.sparse import SparsePattern
from conv4rec.model.stacking import SLIM_PART

STEPS = 8  # on the line from the empty history to the full one, through stacking


@dataclass(frozen=True)
class Attribution:
    """Scores of some items as sums: float64."""

    base: Tensor  # items: the score of an empty history
    contribution: Tensor  # entries x items: what each entry of the history adds

    @property
    def score(self) -> Tensor:
        """The sum of all parts: items."""
        return self.base + self.contribution.sum(0)


@torch.no_grad()
def entry_encodings(
    model: ServedModel,
    history: History,
    item_side: ItemSide,
    with_consume: bool = True,
    with_ratings: bool = True,
) -> ServedEncoding:
    """One row per entry of some histories; the rows of a history sum to its encoding.

    The row of an entry holds its channels, centred on the user's mean, and its share in that mean.

    Memory: 4 x entries x (consume_size + rate_size) bytes, and with ratings 16 x entries x draws
    x size bytes for the Bayesian matrix factorisation.

    Args:
        model: as served.
        history: the histories.
        item_side: sums over the training users.
        with_consume: whether consume logits will be attributed.
        with_ratings: whether P(like) will be.
    """
    network, pattern = model.network, history.pattern
    columns = pattern.columns
    item_mean = network.item_mean(item_side.type_counts)
    of_items = network.encode(history.empty(), item_side, with_consume=False)
    channels, _ = network.channels(history, item_mean)
    starts = torch.arange(len(columns) + 1, device=columns.device)
    alone = SparsePattern(starts, columns, pattern.shape[1])
    length = history.root_length()[pattern.rows]
    consume = length[:, :0]
    if network.rate_in is None:
        rate = alone.look_up(channels[: len(network.consume_in)], network.consume_in) / length
        consume = rate
    else:
        rate = alone.look_up(channels, network.rate_in) / length
        if with_consume:
            consume_input = network.consume_input(history, item_side)
            consume = alone.look_up(consume_input, network.consume_in) / length
    rated = history.observed * (history.types < network.config.n_levels)
    n_rated = pattern.row_sums(rated)[pattern.rows] + network.shrinkage[0].exp()
    excess = network.kernel_in[history.types, 1:] - item_mean[columns]
    user_mean = excess * (rated / n_rated)[:, None]
    posterior = None
    if model.bayesian_mf is not None and with_ratings:
        posterior = model.bayesian_mf.encode_entries(history)
    return ServedEncoding(consume, rate, user_mean, item_mean, of_items.liked, history, posterior)


@torch.no_grad()
def consume_attribution(
    model: ServedModel, entries: ServedEncoding, items: Tensor, among: Tensor
) -> Attribution:
    """The consume logit of some items, less its mean over the items of `among`.

    As logits are log-probabilities up to a constant, this is log P(i) less the mean of log P
    over `among`.

    Memory: 8 x len(items) x (items of the catalogue + entries) bytes.
    """
    out = model.network.consume_out
    path = _Path.of(model, entries)
    mean = path.of_neural[among] @ out[among].double() / len(among)
    centred = out[items].double() * path.of_neural[items, None] - mean
    contribution = entries.consume.double() @ centred.T
    if model.slim is not None:
        contribution = contribution + _slim_contributions(
            model.slim, entries.history, path.of_similarity, items, among
        )
    return Attribution(path.start[items] - path.start[among].mean(), contribution)


@dataclass(frozen=True)
class _Path:
    """The consume logits of one history from an empty one, on a straight line: items, float64."""

    start: Tensor  # the logit of an empty history
    of_neural: Tensor  # mean slope of the logit in the network's logit
    of_similarity: Tensor  # and in the similarity of SLIM

    @classmethod
    def of(cls, model: ServedModel, entries: ServedEncoding) -> _Path:
        """Mean slopes: in steps in which each part moves the logit by exactly its secant.

        Without stacking they have a closed form, and one step is exact.
        """
        unstacked = _Unstacked.of(model, entries)
        start = unstacked.start + unstacked.slim_part(0.0)
        if model.stacking is None:
            rise = unstacked.weight * torch.log1p(unstacked.rises / unstacked.similar)
            return cls(start, torch.ones_like(start), rise / unstacked.rises.clamp(min=1e-12))
        stacking, popularity = model.stacking, model.stacking.popularity.double()
        length = torch.log1p(unstacked.n_consumed)
        of_neural, of_slim = torch.zeros_like(start), torch.zeros_like(start)
        now = unstacked.channels(0.0, popularity)
        added = stacking(now[:, None].to(stacking.out), length[None].to(stacking.out))[0]
        for step in range(STEPS):
            later = unstacked.channels((step + 1) / STEPS, popularity)
            of_sum, of_part = stacking.secant_slopes(now, later, length)
            of_neural += (1.0 + of_sum) / STEPS
            of_slim += (1.0 + of_sum + of_part) * (later - now)[SLIM_PART]
            now = later
        return cls(start + added, of_neural, of_slim / unstacked.rises.clamp(min=1e-12))


@dataclass(frozen=True)
class _Unstacked:
    """The scores of all items before stacking, along the path from no history to the whole one."""

    n_consumed: Tensor  # of the history
    start: Tensor  # items: of the neural and the ridge component
    rise: Tensor  # items: of these
    weight: Tensor  # of the SLIM component
    similar: Tensor  # items: what its logarithm is of
    rises: Tensor  # items: of that

    @classmethod
    def of(cls, model: ServedModel, entries: ServedEncoding) -> _Unstacked:
        network, slim, history = model.network, model.slim, entries.history
        start = network.consume_bias.double()
        rise = (network.consume_out @ entries.consume.sum(0)).double()
        n_consumed = history.pattern.row_sums(history.observed)[0].double()
        if slim is None:
            ones = torch.ones_like(start)
            return cls(n_consumed, start, rise, start.new_zeros(()), ones, torch.zeros_like(start))
        weight, floor = slim.scale.double()
        similar = floor + slim.popularity.double() / (n_consumed + 1.0)
        of_history = slim.similarity(history.pattern, history.observed)[0].double()
        rises = (of_history + floor - similar).clamp(min=0.0)
        return cls(n_consumed, start, rise, weight, similar, rises)

    def slim_part(self, share: float) -> Tensor:
        """Of the scores at a share of the path: items."""
        return self.weight * (self.similar + share * self.rises).log()

    def channels(self, share: float, popularity: Tensor) -> Tensor:
        """What stacking reads at a share of the path: channels x items."""
        slim_part = self.slim_part(share)
        return torch.stack([self.start + share * self.rise + slim_part, slim_part, popularity])


def _slim_contributions(
    slim: SLIM, history: History, slope: Tensor, items: Tensor, among: Tensor
) -> Tensor:
    """What each entry adds to a score by SLIM's similarity: entries x items, less the mean.

    The similarity of an item rises from its popularity's share on a straight line, as those of
    all entries grow together. An entry gets the share of the rise of the score that it has in the
    rise of the similarity.
    """
    pattern, observed = history.pattern, history.observed
    n_items = len(slim.weights)
    share = 1.0 / (pattern.row_sums(observed) + 1.0).double()
    neighbours, weights = slim.get_buffer("items").long(), slim.weights.double()
    rows = weights.new_zeros(len(items), n_items)
    rows.scatter_add_(1, neighbours[items], weights[items])
    mean = weights.new_zeros(n_items).index_add_(
        0, neighbours[among].flatten(), (weights[among] * slope[among, None]).flatten()
    ) / len(among)
    sloped = (rows * slope[items, None])[:, pattern.columns].T  # entries x items
    return n_items * share * observed.double()[:, None] * (sloped - mean[pattern.columns, None])
