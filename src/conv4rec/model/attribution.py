"""What each entry of a history adds to a score: parts that sum to it exactly.

Given the reading, both latent vectors are sums over the entries of the history, and so is the
user's mean. The consume logit is linear in them, so its parts are plain products; only what the
neighbours add is a log, shared out as what follows. P(like) is not linear: the log-odds f of a
rating at the threshold or above bend between the levels. They are followed from the item with a
silent history, s_0, to the item as read, s_0 + s_1 + ... + s_E:

    f(s_0 + ... + s_E) - f(s_0) = sum over e of s_e . (mean slope of f on the straight way),

which leaves nothing over (Aumann and Shapley, "Values of Non-Atomic Games", 1974; as "integrated
gradients" in Sundararajan, Taly and Yan, ICML 2017). Where f is straight it is the plain product.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from conv4rec.model.network import PRIOR_COUNT, Encoding, History, ItemSide, Network
from conv4rec.model.parts import Attribution
from conv4rec.model.sparse import SparsePattern, gather_rows

NODES = 48  # of the quadrature along the way: exact far beyond float32


@torch.no_grad()
def entry_encodings(
    network: Network,
    history: History,
    item_side: ItemSide,
    with_consume: bool = True,
    with_ratings: bool = True,
) -> Encoding:
    """One row an entry of some histories; a history's rows sum to the reading of it.

    An entry is counted with what it says once it is centred on the user's mean, and with its
    share in that mean. Without `with_consume`, what only the consume decoder reads is left out; without
    `with_ratings`, the exact half of the rating side. Memory: 4 x entries x (consume_size + rate_size)
    bytes, and for the exact half 16 x entries x draws x size.
    """
    pattern, columns = history.pattern, history.pattern.columns
    item_mean = network.item_mean(item_side.type_counts)
    items = network.encode(_nobody(history), item_side, with_consume=False)
    values, _ = network.channels(history, item_mean)
    starts = torch.arange(len(columns) + 1, device=columns.device)
    alone = SparsePattern.from_rows(starts, columns, pattern.shape[1])
    length = (pattern.row_sums(history.observed) + PRIOR_COUNT).sqrt()[pattern.rows, None]
    consume = length[:, :0]
    if network.rate_in is None:
        rate = alone.look_up(values[:, : len(network.consume_in)], network.consume_in) / length
        consume = rate
    else:
        rate = alone.look_up(values, network.rate_in) / length
        if with_consume:
            consume_input = network.consume_input(history, item_side)
            consume = alone.look_up(consume_input, network.consume_in) / length
    rated = history.observed * (history.types < network.config.n_levels)
    n_rated = pattern.row_sums(rated)[pattern.rows] + network.shrinkage[0].exp()
    excess = gather_rows(network.kernel_in, history.types)[:, 1:] - gather_rows(item_mean, columns)
    user_mean = excess * (rated / n_rated)[:, None]
    bayesian_mf = None
    if network.bayesian_mf is not None and with_ratings:
        length = (pattern.row_sums(history.observed) + PRIOR_COUNT).sqrt()[:, None]
        bayesian_mf = network.bayesian_mf.read_entries(
            pattern, history.types, history.observed, length
        )
    return Encoding(consume, rate, user_mean, item_mean, items.item_column, bayesian_mf, history)


def _nobody(history: History) -> History:
    """No history at all, over the same items."""
    none = history.pattern.columns[:0]
    pattern = SparsePattern.from_rows(none.new_zeros(1), none, history.pattern.shape[1])
    return History(pattern, none, history.observed[:0])


@torch.no_grad()
def consume_attribution(
    network: Network, entries: Encoding, items: Tensor, among: Tensor
) -> Attribution:
    """The consume logit of some items, less its mean over the items of `among`.

    As logits are log-probabilities up to a constant, this is log P(i) less the mean of log P
    over those items: how many times likelier than a typical one.
    """
    out, bias = network.consume_out, network.consume_bias
    apart = out[items].double() - out[among].double().mean(0)
    base = bias[items].double() - bias[among].double().mean()
    contribution = entries.consume.double() @ apart.T
    if network.slim is not None and entries.history is not None:
        history = entries.history
        near = network.slim.parts(history.pattern, history.observed, items, among)
        base, contribution = base + near.base, contribution + near.contribution
    return Attribution(base, contribution)


@torch.no_grad()
def like_attribution(
    network: Network, entries: Encoding, items: Tensor, like_level: int
) -> Attribution:
    """The log-odds of a rating at `like_level` (above 0) or more, for some items."""
    channels = network._rating_vectors(entries)[:, items].double() * network._rate_scale
    rate, means = entries.rate.double(), entries.user_mean.double()
    kernel, passed = network.kernel_out.double(), network.from_user_mean.double()
    offsets = network._rating_offsets(entries)[items].double()
    silent = network.level_bias.double() + offsets @ kernel  # items x levels
    whole = torch.stack([vectors @ rate.sum(0) for vectors in channels.unbind(0)], 1)
    added = (whole + means.sum(0) @ passed) @ kernel
    expected, moves, about = _exact_parts(network, entries, items)

    def log_odds(logits: Tensor, of_exact: Tensor) -> Tensor:
        if network.bayesian_mf is not None and about is not None:
            logits = network.bayesian_mf.pool(
                logits, of_exact, about, network.bayesian_mf.uncertainty_ratio[items]
            )
        return like_log_odds(logits, like_level)

    way = (added, moves.sum(0))
    base, of_logits, of_expected = _mean_slopes(log_odds, (silent, expected), way)
    slope = of_logits @ kernel.T  # items x channels
    along = torch.einsum("cid,ic->id", channels, slope)
    contribution = rate @ along.T + (means @ passed) @ slope.T + moves * of_expected
    return Attribution(base, contribution)


def _exact_parts(
    network: Network, entries: Encoding, items: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """What the exact half expects of nobody (items), and what each entry adds (entries x items).

    Third, what it says of how the person rates, whatever the item: 2 + levels, and the same all
    the way.
    """
    bayesian_mf, n_entries = network.bayesian_mf, len(entries.rate)
    if bayesian_mf is None or entries.bayesian_mf is None:
        zero = network.rate_out.new_zeros(1, len(items), dtype=torch.float64)
        return zero[0], zero.expand(n_entries, -1), None
    types = items[:0]
    nobody = SparsePattern.from_rows(types.new_zeros(2), types, len(network.rate_bias))
    none = network.rate_out.new_zeros(0)
    silent = bayesian_mf.encode(
        nobody, types, none, none.new_full((1, 1), PRIOR_COUNT**0.5)
    ).double()
    tables = (
        bayesian_mf.items[:, items].double().transpose(0, 1).flatten(1)
    )  # items x (draws x size)
    width = tables.shape[1]
    expected, moves = (
        r[:, :width] @ tables.T + r[:, width, None] for r in (silent, entries.bayesian_mf)
    )
    about = bayesian_mf.about(silent)[0] + bayesian_mf.about(entries.bayesian_mf).sum(0)
    return expected[0], moves, about


def like_log_odds(logits: Tensor, like_level: int) -> Tensor:
    """Log-odds of the levels from `like_level` (above 0) up: (...,)."""
    liked = torch.logsumexp(logits[..., like_level:], -1)
    return liked - torch.logsumexp(logits[..., :like_level], -1)


def _mean_slopes(
    log_odds: Callable[[Tensor, Tensor], Tensor],
    start: tuple[Tensor, Tensor],
    way: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor, Tensor]:
    """The log-odds at the start, and their mean slopes on the way from there.

    On the way the trained half's logits go from `start[0]` by `way[0]` (items x levels), and what
    the exact half expects from `start[1]` by `way[1]` (items). One slope for each of the two.
    """
    totals = [torch.zeros_like(tensor) for tensor in start]
    places, weights = np.polynomial.legendre.leggauss(NODES)
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        at = [tensor + place * step for tensor, step in zip(start, way, strict=True)]
        with torch.enable_grad():
            at = [tensor.requires_grad_() for tensor in at]
            slopes = torch.autograd.grad(log_odds(*at).sum(), at, allow_unused=True)
        for total, slope in zip(totals, slopes, strict=True):
            if slope is not None:
                total += weight * slope
    return log_odds(*start), totals[0], totals[1]
