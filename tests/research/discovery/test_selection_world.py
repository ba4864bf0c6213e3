"""The world in which liking and consuming have different causes has the law that it documents."""

import numpy as np

from research.discovery.selection_world import selective_world


def test_without_selectivity_an_item_is_rated_the_same_chosen_or_shown():
    world = selective_world(30, 20, selectivity=0.0)
    np.testing.assert_allclose(world.level_probabilities, world.exposed)
    np.testing.assert_allclose(world.exposed.sum(axis=1), 1)
    np.testing.assert_allclose(world.p.sum(axis=(1, 2)), 1)


def test_selective_users_consume_what_they_will_rate_highly():
    """The same liking and habit: chosen items are rated higher than the same items shown."""
    free, selective = (selective_world(30, 20, selectivity=s, seed=4) for s in (0.0, 1.0))
    np.testing.assert_allclose(free.exposed, selective.exposed)
    assert (selective.level_probabilities[:, -1] > selective.exposed[:, -1]).all()
    ratio = selective.level_probabilities / selective.exposed
    step = np.log(ratio[:, 1:] / ratio[:, :-1])
    np.testing.assert_allclose(step, 0.5)  # z goes from -1 to 1 in four steps
    assert selective.p_like(3).shape == (30, 20)


def test_choosing_and_liking_have_different_causes():
    world = selective_world(400, 300, seed=1)
    chosen = np.log(world.item_probabilities)
    liked = world.p_like(3)
    personal = [m - m.mean(0) - m.mean(1, keepdims=True) + m.mean() for m in (chosen, liked)]
    assert abs(np.corrcoef(personal[0].ravel(), personal[1].ravel())[0, 1]) < 0.1
