"""Covering numbers of classes of networks, as natural logarithms, with proofs.

Each holds with the stated constant.
"""

from __future__ import annotations

import math

from conv4rec.errors import SettingError


def parameter_cover(n_parameters: int, radius: float, resolution: float) -> float:
    """Log covering number of a ball of weights: W log(1 + 2β/ε).

    Every point of a Euclidean ball of radius β (or of any subset: the points can be chosen in
    it) in W dimensions is within ε of one of them, by comparing volumes. A kernel shared by n
    items is one small ball: ||I_n ⊗ (K - K')|| = ||K - K'|| <= ||K - K'||_F.

    >>> round(parameter_cover(1, 1.0, 0.5), 4)  # [-1, 1] in steps of 0.5
    1.6094
    """
    if resolution <= 0:
        raise SettingError(f"resolution must be positive, got {resolution}")
    return n_parameters * math.log1p(2 * radius / resolution)


def group_cover(shape: tuple[int, int]) -> float:
    """The number q with log N(ε) <= q (a b / ε)², over a sample: q = log(2 d m).

    For {X Aᵀ : (2,1) norm of A <= a}, ||X||_F <= b, with m outputs and d inputs. The error ε is
    in the Frobenius norm over the whole sample.

    Why: X Aᵀ is a b times a convex combination of 2 d m matrices of norm 1 (a signed, scaled
    column of X put in one column). Draw k of them at random, average, and shrink the average
    by k / (k + 1): the expected squared error is at most (a b)² / (k + 1). So k points with
    k + 1 >= (a b / ε)² suffice, which needs no rounding up: k <= (a b / ε)².

    The same kernel at n items: stack the items as rows of X. Norm and size of X are unchanged
    and A is the small kernel, so sharing costs nothing.

    Reference:
        Maurey's lemma, used for this by Bartlett, Foster and Telgarsky, NeurIPS 2017 (with a
        rounding, which the shrinking removes). Proved above.

    >>> round(group_cover((3, 2)), 4)
    2.4849
    """
    return math.log(2 * shape[0] * shape[1])


def entry_cover(n_points: int) -> float:
    """The number q with log N(ε) <= q (a b / ε)², for an error of ε in every output.

    For {x -> A x : ||A||_F <= a}, at n_points = samples x outputs, inputs of norm at most b:
    q = 4 log(2 n_points) + log 2. The norm is Frobenius where `group_cover` has (2,1), and
    the number of outputs enters by its logarithm only.

    Why (dual Sudakov): let g be a standard Gaussian matrix and t² = 2 b² log(2 n_points);
    with probability at least 1/2 all |<g, x_i ⊗ e_o>| <= t. If A_1..A_k are more than ε apart
    the sets λA_i + {all outputs <= t}, λ = 2t/ε, are disjoint, and each has Gaussian measure
    at least exp(-λ²a²/2) / 2. So log k <= log 2 + 2 t² a² / ε², and one point does if ε >= ab.

    Reference:
        In place of the covers in the largest-entry norm (Zhang, JMLR 2002) that Ledent et al.,
        AAAI 2021, use. Proved above.

    >>> round(entry_cover(500), 2)
    28.32
    """
    if n_points < 1:
        raise SettingError(f"n_points must be at least 1, got {n_points}")
    return 4 * math.log(2 * n_points) + math.log(2)
