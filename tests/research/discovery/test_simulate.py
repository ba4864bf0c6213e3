"""Discovery lists are scored by the truth of the world."""

import numpy as np
import pytest

from conv4rec.data import Interactions, Levels
from research.discovery.list_score import score_lists
from research.discovery.selection_world import SelectionWorld
from research.discovery.simulate import Case, lists_of, simulate

CASE = Case("tiny", 1.0, 1.0, n_per_user=8, n_users=30, n_items=24)


@pytest.fixture
def world():
    """One user, five items, two levels. P(consume) falls with the number of the item."""
    p_item = np.array([[0.4, 0.3, 0.15, 0.1, 0.05]])
    p_like = np.array([[0.9, 0.9, 0.2, 0.6, 0.8]])
    exposed = np.stack([1 - p_like, p_like], 1)
    return SelectionWorld(exposed * p_item[:, None], Levels((1.0, 2.0)), exposed)


@pytest.fixture
def log(world):
    full = world.sample(5, np.random.default_rng(0))
    return full.select(full.item_numbers == 0)


def test_only_unlikely_items_count(world, log):
    """Item 0 is in the history; of 1 to 4 the lower half is 3 (liked .6) and 4 (.8)."""
    found = score_lists(world, log, np.array([[1, 4]]), like_level=1)
    assert found.listed == pytest.approx((0 + 0.8) / 2)
    assert found.listed_anyhow == pytest.approx((0.9 + 0.8) / 2)
    assert found.best == found.best_in_half == pytest.approx((0.8 + 0.6) / 2)
    assert found.random == pytest.approx(0.7)
    assert found.share == pytest.approx(0.4 / 0.7)


def test_the_models_own_half_is_what_it_calls_unlikely(world, log):
    """A model that has 1 and 2 for the least likely: .9 and .2 at best."""
    p_consume = np.array([[0.0, 0.1, 0.2, 0.3, 0.4]])
    found = score_lists(world, log, np.array([[1, -1]]), like_level=1, p_consume=p_consume)
    assert found.best_in_half == pytest.approx((0.9 + 0.2) / 2)
    assert found.share_in_half == pytest.approx((0.9 + 0) / (0.9 + 0.2))


def test_a_case_leaves_a_record_that_can_be_repeated(small):
    first, again = (simulate(CASE, 3, small) for _ in range(2))
    for name in ("listed", "best", "share", "share_in_half"):
        assert first[name] == again[name]
    assert 0 < first["share"] <= 1
    assert first["share"] == pytest.approx(first["listed"] / first["best"], abs=1e-3)
    assert first["changed"] == small
    assert {"config", "versions", "machine", "commit", "case"} <= set(first)


def test_lists_are_those_of_recommend(fitted_model, mixed):
    assert isinstance(mixed, Interactions)
    listed = lists_of(fitted_model, mixed, 3)
    frame = fitted_model.recommend(
        [mixed.users.ids(np.array([4]))[0]], k=3, by="discover", min_p_like=0
    )
    assert mixed.items.ids(listed[4]).to_list() == frame["item_id"].to_list()
