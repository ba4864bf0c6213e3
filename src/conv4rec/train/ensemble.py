"""Ensemble weights of the consume scores: chosen once, on the masked part of the validation fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from itertools import product
from math import isfinite, log

import torch
from torch import Tensor

from conv4rec.train.ensemble_scores import EnsembleScores, EnsembleWeights

NEAR = 0.02  # relative: the likelihood that may be given up for a better ranking
N_STANDARD_ERRORS = 2.0  # by which the ranking must then be better, over users

DEFAULT_WEIGHTS = EnsembleWeights(neural=0.4, ridge=0.25, slim=0.6)
"""Taken in doubt. Of 550 weights the best over seven validation parts (three each of ml-100k and
coat, one of douban-monti), among those nowhere more than 2% from the best likelihood."""
WITHOUT_RIDGE = EnsembleWeights(neural=0.4, slim=1.0)
"""The same beside SLIM alone: between what the validation parts of ten logs ask for, 0.5 of dense
ones and 0.3 or less of sparse ones (docs/ablation.md)."""
PENALTIES = (2.0, 8.0, 32.0)
NEURAL = (1.0, 0.8, 0.6, 0.4)
RIDGE = (0.0, 0.25, 0.5, 1.0)
NEURAL_BESIDE_SLIM = (0.6, 0.4, 0.2, 0.1)
RIDGE_BESIDE_SLIM = (0.0, 0.25, 0.5)
SLIM_WEIGHTS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.4, 1.8)
EDGES = {
    "penalty": (min(PENALTIES), max(PENALTIES), 4.0),
    "neural": (min(NEURAL_BESIDE_SLIM), max(NEURAL), 1.5),
    "ridge": (RIDGE[1], max(RIDGE_BESIDE_SLIM), 1.5),
    "slim": (min(SLIM_WEIGHTS), max(SLIM_WEIGHTS), 1.3),
}
"""The ends of the grid, and the factor of a step beyond them."""
FURTHEST = 7.0  # largest distance from the default weight, in logs
SCALE_STEP = 1.1


@dataclass(frozen=True)
class _Trial:
    nll: float
    weights: EnsembleWeights
    rank: Callable[[EnsembleWeights], Tensor]

    @cached_property
    def ndcg(self) -> Tensor:
        """Of each user; most weights are so unlikely that their ranking is of no interest."""
        return self.rank(self.weights)


@torch.no_grad()
def choose_ensemble_weights(scores: EnsembleScores) -> EnsembleWeights:
    """The default weights, or weights that rank better beyond doubt, of near the best likelihood.

    Weights within `NEAR` of the best likelihood of the masked interactions are compared by
    NDCG@20. The best of them replace the default if their gain, a mean over users, is more than
    `N_STANDARD_ERRORS` standard errors: on a small log the best of many is the luckiest. If the
    default, at its best scale, is not among them, the default without ridge stands in for it, or
    else the likeliest weights. All weights are then multiplied by one number, which changes no
    ranking, until the likelihood is best.

    Args:
        scores: of the components, given the observed interactions.
    """
    ridge, slim = scores.of_ridge is not None, scores.slim is not None

    def ndcg(weights: EnsembleWeights) -> Tensor:
        return scores.cells.ndcg(scores.weighted(weights))

    def tried(weights: EnsembleWeights) -> _Trial:
        return _Trial(scores.cells.nll(scores.weighted(weights)), weights, ndcg)

    defaults = [w for w in (DEFAULT_WEIGHTS, WITHOUT_RIDGE) if slim and (ridge or not w.ridge)]
    # Scores that are too sure of themselves may be as likely as others once they are scaled.
    in_doubt = [_best_scale(weights, tried) for weights in defaults]
    trials = [tried(w) for w in _grid(ridge, slim)]
    best = _best(trials, in_doubt)
    while further := _beyond(best, {trial.weights for trial in trials}):
        trials += [tried(weights) for weights in sorted(further, key=astuple)]
        best = _best(trials, in_doubt)
    return _best_scale(best, tried).weights


def weights_in_doubt(ridge: bool, slim: bool) -> EnsembleWeights:
    """The weights where no validation part says which: of the components that there are."""
    if slim:
        return DEFAULT_WEIGHTS if ridge else WITHOUT_RIDGE
    return EnsembleWeights()


def _grid(ridge: bool, slim: bool) -> list[EnsembleWeights]:
    """The weights to try; those without ridge have the default penalty."""
    both = [(neural, r, 0.0) for neural in NEURAL for r in RIDGE]
    if slim:
        all_three = product(NEURAL_BESIDE_SLIM, RIDGE_BESIDE_SLIM, SLIM_WEIGHTS)
        both += list(all_three)
    return [
        EnsembleWeights(*weights, penalty=penalty)
        for weights in both
        for penalty in (PENALTIES if weights[1] and not weights[2] else (DEFAULT_WEIGHTS.penalty,))
        if ridge or not weights[1]
    ]


def _beyond(best: EnsembleWeights, tried: set[EnsembleWeights]) -> set[EnsembleWeights]:
    """Weights a step past the edge of the grid, where the best so far lies on it or beyond.

    A search whose answer lies on its edge has not ended.
    """
    if (best.neural > 0) + (best.ridge > 0) + (best.slim > 0) < 2:
        return set()  # one component alone is only scaled
    further: set[EnsembleWeights] = set()
    for name, (low, high, step) in EDGES.items():
        here, default = getattr(best, name), getattr(DEFAULT_WEIGHTS, name)
        if not here or (name == "penalty" and not best.ridge):
            continue
        past = [here * step] * (here >= high) + [here / step] * (here <= low)
        further |= {replace(best, **{name: to}) for to in past if abs(log(to / default)) < FURTHEST}
    return further - tried


def _best(trials: list[_Trial], in_doubt: list[_Trial]) -> EnsembleWeights:
    finite = [trial for trial in trials if isfinite(trial.nll)]
    if not finite:
        return trials[0].weights
    likeliest = min(finite, key=lambda trial: trial.nll)
    most = (1 + NEAR) * likeliest.nll
    near = [trial for trial in finite if trial.nll <= most]
    default = next((trial for trial in in_doubt if trial.nll <= most), likeliest)
    best = max(near, key=lambda trial: float(trial.ndcg.mean()))
    gain = best.ndcg - default.ndcg
    standard_error = float(gain.std(correction=0)) / len(gain) ** 0.5
    return (best if float(gain.mean()) > N_STANDARD_ERRORS * standard_error else default).weights


def _best_scale(weights: EnsembleWeights, tried: Callable[[EnsembleWeights], _Trial]) -> _Trial:
    """The likeliest multiple, in steps of `SCALE_STEP`: the loss is convex, with one minimum."""
    found = tried(weights)
    for by in (SCALE_STEP, 1 / SCALE_STEP):
        while (next_ := tried(found.weights.scaled(by))).nll < found.nll:
            found = next_
    return found
