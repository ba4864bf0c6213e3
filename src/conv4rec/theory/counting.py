"""The parameter-count bound on the gap between expected and training loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from conv4rec.theory.confidence import log_inverse
from conv4rec.theory.covers import parameter_cover
from conv4rec.theory.network import NetworkNorms


@dataclass(frozen=True)
class ParameterCountBound:
    """Every term of the parameter-count bound, in nats of loss unless said otherwise."""

    n: int
    """Users in setting A, target interactions in setting B."""
    confidence: float
    loss_range: float
    """B, the largest loss."""
    resolution: float
    """ε, the error in the loss at which the network class is covered."""
    log_cover: float
    """Σ W_l log(1 + 2 L g_l β_l / ε): log of the covering number."""
    layer_log_covers: tuple[tuple[str, float], ...]
    """Its terms, per layer."""
    union_cost: float
    """Cost of the union bound for measured norms, in nats added to log(1/δ)."""
    log_failure: float
    """log(1/δ)."""
    trivial: float
    """log M, the loss of the uniform distribution: a larger bound is vacuous."""

    @property
    def discretisation(self) -> float:
        """2ε: the cover's error in the training loss and in the expected loss."""
        return 2 * self.resolution

    @property
    def deviation(self) -> float:
        """B sqrt((log cover + union cost + log(1/δ)) / 2n): Hoeffding over the cover."""
        nats = self.log_cover + self.union_cost + self.log_failure
        return self.loss_range * math.sqrt(nats / (2 * self.n))

    @property
    def value(self) -> float:
        """Bound on expected loss minus training loss."""
        return self.discretisation + self.deviation

    @property
    def vacuous(self) -> bool:
        """Whether the bound is no smaller than the loss of the uniform distribution."""
        return self.value >= self.trivial


def parameter_count_bound(
    norms: NetworkNorms, n: int, confidence: float = 0.95, *, shared: bool = True
) -> ParameterCountBound:
    """Bound expected minus training cross-entropy by the number of weights (statement 3).

    With probability at least `confidence`, for all networks within the norms at once,

        gap <= 2ε + B sqrt( (Σ_l W_l log(1 + 2 L g_l β_l / ε) + log(1/δ)) / (2n) ),

    where g_l is how fast the loss can move with layer l (`Chain.sensitivities`; √2 Λ / s_l or
    less), β_l its distance from initialisation, W_l its free numbers and L the number of
    layers. ε is the best power of 2, chosen from the norms and n alone. At ε = 2/n and
    g_l = 2Λ/s_l this is the textbook form with 4/n and log(1 + 2 n L Λ β_l / s_l).

    Assumes: (A) users i.i.d., loss of a user = mean over the target half, n users; or
    (B) users and input halves fixed, n independent targets, where the expected loss averages
    over the same users. Targets are never part of the input.

    Guarantees: for every network within these norms, whatever the training algorithm, the
    expected loss exceeds the training loss by at most `value`. Does not cover: targets drawn
    without replacement (as real ratings are), and norms measured without `on_grid`.

    Args:
        norms: Of the trained network; rounded up to a grid here unless they are `fixed`.
        n: Users (A) or target interactions (B) trained on.
        confidence: 1 - δ.
        shared: Count a kernel shared by n items once; if not, n times.

    Reference:
        In the manner of Long and Sedghi, ICLR 2020 (weights counted, their distance from the
        initialisation, no number of pixels) and of Graf, Zeng, Rieck, Niethammer and Kwitt, NeurIPS
        2022 (a shared kernel by its own norms). The statement is derived here: a union bound
        (Hoeffding) over the cover that `covers` counts, with the constants of `loss`.

    >>> from conv4rec.theory.layers import Chain, Layer
    >>> layer = Layer.from_matrices("decoder", np.eye(3), np.zeros((3, 3)))
    >>> bound = parameter_count_bound(NetworkNorms((Chain((layer,), 1.0),), 3), n=100_000)
    >>> round(bound.value, 3), bound.vacuous
    (0.065, False)
    """
    log_failure = log_inverse(n, confidence)
    norms = norms.on_grid() if shared else norms.on_grid().unshared()
    scales = _scales(norms)
    resolutions = norms.loss_range * 2.0 ** -np.arange(1, 40)
    candidates = [
        ParameterCountBound(
            n, confidence, norms.loss_range, float(resolution), sum(c for _, c in covers), covers,
            norms.union_cost, log_failure, math.log(norms.n_outputs),
        )
        for resolution in resolutions
        for covers in [_covers(scales, resolution)]
    ]  # fmt: skip
    return min(candidates, key=lambda bound: bound.value)


def _scales(norms: NetworkNorms) -> list[tuple[str, int, float]]:
    """Per layer: name, W, and L g β, the largest change of the loss times the layers."""
    n_layers = len(norms.layers)
    return [
        (layer.name, layer.n_parameters, n_layers * steepness * layer.frobenius_distance)
        for chain in norms.chains
        for layer, steepness in zip(chain.layers, chain.sensitivities(), strict=True)
    ]


def _covers(
    scales: list[tuple[str, int, float]], resolution: float
) -> tuple[tuple[str, float], ...]:
    return tuple((name, parameter_cover(count, size, resolution)) for name, count, size in scales)
