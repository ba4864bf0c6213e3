import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from conv4rec.data.synthetic import low_rank_world
from conv4rec.errors import SettingError
from conv4rec.theory.pinsker import total_variation_from_excess
from conv4rec.theory.recovery import (
    log_log_slope,
    popularity_by_histogram,
    smoothed_frequencies,
    total_variation,
)

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, block_size=st.integers(1, 9))
def test_total_variation_is_the_largest_difference_over_events_whatever_the_blocks(
    seed, block_size
):
    rng = np.random.default_rng(seed)
    truth, model = rng.dirichlet(np.full(6, 0.3), size=(2, 7))
    distances = total_variation(truth.reshape(7, 2, 3), lambda u: model[u], 7, block_size)
    events = (np.arange(64)[:, None] >> np.arange(6)) & 1
    expected = ((truth - model) @ events.T).max(axis=1)
    np.testing.assert_allclose(distances, expected)


def test_total_variation_of_equal_and_of_disjoint_distributions():
    one, other = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert total_variation(one, one, 1) == 0
    assert total_variation(one, other, 1) == 1


@given(seed=seeds, smoothing=st.floats(0.01, 100))
def test_smoothed_frequencies_are_counts_plus_pseudo_counts(seed, smoothing):
    counts = np.random.default_rng(seed).integers(0, 3, size=(4, 6))
    distribution = smoothed_frequencies(sparse.csr_array(counts), smoothing)
    for user in range(4):
        expected = [(c + smoothing / 6) / (counts[user].sum() + smoothing) for c in counts[user]]
        np.testing.assert_allclose(distribution(np.array([user]))[0], expected)


def test_popularity_by_histogram_is_a_product_in_the_order_of_the_world():
    world = low_rank_world(30, 7, n_levels=3, rank=2, seed=1)
    counts = np.random.default_rng(0).multinomial(200, world.flat)
    distribution = popularity_by_histogram(sparse.csr_array(counts), n_levels=3, smoothing=1e-9)
    table = counts.reshape(30, 3, 7).sum(axis=0) / counts.sum()
    expected = table.sum(axis=1)[:, None] * table.sum(axis=0)
    np.testing.assert_allclose(distribution.reshape(3, 7), expected, atol=1e-9)
    assert total_variation(world.p, distribution, 30).max() < 1


def test_the_empirical_table_recovers_the_distribution_at_the_parametric_rate():
    """Total variation of frequencies falls like n^(-1/2); popularity alone never gets there."""
    world = low_rank_world(50, 10, n_levels=2, rank=2, seed=0)
    rng = np.random.default_rng(1)
    sizes, distances, flat = [], [], []
    for n in (2_000, 8_000, 32_000, 128_000):
        for _ in range(5):
            counts = sparse.csr_array(rng.multinomial(n, world.flat))
            sizes.append(n)
            distances.append(
                total_variation(world.flat, smoothed_frequencies(counts, 1.0), 50).mean()
            )
            flat.append(total_variation(world.p, popularity_by_histogram(counts, 2), 50).mean())
    slope = log_log_slope(np.array(sizes), np.array(distances))
    assert slope.low <= -0.5 + 0.02
    assert slope.high >= -0.5 - 0.02
    assert slope.slope == pytest.approx(-0.5, abs=0.03)
    assert log_log_slope(np.array(sizes), np.array(flat)).slope > -0.05


def test_the_interval_of_the_slope_covers_it_as_often_as_it_says():
    rng = np.random.default_rng(2)
    sizes = np.repeat([10.0, 100.0, 1000.0], 2)
    covered = 0
    for _ in range(1000):
        values = 3 * sizes**-0.4 * np.exp(0.2 * rng.normal(size=6))
        slope = log_log_slope(sizes, values, confidence=0.9)
        covered += slope.low <= -0.4 <= slope.high
    assert 865 <= covered <= 930


def test_the_slope_is_least_squares():
    rng = np.random.default_rng(3)
    sizes, values = rng.random(12) + 0.1, rng.random(12) + 0.1
    slope, intercept = np.polyfit(np.log(sizes), np.log(values), 1)
    fitted = log_log_slope(sizes, values)
    assert fitted.slope == pytest.approx(slope)
    assert fitted.intercept == pytest.approx(intercept)


def test_no_pair_of_distributions_violates_pinsker_or_bretagnolle_huber():
    """Random pairs, then hill climbing on TV over its bound; the bound is nearly met."""
    rng = np.random.default_rng(4)
    best = np.zeros(3)
    for k, scale in enumerate([0.1, 1.0, 6.0]):
        logits = scale * rng.normal(size=(300, 2, 4))
        reached = np.zeros(300)
        for _ in range(100):
            moved = logits + 0.1 * scale * rng.normal(size=logits.shape)
            ratios = _ratio(moved)
            better = ratios > reached
            logits[better], reached[better] = moved[better], ratios[better]
        best[k] = reached.max()
    assert (best <= 1 + 1e-9).all()
    assert best[0] > 0.97


def _ratio(logits):
    p, q = np.exp(logits).transpose(1, 0, 2)
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    divergence = (p * np.log(p / q)).sum(1)
    distance = 0.5 * np.abs(p - q).sum(1)
    return distance / np.array([total_variation_from_excess(max(d, 1e-12)) for d in divergence])


@given(excesses=st.lists(st.floats(0, 20), min_size=1, max_size=10))
def test_the_bound_of_the_mean_excess_is_at_least_the_mean_of_the_bounds(excesses):
    """Jensen: the bound may be used for averages over users."""
    mean = np.mean([total_variation_from_excess(each) for each in excesses])
    assert mean <= total_variation_from_excess(float(np.mean(excesses))) + 1e-12


def test_invalid_arguments_are_refused():
    half = np.array([[0.5, 0.5]])
    with pytest.raises(SettingError, match="sum to 1"):
        total_variation(half, np.array([[0.5, 0.6]]), 1)
    with pytest.raises(SettingError, match="smoothing"):
        smoothed_frequencies(sparse.csr_array(np.eye(2)), 0.0)
    with pytest.raises(SettingError, match="levels x items"):
        popularity_by_histogram(sparse.csr_array(np.eye(3)), n_levels=2)
    with pytest.raises(SettingError, match="3 points"):
        log_log_slope(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    with pytest.raises(SettingError, match="positive"):
        log_log_slope(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 1.0]))
    with pytest.raises(SettingError, match="excess"):
        total_variation_from_excess(-0.1)
