import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.errors import SettingError
from conv4rec.theory.completion import trace_norm_bound
from conv4rec.theory.ranks import trace_norm_limit
from conv4rec.theory.recovery import log_log_slope

SHAPE = (8, 6)
CONSTANTS: dict[str, Any] = {"prediction_bound": 2.0, "lipschitz": 8.0, "loss_range": 16.0}


def distribution(skew, rng):
    """Which cell is rated: uniform at skew 0, a few cells nearly always at skew 3."""
    weights = np.exp(skew * rng.normal(size=SHAPE))
    return weights / weights.sum()


def bound_of(cells, trace_norm=5.0, **settings):
    rows, columns = np.unravel_index(cells, SHAPE)
    settings = {"trace_norm": trace_norm, **CONSTANTS, **settings}
    return trace_norm_bound(rows, columns, SHAPE, **settings)


@pytest.mark.parametrize("skew", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("n", [10, 40, 400])
def test_the_bound_is_at_least_the_gap_of_fitted_matrices(n, skew):
    """Squared error of clipped factorisations, fitted to their ratings by gradient descent."""
    rng = np.random.default_rng(n)
    gaps = []
    for _ in range(25):
        p = distribution(skew, rng)
        truth = np.sign(rng.normal(size=SHAPE))
        cells = rng.choice(p.size, size=n, p=p.ravel())
        noise = rng.choice([-1.0, 1.0], size=n)
        sums = np.bincount(cells, (truth.ravel()[cells] + noise), p.size).reshape(SHAPE)
        counts = np.bincount(cells, minlength=p.size).reshape(SHAPE)
        left, right = rng.normal(size=(SHAPE[0], 4)), rng.normal(size=(4, SHAPE[1]))
        for _ in range(600):
            slope = (counts * (left @ right) - sums) / n
            left, right = left - 0.1 * slope @ right.T, right - 0.1 * left.T @ slope
        fitted = left @ right
        clipped = fitted.clip(-2, 2)
        training = ((clipped.ravel()[cells] - truth.ravel()[cells] - noise) ** 2).mean()
        expected = (p * ((clipped - truth) ** 2 + 1)).sum()  # noise is ±1, whatever the cell
        assert ((clipped - truth) ** 2).max() <= 16
        gaps.append(expected - training)
        assert bound_of(cells, float(np.linalg.norm(fitted, "nuc"))).value >= gaps[-1]
    assert np.mean(gaps) > 0


@pytest.mark.parametrize("skew", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("n", [20, 200, 2000])
def test_the_complexity_is_at_least_that_of_the_class_and_not_ten_times_it(n, skew):
    """sup over the trace-norm ball of Σ σ Z / n is t/n times a spectral norm: simulated."""
    rng = np.random.default_rng(n)
    cells = rng.choice(48, size=n, p=distribution(skew, rng).ravel())
    signs = rng.choice([-1.0, 1.0], size=(300, n))
    tables = np.zeros((300, 48))
    np.add.at(tables.T, cells, signs.T)
    spectral = np.linalg.norm(tables.reshape(300, *SHAPE), 2, axis=(1, 2))
    class_alone = 5.0 * spectral.mean() / n
    no_limit = bound_of(cells, prediction_bound=1e9, fixed=True)
    assert class_alone <= no_limit.rademacher <= 10 * class_alone
    assert no_limit.frequent == 0
    # entries at most 2 besides: never more than the sum of all entries at their limit
    limited = bound_of(cells, prediction_bound=2.0, trace_norm=1e9, fixed=True)
    assert limited.rare == 0
    assert np.abs(tables).sum(1).mean() * 2.0 / n <= limited.rademacher


def test_frequent_cells_are_split_off_when_that_pays():
    """One cell seen 10,000 times: its signs mostly cancel, which a trace norm alone cannot see."""
    cells = np.concatenate([np.zeros(10_000, dtype=int), np.arange(48)])
    split = bound_of(cells, trace_norm=5.0, fixed=True)
    alone = bound_of(cells, trace_norm=5.0, prediction_bound=1e9, fixed=True)
    assert split.frequent > 0
    assert split.rare > 0
    assert split.rademacher < 0.5 * alone.rademacher


def test_four_times_the_ratings_halve_the_bound():
    p = distribution(1.0, np.random.default_rng(0)).ravel()
    sizes = 4 ** np.arange(4, 9)
    cells = [np.repeat(np.arange(48), np.ceil(p * n).astype(int)) for n in sizes]
    for fixed in (True, False):
        values = np.array([bound_of(each, fixed=fixed).value for each in cells])
        lengths = np.array([len(each) for each in cells], dtype=float)
        assert log_log_slope(lengths, values).slope == pytest.approx(-0.5, abs=0.02)


@given(
    name=st.sampled_from(["trace_norm", "prediction_bound", "lipschitz", "loss_range"]),
    factor=st.floats(1, 20),
    fixed=st.booleans(),
)
def test_the_bound_never_falls_when_a_norm_or_constant_grows(name, factor, fixed):
    cells = np.random.default_rng(0).integers(48, size=100)
    before = {"trace_norm": 5.0, **CONSTANTS}
    after = {**before, name: before[name] * factor}
    values = [bound_of(cells, fixed=fixed, **each).value for each in (before, after)]
    assert values[1] >= values[0] * (1 - 1e-12)
    if factor > 1.1 and name != "prediction_bound":
        assert values[1] > values[0]


def test_weight_decay_on_a_deep_product_bounds_it_through_its_trace_norm():
    rng = np.random.default_rng(1)
    factors = [rng.normal(size=(8, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3, 6))]
    decay = sum((factor**2).sum() for factor in factors)
    product = np.linalg.multi_dot(factors)
    assert np.linalg.norm(product, "nuc") <= trace_norm_limit(decay, 3)


def test_the_value_is_the_sum_of_its_terms():
    bound = bound_of(np.arange(48), confidence=0.9)
    nats = math.log(2 / 0.1) + bound.union_cost
    assert bound.deviation == pytest.approx(3 * 16 * math.sqrt(nats / 96))
    assert bound.value == 2 * 8 * (bound.frequent + bound.rare) + bound.deviation
    assert bound.vacuous
    assert not replace(bound, n=10**9, rare=0.0, frequent=0.0).vacuous


def test_ratings_outside_the_matrix_are_refused():
    with pytest.raises(SettingError, match="outside"):
        trace_norm_bound(np.array([9]), np.array([0]), SHAPE, trace_norm=1.0, **CONSTANTS)
    with pytest.raises(SettingError, match="parallel"):
        trace_norm_bound(np.array([1, 2]), np.array([0]), SHAPE, trace_norm=1.0, **CONSTANTS)
    with pytest.raises(SettingError, match="negative"):
        bound_of(np.arange(3), trace_norm=-1.0)
