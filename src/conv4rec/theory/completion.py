"""The matrix-completion bound: by the trace norm, for any distribution of ratings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.theory.confidence import log_inverse
from conv4rec.theory.grid import next_on_grid


@dataclass(frozen=True)
class TraceNormBound:
    """Every term of the trace-norm bound, in units of the loss unless said otherwise."""

    n: int
    """Number of ratings."""
    confidence: float
    trace_norm: float
    """The value used: rounded up if it was measured after training."""
    lipschitz: float
    """Lipschitz constant of the loss in the prediction."""
    loss_range: float
    frequent: float
    """Part of the Rademacher complexity from cells that occur often, in units of predictions."""
    rare: float
    """Part of the Rademacher complexity from the other cells: trace norm x spectral norm."""
    union_cost: float
    """Cost of the union bound for a measured trace norm, in nats added to log(1/δ)."""
    log_failure: float
    """log(1/δ)."""

    @property
    def rademacher(self) -> float:
        """Empirical Rademacher complexity of the predictions."""
        return self.frequent + self.rare

    @property
    def deviation(self) -> float:
        """3B sqrt((log 2 + union cost + log(1/δ)) / 2n), as the complexity is empirical."""
        nats = math.log(2) + self.union_cost + self.log_failure
        return 3 * self.loss_range * math.sqrt(nats / (2 * self.n))

    @property
    def value(self) -> float:
        """Bound on expected loss minus training loss."""
        return 2 * self.lipschitz * self.rademacher + self.deviation

    @property
    def trivial(self) -> float:
        """The loss range: no two losses differ by more."""
        return self.loss_range

    @property
    def vacuous(self) -> bool:
        """Whether the bound is no smaller than the range of the loss."""
        return self.value >= self.trivial


def trace_norm_bound(
    rows: np.ndarray,
    columns: np.ndarray,
    shape: tuple[int, int],
    *,
    trace_norm: float,
    prediction_bound: float,
    lipschitz: float,
    loss_range: float,
    confidence: float = 0.95,
    fixed: bool = False,
) -> TraceNormBound:
    """Bound expected minus training loss of a matrix of predictions (statement 5).

    For all matrices Z with trace norm <= t and entries at most b in size, at once,

        gap <= 2 Lip R + 3B sqrt(log(2/δ) / (2n)),
        R <= b Σ_{cells seen > p times} √count / n  +  t sqrt(2 v log(m + n_items)) / n,

    for the best p, with v the most ratings that a user or an item has in the other cells. The
    second term is t/n times a bound on the spectral norm of those ratings' random signs.

    Assumes: ratings are i.i.d. draws of (user, item, rating) from any distribution; popular
    items and active users may have any share. Guarantees: the expected loss on new draws from
    the same distribution is at most the training loss plus `value`. Does not cover: uniformly
    exposed items, and ratings drawn without replacement, as real ratings are.

    Args:
        rows: User number of each rating.
        columns: Item number of each rating.
        shape: Users, items.
        trace_norm: Sum of singular values of the predictions (centred as trained).
        prediction_bound: b, bound on the size of entries: clip the predictions to have one.
        lipschitz: Lipschitz constant of the loss: 2 x the range for squared error.
        loss_range: B, largest loss.
        confidence: 1 - δ.
        fixed: Whether the trace norm is a limit that was set before training.

    Raises:
        SettingError: There are no ratings, the arrays are not parallel, or a number is outside
            `shape`.

    Reference:
        Shamir and Shalev-Shwartz, COLT 2011 (JMLR 2014), with the split of frequent and
        rare cells; Tropp, "An Introduction to Matrix Concentration Inequalities", 2015, for the
        mean spectral norm of a matrix of random signs, in place of an unnamed constant.

    >>> grid = np.indices((50, 50)).reshape(2, -1)
    >>> bound = trace_norm_bound(*grid, (50, 50), trace_norm=50.0, prediction_bound=1.0,
    ...     lipschitz=1.0, loss_range=2.0, fixed=True)
    >>> round(bound.rademacher, 2), round(bound.value, 2), bound.vacuous
    (0.43, 1.02, False)
    """
    counts = _cell_counts(rows, columns, shape)
    n = int(counts[2].sum())
    log_failure = log_inverse(n, confidence)
    if min(trace_norm, prediction_bound, lipschitz, loss_range) < 0:
        raise SettingError("norms, bounds and constants must not be negative")
    union_cost = 0.0
    if not fixed:
        trace_norm, union_cost = next_on_grid(trace_norm)
    limits = np.unique(np.concatenate([[0], counts[2]]))
    splits = [_split(counts, shape, int(p), trace_norm, prediction_bound) for p in limits]
    frequent, rare = min(splits, key=sum)
    return TraceNormBound(
        n, confidence, trace_norm, lipschitz, loss_range, frequent / n, rare / n, union_cost,
        log_failure,
    )  # fmt: skip


def _cell_counts(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and count of every cell that occurs."""
    rows, columns = np.asarray(rows), np.asarray(columns)
    if rows.shape != columns.shape or rows.ndim != 1 or len(rows) == 0:
        raise SettingError("rows and columns must be parallel arrays with at least one rating")
    if min(rows.min(), columns.min()) < 0 or rows.max() >= shape[0] or columns.max() >= shape[1]:
        raise SettingError(f"a row or column number is outside the matrix of shape {shape}")
    cells, counts = np.unique(rows.astype(np.int64) * shape[1] + columns, return_counts=True)
    return cells // shape[1], cells % shape[1], counts


def _split(
    counts: tuple[np.ndarray, np.ndarray, np.ndarray], shape: tuple[int, int], limit: int,
    trace_norm: float, prediction_bound: float,
) -> tuple[float, float]:  # fmt: skip
    """The two parts of the complexity, times n, if cells above `limit` count as frequent."""
    rows, columns, times = counts
    often = times > limit
    frequent = prediction_bound * float(np.sqrt(times[often]).sum())
    weights = times * ~often
    variance = max(np.bincount(rows, weights).max(), np.bincount(columns, weights).max())
    return frequent, trace_norm * math.sqrt(2 * float(variance) * math.log(sum(shape)))
