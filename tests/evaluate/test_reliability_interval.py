"""Bands hold what they promise, and know that one person's ratings are not independent."""

import numpy as np

from conv4rec.baselines import Means
from conv4rec.data import split_log
from conv4rec.evaluate import evaluate
from conv4rec.evaluate.calibration import reliability
from conv4rec.evaluate.reliability_interval import calibration_tables, reliability_intervals


def test_the_table_is_the_reliability_table(rng):
    p, users = rng.random(3000), rng.integers(0, 100, 3000)
    came = rng.random(3000) < p
    table, plain = reliability_intervals(p, came, users), reliability(p, came)
    assert np.array_equal(table.n, plain.n)
    assert np.array_equal(table.observed, plain.observed)
    assert (table.low <= table.observed).all()
    assert (table.observed <= table.high).all()


def test_the_bands_of_an_honest_model_hold_the_promise(rng):
    inside = []
    for _ in range(20):
        p, users = rng.random(3000), rng.integers(0, 300, 3000)
        table = reliability_intervals(p, rng.random(3000) < p, users, n_resamples=300)
        inside += ((table.low <= table.predicted) & (table.predicted <= table.high)).tolist()
    assert 0.9 < np.mean(inside) < 0.99


def test_repeating_every_persons_ratings_makes_nothing_surer(rng):
    p, users = rng.random(500), rng.integers(0, 50, 500)
    came = rng.random(500) < p
    once = reliability_intervals(p, came, users, n_bins=1)
    thrice = reliability_intervals(np.tile(p, 3), np.tile(came, 3), np.tile(users, 3), n_bins=1)
    assert np.allclose(once.high - once.low, thrice.high - thrice.low)
    new_users = reliability_intervals(np.tile(p, 3), np.tile(came, 3), np.arange(1500), n_bins=1)
    assert new_users.high - new_users.low < thrice.high - thrice.low


def test_tables_of_an_evaluation_are_of_every_level_and_of_liking(mixed):
    split = split_log(mixed, "r0", name="mixed")
    found = evaluate(Means().fit(split.train), split)
    assert found.pairs is not None
    tables = calibration_tables(found.pairs, 3, split.train.levels.labels)
    assert list(tables) == ["like", "1", "2", "3", "4", "5"]
    assert all(table.n.sum() == found.n_rated for table in tables.values())
    given = [float(tables[label].n @ tables[label].observed) for label in "12345"]
    levels = split.test.level_numbers
    assert np.allclose(given, np.bincount(levels[levels >= 0], minlength=5))
    assert np.array_equal(tables["like"].observed, found.reliability.observed)


def test_pairs_know_whose_they_are(mixed):
    split = split_log(mixed, "r0", name="mixed")
    found = evaluate(Means().fit(split.train), split, max_memory_mb=0.02)  # many blocks
    counted = np.bincount(found.pairs.users, minlength=found.n_users)
    assert np.array_equal(counted, found.per_user["n_rated"])
