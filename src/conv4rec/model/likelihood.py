"""The likelihood: P(i, k | history) = P(i | history) P(k | i, history)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from conv4rec.model.at_a_time import at_a_time

BLOCK_BYTES = 2**23  # bytes of logits in memory at a time: more do not fit into the cache
USERS_AT_A_TIME = 128  # of a product of vectors: more users take no less time each


def consume_log_probabilities(logits: Tensor, users: Tensor, items: Tensor) -> Tensor:
    """Log P(i | history): a softmax over the items that are not in the history.

    Args:
        logits: users x items; overwritten.
        users: row of each entry of the histories.
        items: item of each entry of the histories.

    Returns:
        users x items; minus infinity at the items of the history.
    """
    logits[users, items] = -torch.inf
    total = torch.logsumexp(logits, 1, keepdim=True)
    total.masked_fill_(total.isneginf(), 0.0)  # all items consumed: no softmax
    return logits - total if logits.requires_grad else logits.sub_(total)


def _with_masked(
    row_starts: Tensor, columns: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Which users have a masked entry; the rows, columns and weights of these users' entries.

    Rows are numbered among these users.
    """
    rows = torch.repeat_interleave(row_starts.diff(), output_size=len(columns))
    scored = torch.zeros(len(row_starts) - 1, dtype=torch.bool, device=weights.device)
    scored[rows.index_select(0, _nonzero(weights))] = True
    kept = _nonzero(scored.index_select(0, rows))
    numbers = (scored.cumsum(0) - 1).index_select(0, rows).index_select(0, kept)
    return scored, numbers, columns.index_select(0, kept), weights.index_select(0, kept)


def _nonzero(values: Tensor) -> Tensor:
    return torch.nonzero(values).squeeze(1)  # once: a mask is counted anew by each [...]


