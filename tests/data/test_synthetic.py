"""The synthetic worlds have the distributions that they document."""

import numpy as np
import pytest

from conv4rec.data.synthetic import low_rank_world, sequel, two_tribes


@pytest.mark.parametrize(
    "world",
    [two_tribes(), low_rank_world(30, 20, 4, 3), low_rank_world(9, 5, 1, 1, popularity=1.0)],
)
def test_a_law_sums_to_one_for_each_user(world):
    assert (world.p >= 0).all()
    np.testing.assert_allclose(world.p.sum(axis=(1, 2)), 1)
    np.testing.assert_allclose(world.item_probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(world.level_probabilities.sum(axis=1), 1)
    assert world.p.shape[1] == world.levels.n_levels


@pytest.mark.parametrize("rank", [1, 3])
def test_a_low_rank_world_has_that_rank(rank):
    assert np.linalg.matrix_rank(low_rank_world(40, 30, 5, rank, seed=2).flat) == rank


def test_samples_follow_the_distribution():
    """One draw a user is exact multinomial sampling: 20,000 users with the same taste."""
    world = low_rank_world(20_000, 4, 3, rank=1, seed=1)
    log = world.sample(1, np.random.default_rng(0))
    counts = np.zeros((3, 4))
    np.add.at(counts, (log.level_numbers, log.item_numbers), 1)
    np.testing.assert_allclose(counts / 20_000, world.p[0], atol=0.015)


def test_a_sample_has_different_items_and_never_an_impossible_one():
    world = two_tribes(n_users=10, n_items=8, crossing=0.0)
    log = world.sample(100, np.random.default_rng(0))
    assert np.diff(log.starts).tolist() == [4] * 10
    tribe, shelf = log.user_numbers >= 5, log.item_numbers >= 4
    np.testing.assert_array_equal(tribe, shelf)
    assert log.n_rated == len(log)


def test_tribes_keep_to_their_shelf_and_like_it():
    world = two_tribes(crossing=0.1)
    np.testing.assert_allclose(world.item_probabilities[0, :10].sum(), 0.9)
    assert (world.level_probabilities[0, -1, :10] > 0.7).all()
    assert (world.level_probabilities[-1, 0, :10] > 0.7).all()


def test_the_sequel_has_a_direction():
    seen = sequel().to_csr().toarray() > 0
    ids = sequel().items.to_series().to_list()
    first, second = seen[:, ids.index("part 1")], seen[:, ids.index("part 2")]
    assert first[second].all()
    assert second[first].mean() == 0.5
    assert not first.all()
