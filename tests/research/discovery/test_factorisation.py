"""Debiased factorisations do what their papers say."""

import numpy as np
import pytest

from research.discovery.matrix_factorisation import Factorisation, clipped, inverse_propensities
from research.discovery.selection_world import selective_world


def test_propensities_are_those_of_independent_consumption(mixed):
    """P is the ratings of a user times the share of all ratings that the item has."""
    n_item = np.bincount(mixed.item_numbers, minlength=mixed.n_items) + 1
    users, items = np.array([0, 3]), np.array([5, 5])
    n_user = [(mixed.user_numbers == user).sum() for user in users]
    wanted = [n_item.sum() / (n * n_item[5]) for n in n_user]
    np.testing.assert_allclose(inverse_propensities(mixed, users, items), wanted)


def test_weights_are_clipped_and_sum_to_one():
    weights = clipped(np.array([1.0] * 99 + [1e6]))
    assert weights.sum() == pytest.approx(1.0)
    raw_mean = (99 + 1e6) / 100
    assert weights[-1] / weights[0] == pytest.approx(10 * raw_mean)


@pytest.mark.parametrize("method", ["naive", "ips", "dr"])
def test_it_predicts_better_than_the_mean(method, monkeypatch):
    monkeypatch.setattr(Factorisation, "REGS", (10.0,))
    monkeypatch.setattr(Factorisation, "SIZES", (4,))
    world = selective_world(60, 40, taste=2.0, seed=1)
    log = world.sample(20, np.random.default_rng(0))
    model = Factorisation(method).fit(log, seed=0)
    users, items = np.divmod(np.arange(60 * 40), 40)
    truth = np.einsum("uki,k->ui", world.exposed, log.levels.values).ravel()
    found = model.expected_ratings(log, users, items)
    rated = np.asarray(log.levels.values)[log.level_numbers].mean()
    assert ((found - truth) ** 2).mean() < 0.8 * ((rated - truth) ** 2).mean()
    assert (model.reg_, model.size_) == (10.0, 4)
    again = Factorisation(method).fit(log, seed=0).expected_ratings(log, users, items)
    np.testing.assert_array_equal(found, again)
