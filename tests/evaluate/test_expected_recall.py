"""A model that knows the law knows how good its lists are; a model that does not is found out."""

import numpy as np
import pytest

from conv4rec.baselines import EASE, Popularity
from conv4rec.data import Split, split_log
from conv4rec.data.synthetic import World, low_rank_world
from conv4rec.evaluate.expected_recall import drawn_chances, foresight


@pytest.mark.parametrize("n", [1, 5, 20])
def test_chances_of_being_drawn_are_those_of_a_simulation(rng, n):
    p = rng.dirichlet(np.full(60, 0.5))
    keys = np.log(p) + rng.gumbel(size=(20_000, 60))
    drawn = np.argsort(-keys, axis=1)[:, :n]
    simulated = np.bincount(drawn.ravel(), minlength=60) / len(keys)
    probabilities = drawn_chances(p[None], np.array([n]))[0]
    assert probabilities.sum() == pytest.approx(n, rel=1e-5)
    assert np.abs(probabilities - simulated).max() < 0.02


def test_all_items_are_drawn_where_there_are_no_more():
    p = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    assert drawn_chances(p, np.array([2, 3])).tolist() == [[1, 1, 0], [1, 1, 1]]


class TrueLaw:
    """Answers from the law that made the data."""

    def __init__(self, world):
        self.p = world.item_probabilities

    def rank_log_probabilities(self, given, rows):
        p = self.p[rows].copy()
        for place, row in enumerate(rows):
            p[place, given.item_numbers[given.starts[row] : given.starts[row + 1]]] = 0
        with np.errstate(divide="ignore"):
            return np.log(p / p.sum(axis=1, keepdims=True))

    rank_scores = rank_log_probabilities


@pytest.fixture
def next_picks(rng):
    """300 people pick 15 items, which are given, and then 5 more, which are the test."""
    world = low_rank_world(300, 80, popularity=1.0, seed=3)
    history = world.sample(15, rng)
    p = world.p.copy()
    p[history.user_numbers, :, history.item_numbers] = 0
    later = World(p / p.sum(axis=(1, 2), keepdims=True), world.levels).sample(5, rng)
    return world, Split("world", history, given=history, test=later)


def test_the_true_law_expects_what_it_gets(next_picks):
    world, split = next_picks
    seen = foresight(TrueLaw(world), split, k=10)
    assert seen.expected.mean() == pytest.approx(seen.achieved.mean(), abs=0.03)
    told = seen.to_dict()
    assert told["rank_correlation"] > 0.1
    assert sum(told["table"]["n"]) == len(seen.expected) == 300


def test_a_boaster_is_found_out(next_picks):
    world, split = next_picks

    class Boaster(TrueLaw):
        def rank_log_probabilities(self, given, rows):
            log_p = 6 * super().rank_log_probabilities(given, rows)
            return log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))

        rank_scores = rank_log_probabilities

    seen = foresight(Boaster(world), split, k=10)
    assert seen.expected.mean() > seen.achieved.mean() + 0.2


def test_without_chances_there_is_nothing_to_expect(mixed):
    split = split_log(mixed, "r0", name="mixed")
    assert foresight(EASE(reg=10.0).fit(split.train), split) is None


def test_blocks_of_users_do_not_change_it(mixed):
    split = split_log(mixed, "r0", name="mixed")
    model = Popularity().fit(split.train)
    whole, pieces = (foresight(model, split, max_memory_mb=size) for size in (100, 0.02))
    assert np.allclose(whole.expected, pieces.expected)
    assert np.array_equal(whole.achieved, pieces.achieved)
