"""The ideal learner knows the generative model, and infers the factors by Bayes' rule."""

from dataclasses import astuple
from itertools import permutations

import numpy as np
import pytest
import torch

from research.discovery.hamiltonian import hamiltonian
from research.discovery.ideal_learner import GenerativeModel, ideal_lists
from research.discovery.list_score import score_lists
from research.discovery.selection_world import LatentFactors, selective_world
from research.discovery.simulate import Case, simulate

TASTE, SELECTIVITY = 2.0, 1.0


def model_and_world(n_per_user, seed, n_users, n_items):
    world = selective_world(n_users, n_items, taste=TASTE, selectivity=SELECTIVITY, seed=seed)
    log = world.sample(n_per_user, np.random.default_rng(seed))
    return GenerativeModel(log, TASTE, SELECTIVITY), world


def tensors(factors):
    return [torch.from_numpy(each) for each in astuple(factors)]


def test_its_distributions_are_those_of_the_world():
    model, world = model_and_world(5, 1, n_users=40, n_items=30)
    log_odds, exposed = model.predict(tensors(LatentFactors.drawn(40, 30, 1)))
    probabilities = torch.softmax(log_odds, 1).numpy()
    np.testing.assert_allclose(probabilities, world.item_probabilities, rtol=1e-9)
    np.testing.assert_allclose(exposed.numpy().transpose(0, 2, 1), world.exposed, atol=1e-12)


def test_the_likelihood_is_that_of_draws_without_replacement_in_any_order():
    """Two of five items: the stopping time integrated out, against both orders added up."""
    model, world = model_and_world(2, seed=3, n_users=1, n_items=5)
    factors = tensors(LatentFactors.drawn(1, 5, 3))
    log_times = torch.linspace(-12, 9, 4001, dtype=torch.float64)
    each = [model.log_likelihood(factors, time[None]) for time in log_times]
    found = float(torch.trapezoid(torch.stack(each).exp(), log_times))
    p, items = world.item_probabilities[0], model.log.item_numbers
    consumed = sum(p[a] * p[b] / (1 - p[a]) for a, b in permutations(items))
    rated = np.prod(world.level_probabilities[0][model.log.level_numbers, items])
    assert found == pytest.approx(consumed * rated, rel=1e-4)


def test_the_chain_draws_from_the_density():
    """Normals of many widths: over all of them, means and variances of the draws."""
    width = torch.linspace(0.3, 1.5, 40, dtype=torch.float64)
    mean = torch.linspace(-2.0, 2.0, 40, dtype=torch.float64)

    def log_density(point):
        return -0.5 * ((point - mean) / width).square().sum()

    draws = torch.stack(list(hamiltonian(log_density, mean, 1500, seed=0)))
    scaled = (draws - mean) / width
    assert abs(scaled.mean()) < 0.02
    assert scaled.square().mean() == pytest.approx(1.0, abs=0.03)


def test_what_it_expects_is_what_it_gets_and_more_than_at_random():
    """Over four worlds: the expected gain is right on average."""
    rows = []
    for seed in range(4):
        model, world = model_and_world(30, seed, n_users=80, n_items=60)
        truth = LatentFactors.drawn(80, 60, seed)
        lists, expected = ideal_lists(model, truth, 3, like_level=3, seed=seed, draws=60)
        found = score_lists(world, model.log, lists, like_level=3)
        seen = set(zip(model.log.user_numbers, model.log.item_numbers, strict=True))
        assert not any((user, item) in seen for user in range(80) for item in lists[user])
        rows.append((found.listed, expected.mean(), found.random, found.best))
    got, expected, random, best = np.mean(rows, axis=0)
    assert got == pytest.approx(expected, abs=0.03)
    assert random + 0.35 * (best - random) < got < 0.9 * best  # the chain has left the truth


def test_a_record_says_how_much_of_the_ideal_is_reached(small):
    case = Case("tiny", 1.0, 1.0, n_per_user=8, n_users=30, n_items=24)
    record = simulate(case, 3, small, ideal=True)
    assert record["share_of_ideal"] == pytest.approx(
        record["listed"] / record["ideal_listed"], abs=1e-3
    )
    assert 0 < record["ideal_share"] <= 1
    assert "ideal_share" not in simulate(case, 3, small)
