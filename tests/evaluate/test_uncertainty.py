"""The paired bootstrap against classical intervals, and the spread over seeds."""

import numpy as np
import pytest

from conv4rec.errors import SettingError
from conv4rec.evaluate import paired_bootstrap, spread_over_seeds


def test_the_interval_is_the_classical_one_for_a_plain_mean():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.1, 1, size=2000), rng.normal(0, 1, size=2000)
    found = paired_bootstrap(first, second, n_resamples=4000)
    difference = first - second
    margin = 1.96 * difference.std(ddof=1) / np.sqrt(2000)
    assert found.mean == pytest.approx(difference.mean())
    assert found.low == pytest.approx(difference.mean() - margin, abs=0.08 * margin)
    assert found.high == pytest.approx(difference.mean() + margin, abs=0.08 * margin)


def test_pairing_sees_a_small_but_constant_gain_among_very_different_users():
    users = np.random.default_rng(1).normal(size=300)
    found = paired_bootstrap(users + 0.01, users)
    assert found.low == pytest.approx(0.01)


def test_two_equal_models_do_not_differ_clearly():
    rng = np.random.default_rng(2)
    found = paired_bootstrap(rng.normal(size=500), rng.normal(size=500))
    assert found.low < 0 < found.high


def test_weights_and_root_give_the_difference_of_two_rmses():
    errors = [np.array([1.0, 4.0, 9.0]), np.array([1.0, 0.0]), np.array([4.0])]
    others = [np.array([1.0, 1.0, 1.0]), np.array([4.0, 0.0]), np.array([0.0])]
    found = paired_bootstrap(
        np.array([e.mean() for e in errors]),
        np.array([e.mean() for e in others]),
        weights=np.array([3.0, 2.0, 1.0]),
        root=True,
    )
    rmses = [np.sqrt(np.concatenate(side).mean()) for side in (errors, others)]
    assert found.mean == pytest.approx(rmses[0] - rmses[1])


def test_users_without_a_value_are_left_out():
    found = paired_bootstrap(np.array([1.0, np.nan, 3.0]), np.array([0.0, np.nan, 2.0]))
    assert (found.mean, found.n_users) == (1.0, 2)


@pytest.mark.parametrize("second", [[0.0, 1.0], [0.0, 1.0, np.nan]])
def test_values_of_different_users_are_refused(second):
    with pytest.raises(SettingError, match=r"parallel|one split"):
        paired_bootstrap(np.array([0.0, 1.0, 2.0]), np.array(second))


def test_the_same_seed_gives_the_same_interval():
    first, second = np.random.default_rng(3).normal(size=(2, 50))
    assert paired_bootstrap(first, second, seed=5) == paired_bootstrap(first, second, seed=5)
    assert paired_bootstrap(first, second, seed=5) != paired_bootstrap(first, second, seed=6)


def test_many_users_are_resampled_in_blocks(monkeypatch):
    first, second = np.random.default_rng(4).normal(size=(2, 50))
    whole = paired_bootstrap(first, second, n_resamples=101)
    monkeypatch.setattr("conv4rec.evaluate.uncertainty._DRAWS_PER_BLOCK", 120)
    assert paired_bootstrap(first, second, n_resamples=101) == whole


def test_a_single_seed_has_no_spread():
    assert str(spread_over_seeds([0.5])) == "0.5000"
    with pytest.raises(SettingError):
        spread_over_seeds([])
