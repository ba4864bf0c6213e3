"""Ensemble weights of the consume scores: chosen once, on the masked part of the validation fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from math import isfinite, log

import torch
from torch import Tensor

from conv4rec.model import History
from conv4rec.model.slim import SLIM
from conv4rec.model.sparse import SparsePattern

CELLS = 12_000_000  # users x items scored; of a larger log some users, evenly spaced
CUTOFF = 20  # of NDCG
NEAR = 0.02  # relative: the likelihood that may be given up for a better ranking
N_STANDARD_ERRORS = 2.0  # by which the ranking must then be better, over users


@dataclass(frozen=True)
class EnsembleWeights:
    """How the two components of the consume scores are added.

    The score of an item is `neural` x the neural component's logit + `slim` x the log of
    (`floor` + the SLIM component's similarity).
    """

    neural: float = 1.0
    slim: float = 0.0
    floor: float = 0.5
    """In units of the mean similarity over users and items."""

    def scaled(self, by: float) -> EnsembleWeights:
        """Both weights multiplied by one number, as by an inverse temperature: the same ranking."""
        return replace(self, neural=self.neural * by, slim=self.slim * by)


NEURAL_ALONE = (1.0, 0.8, 0.6, 0.4)
NEURAL_BESIDE_SLIM = (0.6, 0.4, 0.2, 0.1)
SLIM_WEIGHTS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.4, 1.8)
EDGES = {
    "neural": (min(NEURAL_BESIDE_SLIM), max(NEURAL_ALONE), 1.5),
    "slim": (min(SLIM_WEIGHTS), max(SLIM_WEIGHTS), 1.3),
}
"""The ends of the grid, and the factor of a step beyond them."""
FURTHEST = 7.0  # largest |log weight| of the search
SCALE_STEP = 1.1


@dataclass(frozen=True)
class NeuralScores:
    """The neural component at its best evaluation: enough to score the validation part."""

    users: Tensor  # users x consume_size
    items: Tensor  # items x consume_size
    bias: Tensor  # items


@dataclass(frozen=True)
class _Trial:
    nll: float
    ndcg: Tensor  # one a user
    weights: EnsembleWeights


@torch.no_grad()
def choose_ensemble_weights(
    neural: NeuralScores, slim: SLIM | None, validation: History
) -> EnsembleWeights:
    """The weights with the best validation likelihood, or some that rank significantly better.

    Weights within `NEAR` of the best likelihood of the masked interactions are compared by
    NDCG@20. The best of them replaces the likeliest if its gain, a mean over users, is more than
    `N_STANDARD_ERRORS` standard errors: on a small log the best of many is best by noise. Both
    weights are then multiplied by the number that maximises the likelihood, which changes no
    ranking.

    Args:
        neural: the neural component's scores, given what was observed.
        slim: fitted on the same observed interactions; None to do without.
        validation: all interactions; those of the validation part are masked.
    """
    rows = _scored_users(validation, len(neural.items))
    cells = _Cells.of(validation, rows, len(neural.items))
    neural_scores = neural.users[rows] @ neural.items.T + neural.bias
    log_similarity = None
    if slim is not None:
        similarity = slim.to(neural_scores.device).similarity(*_histories(validation, rows))
        log_similarity = (similarity + EnsembleWeights.floor).log()

    def trial(weights: EnsembleWeights) -> _Trial:
        logits = neural_scores * weights.neural
        if log_similarity is not None and weights.slim:
            logits += log_similarity * weights.slim
        return _Trial(*cells.measure(logits), weights)

    trials = [trial(weights) for weights in _grid(with_slim=log_similarity is not None)]
    best = _best(trials)
    while further := _beyond(best, {each.weights for each in trials}):
        trials += [trial(weights) for weights in sorted(further, key=astuple)]
        best = _best(trials)
    return _best_scale(best, trial)


def _grid(with_slim: bool) -> list[EnsembleWeights]:
    grid = [EnsembleWeights(weight) for weight in NEURAL_ALONE]
    if with_slim:
        grid += [
            EnsembleWeights(weight, slim) for weight in NEURAL_BESIDE_SLIM for slim in SLIM_WEIGHTS
        ]
    return grid


def _beyond(best: EnsembleWeights, tried: set[EnsembleWeights]) -> set[EnsembleWeights]:
    """Weights a step past the edge of the grid, if the best so far is on it or beyond."""
    if not best.slim:
        return set()  # one component alone is only scaled
    further: set[EnsembleWeights] = set()
    for name, (low, high, step) in EDGES.items():
        here = getattr(best, name)
        past = [here * step] * (here >= high) + [here / step] * (here <= low)
        further |= {replace(best, **{name: to}) for to in past if abs(log(to)) < FURTHEST}
    return further - tried


def _best(trials: list[_Trial]) -> EnsembleWeights:
    finite = [trial for trial in trials if isfinite(trial.nll)]
    if not finite:
        return trials[0].weights
    likeliest = min(finite, key=lambda trial: trial.nll)
    near = [trial for trial in finite if trial.nll <= (1 + NEAR) * likeliest.nll]
    best = max(near, key=lambda trial: float(trial.ndcg.mean()))
    gain = best.ndcg - likeliest.ndcg
    standard_error = float(gain.std(correction=0)) / len(gain) ** 0.5
    return (best if float(gain.mean()) > N_STANDARD_ERRORS * standard_error else likeliest).weights


def _best_scale(
    weights: EnsembleWeights, trial: Callable[[EnsembleWeights], _Trial]
) -> EnsembleWeights:
    """The likeliest multiple, in steps of `SCALE_STEP`: the loss is convex."""
    best = trial(weights)
    for by in (SCALE_STEP, 1 / SCALE_STEP):
        while (further := trial(best.weights.scaled(by))).nll < best.nll:
            best = further
    return best.weights


def _histories(validation: History, rows: Tensor) -> tuple[SparsePattern, Tensor]:
    """The entries of some users, and which are observed."""
    pattern = validation.pattern
    wanted = torch.zeros(pattern.shape[0], dtype=torch.bool, device=rows.device)
    wanted[rows] = True
    entries = wanted[pattern.rows]
    lengths = pattern.row_starts.diff()[rows]
    starts = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    part = SparsePattern.from_rows(starts, pattern.columns[entries], pattern.shape[1])
    return part, validation.observed[entries]


def _scored_users(validation: History, n_items: int) -> Tensor:
    """Users with a masked interaction, evenly spaced if they are too many."""
    masked = validation.pattern.row_sums((validation.observed == 0).float())
    rows = torch.nonzero(masked).squeeze(1)
    step = max(1, -(-len(rows) * n_items // CELLS))
    return rows[::step]


@dataclass(frozen=True)
class _Cells:
    """The observed and the masked interactions of some users: (place among the users, item)."""

    observed: tuple[Tensor, Tensor]
    masked: tuple[Tensor, Tensor]
    n_masked: Tensor
    gain: Tensor

    @classmethod
    def of(cls, history: History, rows: Tensor, n_items: int) -> _Cells:
        place = torch.full((history.pattern.shape[0],), -1, device=rows.device)
        place[rows] = torch.arange(len(rows), device=rows.device)
        owner, items = place[history.pattern.rows], history.pattern.columns
        observed, masked = (
            (owner >= 0) & (history.observed > 0),
            (owner >= 0) & (history.observed == 0),
        )
        counts = torch.bincount(owner[masked], minlength=len(rows))
        cut = torch.arange(2.0, min(CUTOFF, n_items) + 2.0, device=rows.device)
        return cls(
            (owner[observed], items[observed]),
            (owner[masked], items[masked]),
            counts,
            1.0 / cut.log2(),
        )

    def measure(self, logits: Tensor) -> tuple[float, Tensor]:
        """Mean -log P(masked item) over interactions, and NDCG@20 of each user."""
        logits[self.observed] = -torch.inf
        nll = torch.logsumexp(logits, 1)[self.masked[0]] - logits[self.masked]
        best = logits.topk(len(self.gain), dim=1).indices
        gains = (best[self.masked[0]] == self.masked[1][:, None]).float() @ self.gain
        dcg = torch.zeros(len(logits), device=logits.device).index_add(0, self.masked[0], gains)
        ideal = self.gain.cumsum(0)[self.n_masked.clamp(max=len(self.gain)) - 1]
        return float(nll.mean()), dcg / ideal
