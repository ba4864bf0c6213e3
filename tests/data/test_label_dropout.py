"""Labels go, interactions stay, and every rival loses the same ones."""

import numpy as np
import pytest

from conv4rec.data import drop_labels, random_split, scarce_split, split_log
from conv4rec.data.synthetic import two_tribes
from conv4rec.errors import SettingError


def test_dropping_labels_keeps_every_interaction(mixed):
    scarce = drop_labels(mixed, 0.3)
    assert np.array_equal(scarce.item_numbers, mixed.item_numbers)
    assert np.array_equal(scarce.starts, mixed.starts)
    assert scarce.n_rated == mixed.n_rated - int(0.3 * mixed.n_rated)
    kept = scarce.level_numbers >= 0
    assert np.array_equal(scarce.level_numbers[kept], mixed.level_numbers[kept])


def test_the_whole_log_is_left_as_it_was(mixed):
    before = mixed.level_numbers.copy()
    drop_labels(mixed, 0.9)
    assert np.array_equal(mixed.level_numbers, before)
    assert np.array_equal(drop_labels(mixed, 0.0).level_numbers, before)


def test_what_goes_first_stays_gone(mixed):
    some, more = (drop_labels(mixed, share, seed=4).level_numbers < 0 for share in (0.3, 0.5))
    assert (more | ~some).all()
    again = drop_labels(mixed, 0.3, seed=4).level_numbers < 0
    other = drop_labels(mixed, 0.3, seed=5).level_numbers < 0
    assert np.array_equal(some, again)
    assert not np.array_equal(some, other)


def test_a_validation_part_of_the_same_seed_keeps_its_share_of_labels():
    log = two_tribes().sample(10, np.random.default_rng(0))  # all rated, rows in order
    _, held = random_split(drop_labels(log, 0.5, seed=0), seed=0)
    assert 0.25 < held.n_rated / len(held) < 0.75


def test_the_test_keeps_its_labels(mixed):
    split = split_log(mixed, "r0", name="mixed")
    scarce = scarce_split(split, 0.5)
    assert scarce.test is split.test
    assert scarce.given is scarce.train
    assert scarce.name == split.name
    new = split_log(mixed, "new-users", name="mixed")
    assert scarce_split(new, 0.5).given.n_rated < new.given.n_rated


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(mixed, share):
    with pytest.raises(SettingError, match="from 0 up to, not including, 1"):
        drop_labels(mixed, share)
