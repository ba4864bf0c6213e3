"""The measured gap compares training targets with fresh targets, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from conv4rec import Conv4Rec
from conv4rec.data import random_split
from conv4rec.errors import DataError
from conv4rec.recommender import as_scorer
from conv4rec.recommender.guarantees.fold_in_split import (
    consume_log_losses,
    fold_in_split,
    rating_log_losses,
)
from conv4rec.recommender.guarantees.generalization_gap import (
    measured_gap,
    measured_gaps,
    neural_component,
    training_n,
)

SMALL = {"n_steps": 12, "consume_size": 8, "rate_size": 4, "consume_reg_factors": (1.0,)}


def test_the_halves_of_a_fold_in_split_are_a_partition(people):
    split = fold_in_split(people, seed=3)
    given, test = (each.to_csr().toarray() for each in (split.given, split.test))
    assert (given * test == 0).all()
    np.testing.assert_array_equal(given + test, people.to_csr().toarray())
    assert (np.diff(split.given.starts) == 8).all()
    assert (fold_in_split(people, seed=4).given.item_numbers != split.given.item_numbers).any()


def test_users_with_one_interaction_are_not_split(sequels):
    counts = np.diff(sequels.starts)
    keep = np.ones(len(sequels), dtype=bool)
    keep[sequels.starts[0] + 1 : sequels.starts[1]] = False  # the first user keeps one row
    split = fold_in_split(sequels.select(keep))
    assert split.given.n_users == (counts >= 2).sum() - 1
    assert (np.diff(split.test.starts) >= 1).all()


def test_the_loss_of_a_user_is_the_mean_over_the_target_half(trained, new_users):
    split = fold_in_split(new_users)
    losses = consume_log_losses(trained, split.given, split.test)
    log_p = as_scorer(trained).rank_log_probabilities(split.given, np.array([5]))[0]
    items = split.test.item_numbers[split.test.starts[5] : split.test.starts[6]]
    assert losses[5] == pytest.approx(-log_p[items].mean(), rel=1e-5)


def test_setting_a_compares_fresh_users_with_training_users(trained, new_users):
    gap = measured_gap(trained, new_users)
    assert (gap.setting, gap.n, gap.n_fresh) == ("A", 120, 120)
    split = fold_in_split(new_users)
    fresh = consume_log_losses(neural_component(trained), split.given, split.test).mean()
    assert gap.fresh == pytest.approx(fresh)
    assert gap.value == gap.fresh - gap.training


def test_setting_b_compares_fresh_rows_with_training_rows(people):
    train, test = random_split(people, seed=0)
    model = Conv4Rec(seed=0, **SMALL).fit(train)
    rows = test.take_users(np.flatnonzero(np.diff(test.starts)))
    gap = measured_gap(model, rows)
    assert gap.setting == "B"
    assert gap.n == len(fold_in_split(train).test)
    assert gap.n_fresh == len(rows)
    with pytest.raises(DataError, match="trained this model"):
        measured_gap(model, train)


def test_a_mixture_of_known_and_fresh_users_is_refused(trained, people):
    with pytest.raises(DataError, match=r"120 of 240 users trained this model"):
        measured_gap(trained, people)


def test_the_gap_of_ratings_is_over_rated_targets(fitted_model, mixed):
    """`mixed` has unrated interactions: they are targets of the item, not of the rating."""
    split = fold_in_split(mixed)
    losses = rating_log_losses(fitted_model, split.given, split.test)
    rated = split.test.level_numbers >= 0
    users, items = split.test.user_numbers[rated], split.test.item_numbers[rated]
    p = as_scorer(fitted_model).rating_probabilities(split.given, users, items)
    each = -np.log(p[np.arange(len(users)), split.test.level_numbers[rated]])
    assert losses[users[0]] == pytest.approx(each[users == users[0]].mean(), rel=1e-5)
    train, test = random_split(mixed, seed=1)
    model = Conv4Rec(seed=0, mf_draws=0, **SMALL).fit(train)
    gaps = measured_gaps(model, test.take_users(np.flatnonzero(np.diff(test.starts))))
    fresh = test.level_numbers >= 0
    assert gaps["rating"].n_fresh == fresh.sum() < gaps["consume"].n_fresh
    assert gaps["rating"].n == (fold_in_split(train).test.level_numbers >= 0).sum()
    every = rating_log_losses(model, fold_in_split(train).given, fold_in_split(train).test)
    counts = np.bincount(
        fold_in_split(train).test.user_numbers[fold_in_split(train).test.level_numbers >= 0],
        minlength=len(every),
    )
    mean = (np.nan_to_num(every) * counts).sum() / counts.sum()
    assert gaps["rating"].training == pytest.approx(mean)
    assert training_n(model, "rating") == (counts > 0).sum()


def test_a_log_without_ratings_has_a_gap_of_items_alone(trained, new_users):
    unrated = replace(new_users, level_numbers=np.full_like(new_users.level_numbers, -1), rows=None)
    assert list(measured_gaps(trained, unrated)) == ["consume"]
    with pytest.raises(DataError, match="rated"):
        measured_gap(trained, unrated, side="rating")


def test_users_who_rated_nothing_count_for_items_alone(mixed):
    levels = mixed.level_numbers.copy()
    levels[: mixed.starts[7]] = -1
    model = Conv4Rec(seed=0, **SMALL).fit(replace(mixed, level_numbers=levels, rows=None))
    assert training_n(model) - training_n(model, "rating") == 7
