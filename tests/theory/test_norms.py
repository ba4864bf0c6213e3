import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.errors import SettingError
from conv4rec.theory.layers import Layer
from conv4rec.theory.norms import (
    entropy_rank,
    group_norm,
    row_norm,
    schatten_norm,
    spectral_norm,
    stable_rank,
)

shapes = st.tuples(st.integers(1, 4), st.integers(1, 4))
seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, shape=shapes, n_items=st.integers(1, 6))
def test_an_unshared_layer_is_the_layer_of_the_formed_product(seed, shape, n_items):
    weights, initial = np.random.default_rng(seed).normal(size=(2, *shape))
    found = Layer.from_matrices("kernel", weights, initial, n_items).unshared()
    eye = np.eye(n_items)
    formed = Layer.from_matrices("kernel", np.kron(eye, weights), np.kron(eye, initial))
    for name in ("spectral_norm", "row_norm", "frobenius_distance", "group_distance"):
        assert getattr(found, name) == pytest.approx(getattr(formed, name), rel=1e-13), name
    assert found.shape == formed.shape
    assert found.n_parameters == n_items * weights.size  # the zeros between blocks are granted


@given(seed=seeds, shape=shapes)
def test_each_norm_is_its_definition(seed, shape):
    weights = np.random.default_rng(seed).normal(size=shape)
    rows = [math.sqrt(sum(x * x for x in row)) for row in weights]
    assert group_norm(weights) == pytest.approx(sum(rows))
    assert row_norm(weights) == pytest.approx(max(rows))
    inputs = np.random.default_rng(seed + 1).normal(size=(shape[1], 50))
    stretch = np.linalg.norm(weights @ inputs, axis=0) / np.linalg.norm(inputs, axis=0)
    assert stretch.max() <= spectral_norm(weights) * (1 + 1e-12)
    eigenvalues = np.linalg.eigvalsh(weights @ weights.T)
    assert spectral_norm(weights) == pytest.approx(math.sqrt(max(eigenvalues.max(), 0)), rel=1e-6)
    assert schatten_norm(weights, 2) == pytest.approx(np.linalg.norm(weights))
    assert schatten_norm(weights, 1) == pytest.approx(np.linalg.norm(weights, "nuc"))


@given(seed=seeds, n=st.integers(1, 6), scale=st.floats(0.01, 100))
def test_ranks_count_equal_directions_exactly(seed, n, scale):
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.normal(size=(8, n)))[0] for _ in range(2))
    weights = scale * left @ right.T
    assert stable_rank(weights) == pytest.approx(n)
    assert entropy_rank(weights) == pytest.approx(n)


@given(seed=seeds, shape=shapes)
def test_stable_and_entropy_rank_lie_between_one_and_the_rank(seed, shape):
    weights = np.random.default_rng(seed).standard_cauchy(size=shape)
    for rank in (stable_rank(weights), entropy_rank(weights)):
        assert 1 - 1e-12 <= rank <= min(shape) + 1e-9


def test_the_entropy_rank_of_two_to_one_is_known():
    shares = np.array([2 / 3, 1 / 3])
    expected = math.exp(-(shares * np.log(shares)).sum())
    assert entropy_rank(np.diag([2.0, 1.0])) == pytest.approx(expected)
    assert stable_rank(np.diag([2.0, 1.0])) == pytest.approx(1.25)


def test_the_zero_matrix_has_rank_zero_and_nan_is_refused():
    zero = np.zeros((2, 3))
    assert stable_rank(zero) == entropy_rank(zero) == schatten_norm(zero, 0.5) == 0
    with pytest.raises(SettingError, match="NaN"):
        spectral_norm(np.array([[np.nan]]))
    with pytest.raises(SettingError, match="shape"):
        spectral_norm(np.zeros(3))
    with pytest.raises(SettingError, match="positive"):
        schatten_norm(zero, 0)
