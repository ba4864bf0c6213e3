"""Fits stacking: how the components' scores of a pair are combined, beyond a weighted sum.

The masked interactions of the validation part are predicted from the scores of the components,
none of which has seen them: -log P(item) under a softmax over the user's masked items, the best
others by the weighted sum, and a sample of all others, weighted to stand for them. The prior is
normal around the weighted sum alone.

A part of the correction is kept (`KEPT`). The whole of it is the likeliest, by little, and orders
the top of lists worse than the sum does where many items are likely (docs/ablation.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

from conv4rec.model.stacking import LENGTH, N_CHANNELS, SUM, Stacking
from conv4rec.train.ensemble_scores import EnsembleScores, EnsembleWeights
from conv4rec.train.random_draws import uniforms
from conv4rec.train.settings import TrainSettings

FEWEST = 100  # masked interactions: with fewer, the scores are added up
LISTED, SAMPLED = 200, 200  # other items of a user: the best, and of the rest
USERS = 64  # of a step
STEPS, LEARNING_RATE = 400, 0.03  # the rate falls to 0 on a straight line
BETAS, EPSILON = (0.9, 0.999), 1e-8
PENALTY = 3.0  # on the squared weights and the squared change of the sum's, in interactions
KEPT = 0.5  # of the correction


@dataclass(frozen=True)
class _Candidates:
    """What each user's masked interactions are predicted among."""

    channels: Tensor  # 3 x users x candidates
    log_weights: Tensor  # users x candidates; -inf: not a candidate
    masked: Tensor  # users x candidates
    weight: Tensor  # users: of a masked interaction in the loss
    length: Tensor  # users: log(1 + items in the history)

    def of(self, users: Tensor) -> _Candidates:
        """Those of some users."""
        channels, of_users = self.channels[:, users], (self.weight[users], self.length[users])
        return _Candidates(channels, self.log_weights[users], self.masked[users], *of_users)

    def slope(self, correction: Tensor) -> Tensor:
        """Of the weighted mean of -log P(masked item), in the correction: users x candidates."""
        p = torch.softmax(self.channels[SUM] + self.log_weights + correction, 1)
        masked = self.masked * self.weight[:, None]
        weights = masked.sum(1, keepdim=True)
        return (p * weights - masked) / weights.sum()


def _gradients(found: _Candidates, stacking: Stacking, trained: list[Tensor]) -> list[Tensor]:
    """Of the weighted mean of -log P(masked item): by hand but for what is folded."""
    folded = stacking.folded(found.length)
    outputs = [folded.slopes, folded.constant, folded.out, folded.linear, folded.of_user]
    with torch.no_grad():
        slopes = folded.slopes_of(found.channels, found.slope)
    return list(torch.autograd.grad(outputs, trained, slopes))


def fit_stacking(
    scores: EnsembleScores, weights: EnsembleWeights, settings: TrainSettings, seed: int
) -> Stacking | None:
    """Adam on the masked interactions. The popularity is of the observed ones.

    Memory: 24 bytes for each user and candidate, some 500 a user.

    Args:
        scores: of the components, on the validation part.
        weights: of their sum.
        settings: `stacking_units`, 0 for none, and `user_weight_power`, as of the consume loss.
        seed: of the draws.

    Returns:
        None with too few masked interactions.
    """
    n_masked, size = int(scores.cells.n_masked.sum()), settings.stacking_units
    if not size or n_masked < FEWEST:
        return None
    rng = np.random.default_rng([seed, n_masked])
    found = _candidates(scores, weights, settings.user_weight_power, rng)
    stacking = _start(found, scores.popularity(), size, seed)
    penalised = [stacking.linear, stacking.first, stacking.out]
    trained = [p.requires_grad_() for p in (*penalised, stacking.bias)]
    first, second = ([torch.zeros_like(p) for p in trained] for _ in BETAS)
    steps = [torch.zeros((), device=p.device) for p in trained]
    for step, users in enumerate(_batches(len(found.length), rng).to(found.length.device)):
        gradients = _gradients(found.of(users), stacking, trained)
        with torch.no_grad():
            for p, gradient in zip(penalised, gradients, strict=False):
                gradient.add_(p, alpha=PENALTY / n_masked)
            adam(
                trained, gradients, first, second, [], steps,
                amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], weight_decay=0.0, eps=EPSILON,
                lr=LEARNING_RATE * (1 - step / STEPS), maximize=False, foreach=False,
            )  # fmt: skip
    stacking.requires_grad_(False)
    stacking.linear.mul_(KEPT)
    stacking.out.mul_(KEPT)
    return stacking


