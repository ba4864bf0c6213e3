import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.errors import SettingError
from conv4rec.theory.norms import entropy_rank, schatten_norm, stable_rank
from conv4rec.theory.ranks import balanced_factors, factorisation_cost, spectrum, trace_norm_limit

seeds = st.integers(0, 2**32 - 1)


def low_rank(seed, rank=2, shape=(5, 4)):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(shape[0], rank)) @ rng.normal(size=(rank, shape[1]))


@given(seed=seeds, depth=st.integers(1, 6), rank=st.integers(1, 4))
def test_balanced_factors_attain_the_cost_and_multiply_to_the_matrix(seed, depth, rank):
    weights = low_rank(seed, rank)
    factors = balanced_factors(weights, depth)
    product = factors[0] if depth == 1 else np.linalg.multi_dot(factors)
    np.testing.assert_allclose(product, weights, atol=1e-9)
    sizes = [(factor**2).sum() for factor in factors]
    np.testing.assert_allclose(sizes, sizes[0])
    assert sum(sizes) == pytest.approx(factorisation_cost(weights, depth))
    assert len(factors) == depth


@given(seed=seeds, depth=st.integers(1, 5))
def test_the_cost_is_depth_times_a_schatten_power(seed, depth):
    weights, p = low_rank(seed), 2 / depth
    power = schatten_norm(weights, p) ** p
    assert factorisation_cost(weights, depth) == pytest.approx(depth * power)


@given(seed=seeds, depth=st.integers(2, 4))
def test_no_other_factorisation_is_cheaper(seed, depth):
    """Insert random invertible matrices between the balanced factors: all factorisations."""
    rng = np.random.default_rng(seed)
    weights = low_rank(seed)
    least = factorisation_cost(weights, depth)
    factors = balanced_factors(weights, depth)
    for _ in range(20):
        moved = list(factors)
        for k in range(depth - 1):
            between = np.eye(2) + rng.choice([0.01, 0.5]) * rng.normal(size=(2, 2))
            moved[k] = moved[k] @ between
            moved[k + 1] = np.linalg.solve(between, moved[k + 1])
        assert sum((factor**2).sum() for factor in moved) >= least * (1 - 1e-6)


def test_gradient_descent_on_the_factors_finds_no_cheaper_factorisation_and_nearly_that_one():
    """Three factors, wider than needed, trained to fit with a little weight decay."""
    rng = np.random.default_rng(0)
    weights = low_rank(1) / 2
    factors = [0.6 * rng.normal(size=shape) for shape in [(5, 5), (5, 5), (5, 4)]]
    decay = 0.02
    for _ in range(6_000):
        a, b, c = factors
        error = a @ b @ c - weights
        slopes = [error @ (b @ c).T, a.T @ error @ c.T, (a @ b).T @ error]
        factors = [f - 0.05 * (s + decay * f) for f, s in zip(factors, slopes, strict=True)]
    reached = np.linalg.multi_dot(factors)
    assert np.linalg.norm(reached - weights) < 0.2 * np.linalg.norm(weights)
    cost = sum((factor**2).sum() for factor in factors)
    least = factorisation_cost(reached, 3)
    assert least * (1 - 1e-9) <= cost < 1.02 * least


@given(seed=seeds, depth=st.integers(2, 6))
def test_the_trace_norm_is_at_most_what_the_sum_of_squares_allows(seed, depth):
    weights = low_rank(seed)
    limit = trace_norm_limit(factorisation_cost(weights, depth), depth)
    nuclear = np.linalg.norm(weights, "nuc")
    assert nuclear <= limit * (1 + 1e-9)
    if depth == 2:
        assert nuclear == pytest.approx(limit)


def test_depth_prefers_the_lower_rank_of_two_matrices_of_equal_frobenius_norm():
    flat, peaked = np.diag([1.0, 1.0]), np.diag([2**0.5, 0.0])
    assert factorisation_cost(flat, 1) == pytest.approx(factorisation_cost(peaked, 1))
    ratios = [factorisation_cost(flat, d) / factorisation_cost(peaked, d) for d in (2, 3, 4)]
    assert ratios == sorted(ratios)
    assert ratios[0] == pytest.approx(2**0.5)


@given(seed=seeds)
def test_the_spectrum_of_a_product_is_that_of_the_formed_matrix(seed):
    rng = np.random.default_rng(seed)
    factors = [rng.normal(size=shape) for shape in [(9, 3), (3, 4), (4, 7)]]
    product = np.linalg.multi_dot(factors)
    found = spectrum(*factors)
    np.testing.assert_allclose(found.values[:3], np.linalg.svd(product)[1][:3], rtol=1e-9)
    assert found.rank == np.linalg.matrix_rank(product) == 3
    assert found.stable_rank == pytest.approx(stable_rank(product))
    assert found.entropy_rank == pytest.approx(entropy_rank(product), rel=1e-6)
    assert found.values.sum() == pytest.approx(np.linalg.norm(product, "nuc"))


def test_a_map_between_all_items_is_never_formed():
    """100,000 x 100,000 would take 80 GB; its spectrum takes a moment."""
    encoder = np.zeros((2, 100_000))
    encoder[0, :50_000], encoder[1, 50_000:] = 2.0, 1.0
    values = spectrum(encoder.T, encoder).values
    np.testing.assert_allclose(values, [200_000.0, 50_000.0])


def test_the_zero_matrix_has_rank_zero_and_invalid_arguments_are_refused():
    assert spectrum(np.zeros((3, 2))).rank == 0
    assert factorisation_cost(np.zeros((3, 2)), 3) == 0
    assert [factor.shape for factor in balanced_factors(np.zeros((3, 2)), 2)] == [(3, 1), (1, 2)]
    with pytest.raises(SettingError, match="multiply"):
        spectrum(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(SettingError, match="depth"):
        factorisation_cost(np.ones((2, 2)), 0)
    with pytest.raises(SettingError, match="depth"):
        trace_norm_limit(1.0, 1)
    with pytest.raises(SettingError, match="at least one"):
        spectrum()
