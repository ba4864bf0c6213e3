"""The likelihood: P(i, k | history) = P(i | history) P(k | i, history)."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK_BYTES = 64 * 2**20  # bytes of logits in memory at a time


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
    return logits - total.masked_fill(total.isneginf(), 0.0)  # all items consumed: no softmax


def joint_log_probabilities(consume_logits: Tensor, rating_logits: Tensor) -> Tensor:
    """Log P(i, k) as ONE softmax over all (item, level) pairs: users x items x levels.

    The logit of a pair is the item's consume logit plus the level's log probability within the
    item, so summing over k gives the consume softmax. The distribution is that of the chain
    rule, which never needs the users x items x levels array.
    """
    joint = consume_logits[:, :, None] + torch.log_softmax(rating_logits, 2)
    return torch.log_softmax(joint.flatten(1), 1).view_as(joint)


class MaskedNLL(torch.autograd.Function):
    """- sum over masked entries of weight x log P(i | observed), in blocks of users.

    The softmax runs over every item that was not observed. Value and gradient are computed in
    one pass, so never more than `BLOCK_BYTES` of logits exist: 8 x users x items bytes less
    than autograd would keep.

    Inputs: user vectors (users x size), item vectors (items x size), item biases, CSR
    `row_starts` and `columns` of the histories, `weights` per entry: 0 where observed, else > 0.
    """

    @staticmethod
    def forward(ctx, user_vectors, item_vectors, bias, row_starts, columns, weights):  # noqa: D102
        n_users, n_items = len(user_vectors), len(item_vectors)
        block = max(1, BLOCK_BYTES // (4 * n_items))
        total = user_vectors.new_zeros((), dtype=torch.float64)
        users_gradient = torch.zeros_like(user_vectors)
        items_gradient, bias_gradient = torch.zeros_like(item_vectors), torch.zeros_like(bias)
        bounds = row_starts.tolist()
        for first in range(0, n_users, block):
            last = min(first + block, n_users)
            entries = slice(bounds[first], bounds[last])
            lengths = row_starts[first : last + 1].diff()
            rows = torch.repeat_interleave(torch.arange(last - first, device=bias.device), lengths)
            items, weight = columns[entries], weights[entries]
            masked = weight > 0
            vectors = user_vectors[first:last]
            logits = torch.addmm(bias, vectors, item_vectors.T)
            flat = logits.view(-1)  # one index an entry: several times faster than (row, column)
            cells = rows * n_items + items
            flat.index_fill_(0, cells[~masked], -torch.inf)
            rows, cells, weight = rows[masked], cells[masked], weight[masked]
            log_total = torch.logsumexp(logits, 1)
            log_total.masked_fill_(log_total.isneginf(), 0.0)  # all observed: no softmax
            total += (weight * (log_total[rows] - flat[cells])).double().sum()
            # d/dlogits = (sum of the user's weights) x softmax - weight at the masked entries
            user_weight_power = torch.zeros_like(log_total).index_add(0, rows, weight)
            slope = logits.sub_(log_total[:, None]).exp_().mul_(user_weight_power[:, None])
            flat.index_add_(0, cells, -weight)
            users_gradient[first:last] = slope @ item_vectors
            items_gradient.addmm_(slope.T, vectors)
            bias_gradient += slope.sum(0)
        ctx.save_for_backward(users_gradient, items_gradient, bias_gradient)
        return total.to(user_vectors.dtype)

    @staticmethod
    def backward(ctx, *grads):  # noqa: D102
        return (*(grads[0] * grad for grad in ctx.saved_tensors), None, None, None)
