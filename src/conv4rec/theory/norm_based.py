"""The norm-based bound on the gap between expected and training loss, for any width."""

from __future__ import annotations

import math
from dataclasses import dataclass

from conv4rec.theory.confidence import log_inverse
from conv4rec.theory.covers import entry_cover, group_cover
from conv4rec.theory.layers import Chain
from conv4rec.theory.loss import LIPSCHITZ_MAX
from conv4rec.theory.network import NetworkNorms


@dataclass(frozen=True)
class NormBound:
    """Every term of the norm-based bound, in nats of loss unless said otherwise."""

    n: int
    """Users in setting A, target interactions in setting B."""
    confidence: float
    loss_range: float
    """B, the largest loss."""
    layer_terms: tuple[tuple[str, float], ...]
    """Per layer g_l b_l B_l sqrt(q_l), the layer's term of the capacity."""
    union_cost: float
    """Cost of the union bound for measured norms, in nats added to log(1/δ)."""
    log_failure: float
    """log(1/δ)."""
    trivial: float
    """log M, the loss of the uniform distribution: a larger bound is vacuous."""

    @property
    def capacity(self) -> float:
        """C = (Σ terms^(2/3))^(3/2): the log covering number at error ε is at most (C/ε)²."""
        return sum(term ** (2 / 3) for _, term in self.layer_terms) ** 1.5

    @property
    def rademacher(self) -> float:
        """Rademacher complexity by Dudley's integral: 4r (1 + log(B / 2r)), r = 3C/√n."""
        return dudley(self.capacity, self.n, self.loss_range)

    @property
    def deviation(self) -> float:
        """B sqrt((union cost + log(1/δ)) / 2n)."""
        return self.loss_range * math.sqrt((self.union_cost + self.log_failure) / (2 * self.n))

    @property
    def value(self) -> float:
        """Bound on expected loss minus training loss."""
        return 2 * self.rademacher + self.deviation

    @property
    def vacuous(self) -> bool:
        """Whether the bound is no smaller than the loss of the uniform distribution."""
        return self.value >= self.trivial


def norm_bound(
    norms: NetworkNorms, n: int, confidence: float = 0.95, *, shared: bool = True
) -> NormBound:
    """Bound expected minus training cross-entropy by the norms alone (statement 4).

    With probability at least `confidence`, for all networks within the norms at once,

        gap <= 2 R + B sqrt(log(1/δ) / (2n)),   R = 4r (1 + log(B / 2r)),   r = 3C / √n,
        C = (Σ_l (g_l B_l b_l √q_l)^(2/3))^(3/2),

    where B_l bounds the input of layer l, g_l is how fast the loss moves with its output, b_l
    its (2,1) distance from initialisation and q_l = log(2 x inputs x outputs). In a chain's
    last layer the Frobenius distance, with q = 4 log(2 n M S) + log 2 (S softmaxes over M
    outputs each) and g = 2 (the loss is 2-Lipschitz in the largest-entry norm), replaces them
    where that is less: many outputs then cost only a logarithm. A kernel shared by n items
    enters with its own norms; counted n times, its term grows n times (√n in the last layer,
    by Frobenius).

    Assumes: as `parameter_count_bound`.

    Guarantees: as `parameter_count_bound`, without the number of weights: near initialisation
    it goes to zero for networks of any width. It is vacuous for most trained networks. Does not
    cover: targets drawn without replacement.

    Args:
        norms: Of the trained network; rounded up to a grid here unless they are `fixed`.
        n: Users (A) or target interactions (B) trained on.
        confidence: 1 - δ.
        shared: Let a shared kernel enter once; if not, n times.

    Reference:
        The statement is derived here from `covers` and `dudley`, in the manner of Bartlett,
        Foster and Telgarsky, NeurIPS 2017 (a layer at a time; no factor 2, as points are
        projected on the ball that holds what they approximate) and of Ledent, Mustafa, Lei
        and Kloft, AAAI 2021 (each filter counted once; a logarithm of the number of outputs).
        Errors ε_l of the layers add up to ε; Σ (term_l / ε_l)² is least at C² / ε².

    >>> import numpy as np
    >>> from conv4rec.theory.layers import Layer
    >>> layer = Layer.from_matrices("decoder", np.eye(3), np.zeros((3, 3)))
    >>> bound = norm_bound(NetworkNorms((Chain((layer,), 1.0),), 3), n=100_000)
    >>> round(bound.capacity, 2), round(bound.value, 2), bound.vacuous
    (7.31, 2.2, True)
    """
    log_failure = log_inverse(n, confidence)
    norms = norms.on_grid() if shared else norms.on_grid().unshared()
    n_points = n * norms.n_outputs * norms.n_softmaxes
    return NormBound(
        n,
        confidence,
        norms.loss_range,
        tuple(term for chain in norms.chains for term in _layer_terms(chain, n_points)),
        norms.union_cost,
        log_failure,
        math.log(norms.n_outputs),
    )


def dudley(capacity: float, n: int, loss_range: float) -> float:
    """Rademacher complexity of losses in [0, B] whose log covering number is (C/ε)².

    The entropy integral 4α + (12/√n) ∫_α^D C/ε dε at its best α = 3C/√n, with D = B/2 since
    subtracting a constant from all losses changes nothing; never more than D.

    Why: chaining. Cover the class at errors D, D/2, D/4, ... > α; a loss is steps from
    point to nearest point and what is left at the finest error. What is left correlates with
    signs by no more than that error; each family of steps is finite, so Massart's lemma.

    Reference:
        The refined entropy integral, as used by Bartlett, Foster and Telgarsky, NeurIPS 2017.
    """
    half, radius = loss_range / 2, 3 * capacity / math.sqrt(n)
    if radius >= half:
        return half
    return min(half, 4 * radius * (1 + math.log(half / radius))) if radius > 0 else 0.0


def _layer_terms(chain: Chain, n_points: int) -> list[tuple[str, float]]:
    """Sensitivities hold the input bound already: g_l B_l in one number."""
    terms = [
        (layer.name, steepness * layer.group_distance * math.sqrt(group_cover(layer.shape)))
        for layer, steepness in zip(chain.layers, chain.sensitivities(), strict=True)
    ]
    last = chain.layers[-1]
    reach = chain.input_norm * math.prod(layer.spectral_norm for layer in chain.layers[:-1])
    by_entry = LIPSCHITZ_MAX * reach * last.frobenius_distance * math.sqrt(entry_cover(n_points))
    terms[-1] = (last.name, min(terms[-1][1], by_entry))
    return terms
