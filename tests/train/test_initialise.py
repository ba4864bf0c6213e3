"""The first weights: leading singular vectors of the log, in shapes that fit it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from conv4rec.data.synthetic import two_tribes
from conv4rec.train import TrainSettings, initialise, session
from conv4rec.train.batches import Batches
from conv4rec.train.initialise import latent_widths, new_network
from conv4rec.train.item_side import full_item_side
from conv4rec.train.spectral import (
    ITEM_PRIOR,
    USER_PRIOR,
    SparseMatrix,
    spectral_item_vectors,
)


def normalised(log):
    matrix = log.to_csr().toarray().astype(float)
    by_user = (matrix.sum(1) + USER_PRIOR) ** -0.5
    return by_user[:, None] * matrix * (matrix.sum(0) + ITEM_PRIOR) ** -0.5


def test_products_of_a_device_are_those_of_scipy(mixed):
    matrix = SparseMatrix(mixed.to_csr().astype(np.float32) * np.float32(0.7))
    rows, columns = torch.randn(mixed.n_users, 3), torch.randn(mixed.n_items, 3)
    pattern, values = matrix._on_device
    torch.testing.assert_close(pattern.times(values, columns), matrix.times(columns))
    found = pattern.transposed_times(values, rows)
    torch.testing.assert_close(found, matrix.transposed_times(rows))
    dense = torch.from_numpy(matrix.matrix.toarray())
    torch.testing.assert_close(found, dense.T @ rows)


def test_spectral_vectors_are_the_damped_singular_vectors(mixed):
    matrix = normalised(mixed)
    _, singular, right = np.linalg.svd(matrix, full_matrices=False)
    found = spectral_item_vectors(mixed, 37, seed=0).astype(float)
    damping = singular**2 / (singular**2 + singular[37 // 2] ** 2)
    # Signs are free, so the Gram matrix of the items is compared.
    np.testing.assert_allclose(found @ found.T, (right.T * damping) @ right, atol=1e-4)


def test_a_stronger_filter_damps_noisy_directions_more(mixed):
    plain, faded = (spectral_item_vectors(mixed, 8, 0, fading) for fading in (1.0, 2.0))
    left = np.linalg.norm(faded, axis=0) / np.linalg.norm(plain, axis=0)
    assert (np.diff(left) < 0).all()
    assert (left < 1).all()


def test_they_span_the_top_singular_subspace_of_a_low_rank_log(rng):
    """Two tribes that never cross, each consuming its whole shelf: a matrix of rank 2."""
    log = two_tribes(crossing=0.0).sample(20, rng)
    found = spectral_item_vectors(log, 5, seed=0)
    _, singular, right = np.linalg.svd(normalised(log), full_matrices=False)
    assert singular[2] < 1e-6 < singular[1]
    projector = right[:2].T @ right[:2]
    np.testing.assert_allclose(projector @ found, found, atol=1e-4)
    assert np.linalg.matrix_rank(found, tol=1e-2) == 2


def test_they_depend_on_neither_the_ratings_nor_much_on_the_seed(mixed):
    unrated = replace(mixed, level_numbers=np.full_like(mixed.level_numbers, -1))
    found = spectral_item_vectors(mixed, 4, seed=0)
    assert np.array_equal(found, spectral_item_vectors(unrated, 4, seed=0))
    other = spectral_item_vectors(mixed, 4, seed=1)
    np.testing.assert_allclose(found @ found.T, other @ other.T, atol=0.05)


@pytest.mark.parametrize("size", [1, 3, 37, 100])
def test_vectors_beyond_the_rank_are_zero(mixed, size):
    found = spectral_item_vectors(mixed, size, seed=0)
    assert found.shape == (37, size)
    assert np.isfinite(found).all()
    assert (found[:, 37:] == 0).all()


def test_the_network_starts_at_the_popularity_of_the_items(mixed):
    network = new_network(mixed, {}, TrainSettings(spectral_init=0.0), seed=0)
    counts = np.bincount(mixed.item_numbers, minlength=37) + 1.0
    probabilities = network.consume_bias.detach().softmax(0).numpy()
    np.testing.assert_allclose(probabilities, counts / counts.sum(), rtol=1e-5)


@pytest.mark.parametrize(("n_levels", "n_rating_channels"), [(1, 0), (2, 1), (5, 2)])
def test_it_has_fewer_rating_channels_than_levels(n_levels, n_rating_channels, rng):
    log = two_tribes(n_levels=n_levels).sample(5, rng)
    config = new_network(log, {"consume_channels": 2}, TrainSettings(), seed=0).config
    assert (config.n_rating_channels, config.consume_channels) == (
        n_rating_channels,
        n_rating_channels,
    )


@pytest.mark.parametrize("spread", [0.1, 0.5])
def test_the_spread_of_the_first_scores_is_that_of_the_setting(mixed, spread):
    network = new_network(mixed, {}, TrainSettings(spectral_init=spread), seed=0)
    batches = Batches.from_interactions(mixed)
    with torch.no_grad():
        network.consume_in[1:] = 0.0  # the spectral start does not read ratings
        encoding = network.encode(
            batches.whole, full_item_side(network, batches, batches.type_counts())
        )
        scores = network.consume_logits(encoding) - network.consume_bias
    assert float(scores.std(1, correction=0).mean()) == pytest.approx(spread, rel=1e-4)


@pytest.mark.parametrize(
    ("n_interactions", "n_items", "widths"),
    [
        (0, 0, (64, 32)),
        (100_000, 1_000, (64, 32)),
        (200_000, 1_000, (88, 48)),  # 64 and 32, times the root of 2, in steps of 8
        (400_000, 1_000, (128, 64)),
        (900_000, 1_000, (192, 64)),
        (10**9, 1_000, (256, 64)),
        (10**9, 1_000_000, (64, 16)),  # 64 and 16 million numbers a table
        (10**9, 10**9, (8, 8)),
    ],
)
def test_vectors_are_wider_where_there_is_more_to_learn(n_interactions, n_items, widths):
    found = latent_widths({}, n_items, n_interactions)
    assert (found["consume_size"], found["rate_size"]) == widths


def test_all_fits_have_the_widths_of_the_whole_log(mixed, make_fit, monkeypatch):
    few = len(mixed) / 4  # so that a validation fit, on fewer interactions, would be narrower
    monkeypatch.setattr(initialise, "FEW", few)
    seen = []

    def new_network(*args):
        network = initialise.new_network(*args)
        seen.append((network.config.consume_size, network.config.rate_size))
        return network

    monkeypatch.setattr(session, "new_network", new_network)
    monkeypatch.setattr(
        initialise, "WIDTHS", {"consume_size": (8, 64, 10**9), "rate_size": (40, 400, 10**9)}
    )
    make_fit(mixed, shape={}).run()
    assert len(seen) > 1
    assert set(seen) == {(16, 80)}


def test_vectors_of_a_huge_catalogue_are_narrower(mixed, monkeypatch):
    n = mixed.n_items
    widths = {"consume_size": (64, 256, 20 * n), "rate_size": (32, 64, 10 * n)}
    monkeypatch.setattr(initialise, "WIDTHS", widths)
    config = new_network(mixed, {}, TrainSettings(), seed=0).config
    assert (config.consume_size, config.rate_size) == (20, 10)
    config = new_network(mixed, {"rate_size": 4}, TrainSettings(), seed=0).config
    assert (config.consume_size, config.rate_size) == (20, 4)
