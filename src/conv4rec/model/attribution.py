"""What each entry of a history adds to a score; the parts sum to the score exactly.

Given the encoding, the latent vectors are sums over the entries of the history, and so is the
user's mean. The neural component's consume logit is linear in them, so its parts are plain
products. The SLIM component and P(like) are not linear. Their rise from the score of an empty
history is shared out by the Aumann-Shapley value: an entry that moves an input of the score by
s_e gets s_e times the mean slope of the score on the straight line from the empty history to the
full one ("integrated gradients"; for P(like) see `conv4rec.model.like_attribution`).

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
from conv4rec.model.sparse import SparsePattern, gather_rows


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
        rate = alone.look_up(channels[:, : len(network.consume_in)], network.consume_in) / length
        consume = rate
    else:
        rate = alone.look_up(channels, network.rate_in) / length
        if with_consume:
            consume_input = network.consume_input(history, item_side)
            consume = alone.look_up(consume_input, network.consume_in) / length
    rated = history.observed * (history.types < network.config.n_levels)
    n_rated = pattern.row_sums(rated)[pattern.rows] + network.shrinkage[0].exp()
    excess = gather_rows(network.kernel_in, history.types)[:, 1:] - gather_rows(item_mean, columns)
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
    """
    out, bias = model.network.consume_out, model.network.consume_bias
    centred = out[items].double() - out[among].double().mean(0)
    base = bias[items].double() - bias[among].double().mean()
    contribution = entries.consume.double() @ centred.T
    if model.slim is not None:
        slim = slim_attribution(model.slim, entries.history, items, among)
        base, contribution = base + slim.base, contribution + slim.contribution
    return Attribution(base, contribution)


@torch.no_grad()
def slim_attribution(slim: SLIM, history: History, items: Tensor, among: Tensor) -> Attribution:
    """The SLIM score of some items for one history, less its mean over the items of `among`.

    The similarity of an item rises from its popularity's share on a straight line, as those of
    all entries grow together. An entry gets the share of the rise in the log that it has in the
    rise of the similarity.

    Memory: 8 x len(items) x (items of the catalogue + entries) bytes.
    """
    pattern, observed = history.pattern, history.observed
    weight, floor = slim.scale.double()
    n_items = len(slim.weights)
    share = 1.0 / (pattern.row_sums(observed) + 1.0).double()
    base = floor + share * slim.popularity.double()
    rise = (slim.similarity(pattern, observed)[0].double() + floor - base).clamp(min=0.0)
    slope = weight * torch.log1p(rise / base) / rise.clamp(min=1e-12)  # mean slope on the line
    neighbours, weights = slim.get_buffer("items").long(), slim.weights.double()
    rows = weights.new_zeros(len(items), n_items)
    rows.scatter_add_(1, neighbours[items], weights[items])
    mean = torch.zeros_like(base).index_add_(
        0, neighbours[among].flatten(), (weights[among] * slope[among, None]).flatten()
    ) / len(among)
    sloped = (rows * slope[items, None])[:, pattern.columns].T  # entries x items
    centred = sloped - mean[pattern.columns, None]
    contribution = n_items * share * observed.double()[:, None] * centred
    start = weight * base.log()
    return Attribution(start[items] - start[among].mean(), contribution)
