"""Certificates are of new users, and follow from their losses."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from conv4rec.data import Ids, Interactions
from conv4rec.errors import DataError, SettingError
from conv4rec.recommender.guarantees.certify import certify_model, unit_losses
from conv4rec.recommender.guarantees.fold_in_split import UserLosses, fold_in_split, user_losses
from conv4rec.recommender.guarantees.held_out import held_out_rows
from conv4rec.recommender.guarantees.pac_bayes import pac_bayes_recall
from conv4rec.theory import certify

SMALL = {
    **{"n_steps": 12, "consume_size": 8, "rate_size": 4, "consume_reg_factors": (1.0,)},
    **{"mf_sweeps": 20, "mf_draws": 4},
}


def test_the_four_guarantees_are_the_bounds_of_the_four_losses(trained, new_users):
    found = {
        guarantee.name: guarantee for guarantee in certify_model(trained, new_users, k=5, seed=2)
    }
    losses = user_losses(trained, fold_in_split(new_users, 2), k=5)
    recall = certify(1 - losses.recall, 1 - 0.05 / 4, seed=2)
    assert found["recall@5"].bound() == pytest.approx(recall.at_least)
    assert found["recall@5"].bound() <= losses.recall.mean()
    squared = certify(losses.squared_error / 16, 1 - 0.05 / 4, seed=2)
    assert found["squared_error"].bound() == pytest.approx(16 * squared.upper)
    for name in ("squared_error", "rating_log_loss", "consume_log_loss"):
        assert found[name].bound() >= found[name].mean
    assert found["consume_log_loss"].mean == pytest.approx(losses.consume_log_loss.mean())


def test_more_confidence_gives_weaker_bounds(trained, new_users):
    loose = certify_model(trained, new_users, confidence=0.5)
    tight = certify_model(trained, new_users, confidence=0.999)
    for weak, strong in zip(loose, tight, strict=True):
        sign = 1 if weak.is_score else -1
        assert sign * strong.bound() < sign * weak.bound()


def test_losses_are_capped_and_users_without_any_are_left_out(people):
    nan = np.nan
    losses = UserLosses(np.array([0.25, nan]), np.array([16.0, 4.0]), np.array([99.0, nan]),
                        np.array([np.log(50), 99.0]))  # fmt: skip
    by_name = {name: values for name, values, _ in unit_losses(losses, people, 20)}
    np.testing.assert_allclose(by_name["recall@20"], [0.75])
    np.testing.assert_allclose(by_name["squared_error"], [1.0, 0.25])
    np.testing.assert_allclose(by_name["rating_log_loss"], [1.0])
    np.testing.assert_allclose(by_name["consume_log_loss"], [0.5, 1.0])


def test_users_who_trained_the_model_are_refused(trained, people, new_users):
    with pytest.raises(DataError, match=r"120 of 240 held-out users trained this model"):
        certify_model(trained, people)
    renamed = Ids(pl.Series([f"x{number:03d}" for number in range(120)]), "user")
    disguised = replace(people.take_users(np.arange(120)), users=renamed)
    with pytest.raises(DataError, match="the same history as a training user"):
        certify_model(trained, disguised)
    assert certify_model(trained, replace(new_users, users=renamed))


def test_one_copied_history_among_many_is_a_warning(trained, people):
    mostly = people.take_users(np.arange(119, 240))  # one training user, renamed below
    names = Ids(pl.Series([f"x{number:03d}" for number in range(121)]), "user")
    with pytest.warns(UserWarning, match="1 of 121 held-out users"):
        certify_model(trained, replace(mostly, users=names))


def test_a_confidence_or_a_list_length_out_of_range_is_refused(trained, new_users):
    for wrong in ({"confidence": 1.0}, {"k": 0}):
        with pytest.raises(SettingError):
            certify_model(trained, new_users, **wrong)


def test_rows_of_unknown_items_are_left_out_with_a_warning(trained, new_users):
    frame = new_users.to_frame()
    odd = frame.head(1).with_columns(item_id=pl.lit("no such item"))
    with pytest.warns(UserWarning, match=r"1 of 1,921 held-out rows"):
        rows = held_out_rows(trained, pl.concat([frame, odd]))
    assert len(rows) == len(new_users)
    assert rows.items == trained.interactions_.items
    with pytest.raises(DataError, match="no held-out row"):
        held_out_rows(trained, odd)


def test_the_pac_bayes_bound_is_above_the_empirical_loss(people):
    found = pac_bayes_recall(people, SMALL, k=10, draws=12)
    assert found.bound.n == 120
    assert found.bound.n == people.n_users - people.n_users // 2
    assert 0 < 1 - found.bound.value < 1 - found.bound.empirical_loss
    assert found.bound.confidence == pytest.approx(1 - 0.05 / 6)
    assert found.full.kl > 0
    assert found.full.value >= found.bound.value
    if found.share == 0:
        assert found.bound.kl == 0


def test_too_few_users_for_a_pac_bayes_bound_are_refused(people):
    few: Interactions = people.take_users(np.arange(20))
    with pytest.raises(SettingError, match="32 are needed"):
        pac_bayes_recall(few, SMALL)
