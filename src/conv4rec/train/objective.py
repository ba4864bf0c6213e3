"""The training objective: -log likelihood of the masked part of each history, given the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from conv4rec.model import History, Network
from conv4rec.model.at_a_time import at_a_time
from conv4rec.model.history import Encoding
from conv4rec.model.likelihood import BLOCK_BYTES, ItemSample, MaskedNLL, SampledNLL
from conv4rec.train.processes import Part, counts_of_all, own_number, summed, total
from conv4rec.train.settings import TrainSettings

MOST = 10.0  # largest weight of a rating, in units of the geometric mean weight


@dataclass(frozen=True)
class Losses:
    """Mean negative log-likelihoods over masked interactions, in nats."""

    consume: Tensor
    rate: Tensor


def mask_history(
    history: History, settings: TrainSettings, rng: torch.Generator, part: Part | None = None
) -> History:
    """Mask a random part of each history: the share is drawn per user, then each entry.

    If the interactions to predict were also observed, the network would learn to copy its input.

    Args:
        history: of the users of a step, or of a part of them.
        settings: the lowest and the highest share.
        rng: of the draws, which are made for all users of the step; on the device of `history`.
        part: which of them are in `history`; by default all.
    """
    part = part or Part.own(history.pattern.row_starts)
    low, high = settings.mask_low, settings.mask_high
    draw = partial(torch.rand, generator=rng, device=history.observed.device)
    share = low + (high - low) * draw(part.n_rows)[part.rows]
    observed = draw(part.n_entries)[part.entries] >= share.index_select(0, history.pattern.rows)
    return replace(history, observed=observed.float())


def losses(
    network: Network,
    encoding: Encoding,
    history: History,
    settings: TrainSettings,
    tasks: tuple[bool, bool] = (True, True),
    samples: list[ItemSample] | None = None,
) -> Losses:
    """Both negative log-likelihoods of the masked entries of `history`, encoded as `encoding`.

    An entry without a rating adds to the consume loss alone: its likelihood is
    sum_k P(i, k) = P(i). The loss of a task that is not in `tasks` is 0. With `samples`, the
    consume loss is estimated from them.

    In a fit by several processes, these are the parts of the users of `history`: losses and
    gradients of all processes add up to those of all users.
    """
    masked = history.observed == 0
    zero = history.observed.new_zeros(())
    consume = rate = zero
    if tasks[0]:
        weights = user_weights(history, masked, settings.user_weight_power)
        consume = masked_consume_nll(network, encoding.consume, history, weights, samples)
    predicted = masked if settings.masked_only else torch.ones_like(masked)
    rated = torch.nonzero(predicted & (history.types < network.config.n_levels)).squeeze(1)
    if tasks[1] and total(len(rated), rated):  # a process without any takes part all the same
        pattern = history.pattern
        pairs = pattern.of_entries(rated)
        logits = network.rating_logits(encoding, pairs.rows, pairs.columns, pairs)
        weights = rarity_weights(network, encoding, history, rated, settings.propensity_power)
        rate = weighted_nll(logits, history.types[rated], weights)
    return Losses(consume, rate)


def weighted_nll(logits: Tensor, types: Tensor, weights: Tensor | None) -> Tensor:
    """Mean -log P(level) of pairs; weighted, if there are weights, which sum to 1.

    Of several processes' pairs, this one's part of the mean.
    """
    pairs = logits.T[None], types[None]  # levels first, as they are in memory: a fifth of the time
    if weights is None:
        return functional.cross_entropy(*pairs, reduction="sum") / total(len(types), types)
    return (functional.cross_entropy(*pairs, reduction="none")[0] * weights).sum()


@torch.no_grad()
def rarity_weights(
    network: Network, encoding: Encoding, history: History, entries: Tensor, power: float
) -> Tensor | None:
    """Inverse-propensity weights of masked ratings: w ~ P(i | observed) ** -power.

    With power 1, a weighted mean over consumed items estimates the mean over all items; a power
    between 0 and 1 is a compromise. Weights sum to 1 (self-normalised), and none is more than
    `MOST` times their geometric mean (clipped). P(i | observed) is the network's own, at its
    current weights; no gradient runs through it.
    Memory: at most `BLOCK_BYTES` of logits at a time.

    Args:
        network: its consume side gives P(i | observed).
        encoding: of `history`, the consume side included.
        history: partly masked.
        entries: which entries are weighted; all of them masked.
        power: 0 for no weights (None).

    Reference:
        Schnabel, Swaminathan, Singh, Chandak, Joachims, "Recommendations as treatments", ICML
        2016: eq. 5, and the self-normalised estimator of section 3.3.
    """
    if power == 0.0:
        return None
    pattern = history.pattern
    rows, items = pattern.rows[entries], pattern.columns[entries]
    vectors, out, bias = encoding.consume, network.consume_out, network.consume_bias
    log_total = vectors.new_empty(len(vectors))
    bounds = pattern.row_starts.tolist()
    size = max(1, at_a_time(BLOCK_BYTES, bias.device) // (4 * len(bias)))
    for first in range(0, len(vectors), size):
        last = min(first + size, len(vectors))
        own = slice(bounds[first], bounds[last])
        observed = history.observed[own] > 0
        logits = torch.addmm(bias, vectors[first:last], out.T)
        logits[pattern.rows[own][observed] - first, pattern.columns[own][observed]] = -torch.inf
        log_total[first:last] = torch.logsumexp(logits, 1)
    log_p = (vectors[rows] * out[items]).sum(1) + bias[items] - log_total[rows]
    mean = summed(log_p.sum()) / total(len(log_p), log_p)
    weights = (-power * (log_p - mean)).clamp(max=math.log(MOST)).exp()
    return weights / summed(weights.sum())


def masked_consume_nll(
    network: Network,
    vectors: Tensor,
    history: History,
    weights: Tensor,
    samples: list[ItemSample] | None = None,
) -> Tensor:
    """Mean -log P(i | observed) over the masked entries, weighted (weights sum to 1)."""
    pattern = history.pattern
    inputs = (vectors, network.consume_out, network.consume_bias)
    if not torch.is_grad_enabled():  # then only the value is computed
        inputs = tuple(tensor.detach() for tensor in inputs)
    inputs += (pattern.row_starts, pattern.columns, weights)
    if samples is None:
        nll = MaskedNLL.apply(*inputs)
    else:
        n_scored = int((pattern.row_sums((weights > 0).float()) > 0).sum())
        nll = SampledNLL.apply(*inputs, samples, own_blocks(n_scored, len(samples), weights))
    assert isinstance(nll, Tensor)
    return nll


def own_blocks(n_scored: int, n_blocks: int, like: Tensor) -> list[int]:
    """How many of this process's users with a masked entry are in each block of all processes'.

    Users of a block share a sample of items, whatever the number of processes.
    """
    counts = counts_of_all(n_scored, like)
    before = sum(counts[: own_number()])
    size, larger = divmod(sum(counts), n_blocks)
    ends = [(block + 1) * size + min(block + 1, larger) for block in range(n_blocks)]
    bounds = [0, *(min(max(end - before, 0), n_scored) for end in ends)]
    return [last - first for first, last in pairwise(bounds)]


def user_weights(history: History, masked: Tensor, power: float) -> Tensor:
    """Entry weights that sum to 1: (masked entries of the user) ** -power, 0 if observed.

    With power 0 every interaction counts the same, with power 1 every user does. The optimal
    P(i | history) is the same for all powers.
    """
    n_masked = history.pattern.row_sums(masked.float()).clamp(min=1.0)
    weights = n_masked.pow(-power).index_select(0, history.pattern.rows) * masked
    return weights / summed(weights.sum()).clamp(min=1e-12)