def _blocks(
    parts: Sequence[Tensor], rows: Tensor, columns: Tensor, weights: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Each part of the users' vectors with the entries of its users, who are numbered from 0."""
    first = 0
    for part in parts:
        bounds = rows.new_tensor([first, first + len(part)])
        entries = slice(*torch.searchsorted(rows, bounds).tolist())
        yield part, rows[entries] - first, columns[entries], weights[entries]
        first += len(part)


class MaskedNLL(torch.autograd.Function):
    """- sum over masked entries of weight x log P(i | observed), in blocks of users.

    The softmax runs over every item that was not observed. Value and gradient are computed in
    one pass, so never more than `BLOCK_BYTES` of logits exist: 8 x users x items bytes less
    than autograd would keep. The value alone takes a third of the time. Users without a masked
    item cost nothing.

    Inputs: user vectors (users x size), item vectors (items x size), item biases, CSR
    `row_starts` and `columns` of the histories, `weights` per entry: 0 where observed, else > 0.
    """

    @staticmethod
    def forward(ctx, user_vectors, item_vectors, bias, row_starts, columns, weights):  # noqa: D102
        scored, all_rows, columns, weights = _with_masked(row_starts, columns, weights)
        all_vectors, n_items = user_vectors[scored], len(item_vectors)
        users, size = (at_a_time(n, bias.device) for n in (USERS_AT_A_TIME, BLOCK_BYTES))
        block = max(1, min(users, size // (4 * n_items)))
        total = user_vectors.new_zeros((), dtype=torch.float64)
        users_gradient, scored_gradient = torch.zeros_like(user_vectors), []
        items_gradient, bias_gradient = torch.zeros_like(item_vectors), torch.zeros_like(bias)
        for vectors, rows, items, weight in _blocks(
            all_vectors.split(block), all_rows, columns, weights
        ):
            logits = torch.mm(vectors, item_vectors.T).add_(bias)
            flat = logits.view(-1)  # one index an entry: several times faster than (row, column)
            cells, masked = rows * n_items + items, _nonzero(weight)
            masked_cells, weight = cells.index_select(0, masked), weight.index_select(0, masked)
            masked_logits = flat.index_select(0, masked_cells)
            flat.index_fill_(0, cells, -torch.inf).index_copy_(0, masked_cells, masked_logits)
            highest = logits.amax(1)
            odds = logits.sub_(highest[:, None]).exp_()
            sums, rows = odds.sum(1), rows.index_select(0, masked)
            total += (weight * ((highest + sums.log())[rows] - masked_logits)).double().sum()
            if not any(ctx.needs_input_grad[:3]):
                continue
            # d/dlogits = (sum of the user's weights) x softmax - weight at the masked entries
            user_weight = torch.zeros_like(sums).index_add(0, rows, weight)
            share = user_weight / sums
            slope = odds.mul_(share[:, None])
            flat.index_add_(0, masked_cells, -weight)
            scored_gradient.append(slope @ item_vectors)
            items_gradient.addmm_(slope.T, vectors)
            bias_gradient += slope.sum(0)
        if scored_gradient:
            users_gradient[scored] = torch.cat(scored_gradient)
        ctx.save_for_backward(users_gradient, items_gradient, bias_gradient)
        return total.to(user_vectors.dtype)

    @staticmethod
    def backward(ctx, *grads):  # noqa: D102
        return (*(grads[0] * grad for grad in ctx.saved_tensors), None, None, None)


@dataclass(frozen=True)
class ItemSample:
    """Some items, each drawn independently with a known probability."""

    items: Tensor
    log_weights: Tensor
    """-log of the probability of being drawn."""


class SampledNLL(torch.autograd.Function):
    """`MaskedNLL`, each softmax estimated from the masked items and a sample of the others.

    The sum of exp(logit) over items neither observed nor masked is estimated by that over a sample,
    each term divided by the probability that its item was drawn: right on average (Horvitz and
    Thompson, JASA 1952). So it is a sampled softmax with log-Q correction (Bengio and Senecal, IEEE
    TNN 2008). Users without a masked item cost nothing.

    Inputs: those of `MaskedNLL`, and a list of `ItemSample`, one for each block of users with a
    masked item; then the sizes of the blocks, by default equal.
    """

    @staticmethod
    def forward(  # noqa: D102
        ctx, user_vectors, item_vectors, bias, row_starts, columns, weights, samples, sizes=None
    ):
        scored, rows, items, weights = _with_masked(row_starts, columns, weights)
        vectors = user_vectors[scored]
        total = user_vectors.new_zeros((), dtype=torch.float64)
        users_gradient, gradient_of_scored = torch.zeros_like(user_vectors), []
        items_gradient, bias_gradient = torch.zeros_like(item_vectors), torch.zeros_like(bias)
        place = torch.full(bias.shape, -1, device=bias.device)
        parts = vectors.tensor_split(len(samples)) if sizes is None else vectors.split(sizes)
        blocks = _blocks(parts, rows, items, weights)
        for (block, row, item, weight), sample in zip(blocks, samples, strict=True):
            drawn = sample.items
            logits = torch.addmm(bias[drawn] + sample.log_weights, block, item_vectors[drawn].T)
            place[drawn] = torch.arange(len(drawn), device=drawn.device)
            known = place[item] >= 0  # of the history: masked items are added below
            place_of_known = place[item[known]]
            place[drawn] = -1
            logits.view(-1).index_fill_(0, row[known] * len(drawn) + place_of_known, -torch.inf)
            masked = weight > 0
            row, item, weight = row[masked], item[masked], weight[masked]
            users, targets = block[row], item_vectors[item]
            chosen = (users * targets).sum(1) + bias[item]
            top = logits.new_full((len(block),), -torch.inf)
            top = top.scatter_reduce(0, row, chosen, "amax").maximum(
                logits.amax(1) if len(drawn) else top
            )
            exp, exp_chosen = logits.sub_(top[:, None]).exp_(), (chosen - top[row]).exp()
            sums = exp.sum(1).index_add(0, row, exp_chosen)
            total += (weight * (sums.log()[row] + top[row] - chosen)).double().sum()
            share = torch.zeros_like(top).index_add(0, row, weight) / sums
            slope = exp.mul_(share[:, None])
            slope_chosen = exp_chosen * share[row] - weight
            gradient_of_scored.append(
                (slope @ item_vectors[drawn]).index_add_(0, row, targets * slope_chosen[:, None])
            )
            items_gradient.index_add_(0, drawn, slope.T @ block)
            items_gradient.index_add_(0, item, users * slope_chosen[:, None])
            bias_gradient.index_add_(0, drawn, slope.sum(0)).index_add_(0, item, slope_chosen)
        users_gradient[scored] = torch.cat(gradient_of_scored)
        ctx.save_for_backward(users_gradient, items_gradient, bias_gradient)
        return total.to(user_vectors.dtype)

    @staticmethod
    def backward(ctx, *grads):  # noqa: D102
        return (*(grads[0] * grad for grad in ctx.saved_tensors), *[None] * 5)
