"""The measured gap compares what trained the model with what did not, and nothing else."""

import numpy as np
import pytest

from conv4rec import Conv4Rec
from conv4rec.bench.theory.gap import measured_gap
from conv4rec.bench.theory.halves import halves, pick_log_losses
from conv4rec.data import random_split
from conv4rec.errors import DataError

SMALL = {"n_steps": 12, "consume_size": 8, "rate_size": 4, "regs": (1.0,)}


def test_halves_share_nothing_and_lose_nothing(people):
    split = halves(people, seed=3)
    given, test = (each.to_csr().toarray() for each in (split.given, split.test))
    assert (given * test == 0).all()
    np.testing.assert_array_equal(given + test, people.to_csr().toarray())
    assert (np.diff(split.given.starts) == 8).all()
    assert (halves(people, seed=4).given.item_numbers != split.given.item_numbers).any()


def test_users_with_one_interaction_have_no_halves(sequels):
    counts = np.diff(sequels.starts)
    keep = np.ones(len(sequels), dtype=bool)
    keep[sequels.starts[0] + 1 : sequels.starts[1]] = False  # the first user keeps one row
    split = halves(sequels.select(keep))
    assert split.given.n_users == (counts >= 2).sum() - 1
    assert (np.diff(split.test.starts) >= 1).all()


def test_a_users_loss_is_the_mean_surprise_of_the_hidden_half(trained, strangers):
    split = halves(strangers)
    losses = pick_log_losses(trained, split.given, split.test)
    log_p = trained.rank_log_probabilities(split.given, np.array([5]))[0]
    items = split.test.item_numbers[split.test.starts[5] : split.test.starts[6]]
    assert losses[5] == pytest.approx(-log_p[items].mean(), rel=1e-5)


def test_fresh_users_are_compared_with_training_users(trained, strangers):
    gap = measured_gap(trained, strangers)
    assert (gap.setting, gap.n, gap.n_fresh) == ("A", 120, 120)
    split = halves(strangers)
    fresh = pick_log_losses(trained, split.given, split.test).mean()
    assert gap.fresh == pytest.approx(fresh)
    assert gap.value == gap.fresh - gap.training


def test_fresh_rows_of_training_users_are_compared_with_their_training_rows(people):
    train, test = random_split(people, seed=0)
    model = Conv4Rec(seed=0, **SMALL).fit(train)
    rows = test.take_users(np.flatnonzero(np.diff(test.starts)))
    gap = measured_gap(model, rows)
    assert gap.setting == "B"
    assert gap.n == len(halves(train).test)
    assert gap.n_fresh == len(rows)
    with pytest.raises(DataError, match="trained this model"):
        measured_gap(model, train)


def test_a_mixture_of_known_and_fresh_users_is_refused(trained, people):
    with pytest.raises(DataError, match=r"120 of 240 users trained this model"):
        measured_gap(trained, people)
