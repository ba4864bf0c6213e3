"""What each entry of a history adds to the log-odds of P(like).

The log-odds f of a rating at the threshold or above are not linear in the latent vectors. They
are followed on the straight line from the item with an empty history, s_0, to the item with the
whole history, s_0 + s_1 + ... + s_E:

    f(s_0 + ... + s_E) - f(s_0) = sum over e of s_e . (mean slope of f on the line),

so that nothing is left over (Aumann-Shapley; see `conv4rec.model.attribution`). Where f is linear,
an entry's part is the plain product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from conv4rec.model.attribution import Attribution
from conv4rec.model.served import ServedEncoding, ServedModel

NODES = 48  # of the quadrature on the line: exact far beyond float32


@dataclass(frozen=True)
class _Line:
    """The two inputs of the log-odds, for some items: float64."""

    logits: Tensor  # items x levels: the network's, for an empty history
    logits_step: Tensor  # items x levels: what the whole history adds
    mean: Tensor  # items: of x in the Bayesian matrix factorisation, for an empty history
    mean_step: Tensor  # items


@torch.no_grad()
def like_attribution(
    model: ServedModel, entries: ServedEncoding, items: Tensor, like_level: int
) -> Attribution:
    """The log-odds of a rating at `like_level` (above 0) or more, for some items.

    Args:
        model: as served.
        entries: of one history, from `entry_encodings`.
        items: whose scores are attributed.
        like_level: number of the first level that counts as liking.
    """
    network, mf = model.network, model.bayesian_mf
    vectors = network.rating_vectors(entries, items).double() * network.rate_scale
    rate, user_mean = entries.rate.double(), entries.user_mean.double()
    kernel, from_user_mean = network.kernel_out.double(), network.from_user_mean.double()
    offsets = network.rating_offsets(entries)[items].double()
    added = torch.stack([channel @ rate.sum(0) for channel in vectors.unbind(0)], 1)
    mean, moves, style = _posterior_parts(model, entries, items)
    line = _Line(
        network.level_bias.double() + offsets @ kernel,
        (added + user_mean.sum(0) @ from_user_mean) @ kernel,
        mean,
        moves.sum(0),
    )

    def log_odds(logits: Tensor, latent_mean: Tensor) -> Tensor:
        if mf is not None and style is not None:
            logits = mf.mix(logits, latent_mean, style, mf.uncertainty_ratio[items])
        return like_log_odds(logits, like_level)

    base, logit_slope, mean_slope = _mean_slopes(log_odds, line)
    slope = logit_slope @ kernel.T  # items x channels
    along = torch.einsum("cid,ic->id", vectors, slope)
    contribution = rate @ along.T + (user_mean @ from_user_mean) @ slope.T + moves * mean_slope
    return Attribution(base, contribution)


def _posterior_parts(
    model: ServedModel, entries: ServedEncoding, items: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The mean of x with an empty history (items), and what each entry adds (entries x items).

    Third, the user's response style (2 + levels): the same all along the line.
    """
    mf, n_entries = model.bayesian_mf, len(entries.rate)
    if mf is None or entries.user_posterior is None:
        zero = entries.rate.new_zeros(1, len(items), dtype=torch.float64)
        return zero[0], zero.expand(n_entries, -1), None
    empty = mf.encode(entries.history.empty(1)).double()
    tables = mf.items[:, items].double().transpose(0, 1).flatten(1)  # items x (draws x size)
    width = tables.shape[1]
    mean, moves = (
        rows[:, :width] @ tables.T + rows[:, width, None]
        for rows in (empty, entries.user_posterior)
    )
    style = mf.response_style(empty)[0] + mf.response_style(entries.user_posterior).sum(0)
    return mean[0], moves, style


def like_log_odds(logits: Tensor, like_level: int) -> Tensor:
    """Log-odds of the levels from `like_level` (above 0) up: (...,)."""
    liked = torch.logsumexp(logits[..., like_level:], -1)
    return liked - torch.logsumexp(logits[..., :like_level], -1)


def _mean_slopes(
    log_odds: Callable[[Tensor, Tensor], Tensor], line: _Line
) -> tuple[Tensor, Tensor, Tensor]:
    """The log-odds at the start of the line, and their mean slope in each of the two inputs."""
    start, step = (line.logits, line.mean), (line.logits_step, line.mean_step)
    totals = [torch.zeros_like(tensor) for tensor in start]
    places, weights = np.polynomial.legendre.leggauss(NODES)
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        at = [first + place * whole for first, whole in zip(start, step, strict=True)]
        with torch.enable_grad():
            at = [tensor.requires_grad_() for tensor in at]
            slopes = torch.autograd.grad(log_odds(*at).sum(), at, allow_unused=True)
        for total, slope in zip(totals, slopes, strict=True):
            if slope is not None:
                total += weight * slope
    return log_odds(*start), totals[0], totals[1]