def _start(found: _Candidates, popularity: Tensor, size: int, seed: int) -> Stacking:
    """No correction, and channels standardised over all candidates."""
    stacking = Stacking(len(popularity), size)
    draws = torch.randn(size, N_CHANNELS, generator=torch.Generator().manual_seed(seed))
    stacking.first.copy_(draws / N_CHANNELS**0.5)
    stacking = stacking.to(popularity.device)
    stacking.popularity.copy_(popularity)
    of_pairs = found.channels[:, found.log_weights > -torch.inf]  # 3 x pairs
    for channel, values in enumerate([*of_pairs, found.length]):
        stacking.mean[channel] = values.mean()
        stacking.deviation[channel] = values.std(correction=0) + 1e-3
        stacking.range[:, channel] = torch.stack([values.min(), values.max()])
    assert len(of_pairs) == LENGTH
    return stacking


def _candidates(
    scores: EnsembleScores, weights: EnsembleWeights, power: float, rng: np.random.Generator
) -> _Candidates:
    """The masked items of each user, the best others, and a sample of all others."""
    total, slim_part = scores.weighted(weights), scores.slim_part(weights)
    log_weights, cells = torch.zeros_like(total), scores.cells
    if cells.observed is not None:
        log_weights[cells.observed] = -torch.inf
    if cells.added is not None:
        log_weights += cells.added
    masked = torch.zeros_like(total, dtype=torch.bool)
    masked[cells.masked] = True
    n_listed = min(LISTED + int(cells.n_masked.max()), total.shape[1])
    listed = (total + log_weights).masked_fill_(masked, torch.inf).topk(n_listed, dim=1).indices
    key = uniforms(rng, total.numel(), total.device).view_as(total)
    key.masked_fill_(log_weights.isneginf(), -1.0).scatter_(1, listed, -1.0)
    sample = key.topk(min(SAMPLED, total.shape[1] - n_listed), dim=1)
    drawn = sample.values >= 0
    each = ((key >= 0).sum(1) / drawn.sum(1).clamp(min=1)).log()[:, None].expand(drawn.shape)
    columns = torch.cat([listed, sample.indices], 1)
    more = torch.cat([torch.zeros_like(listed, dtype=total.dtype), each], 1)
    more[:, n_listed:].masked_fill_(~drawn, -torch.inf)
    popularity = scores.of_columns(scores.popularity())
    part = None if slim_part is None else slim_part.gather(1, columns)
    return _Candidates(
        Stacking.channels(total.gather(1, columns), part, popularity.gather(1, columns)),
        log_weights.gather(1, columns) + more,
        masked.gather(1, columns),
        cells.n_masked.float() ** -power,
        # Not of the observed ones: where all are equally long, later histories would be longer.
        torch.log1p(scores.part.pattern.row_starts.diff().float()),
    )


def _batches(n_users: int, rng: np.random.Generator) -> Tensor:
    """The users of each step, in passes over all: steps x users of a step."""
    size = min(USERS, n_users)
    passes = [rng.permutation(n_users) for _ in range(-(-STEPS * size // n_users))]
    return torch.from_numpy(np.concatenate(passes)[: STEPS * size].reshape(STEPS, size))
