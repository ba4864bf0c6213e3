"""Training users are solved once, after a fit; everybody else when asked about."""

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.recommender import known_users
from conv4rec.recommender.known_users import KnownUsers
from conv4rec.recommender.list_scores import ORDERS

NUMBERS = ["score", "p_consume", "p_like", "expected_rating"]


@pytest.fixture
def solved(monkeypatch):
    """How many users were solved by each call."""
    calls, encode = [], BayesianMF.encode
    monkeypatch.setattr(
        BayesianMF, "encode",
        lambda self, history: calls.append(history.pattern.shape[0]) or encode(self, history),
    )  # fmt: skip
    return calls


def as_history(log, row):
    part = log.take_users(np.array([row])).to_frame()
    return dict(zip(part["item_id"], part["rating"], strict=True))


def test_a_fit_tells_how_many_are_solved(tribes, small, monkeypatch):
    monkeypatch.setattr(known_users, "USERS", 15)
    seen = []
    Conv4Rec(**small).fit(tribes, on_progress=lambda *now: seen.append(now))
    of_users = [now for name, _, _, now in seen if name == "users"]
    assert [now.step for now in of_users] == [15, 30, 40]
    assert {now.n_steps for now in of_users} == {40}


@pytest.mark.filterwarnings("ignore:.*shorter than:UserWarning")
@pytest.mark.parametrize("by", ORDERS)
def test_nobody_of_the_log_is_solved_again(fitted_model, solved, by):
    fitted_model.recommend(k=3, by=by)
    fitted_model.recommend(["u03", "u07"], k=3, by=by)
    fitted_model.recommend(fitted_model.interactions_.take_users(np.arange(4)), k=3, by=by)
    assert not solved


def test_the_same_history_of_another_user_is_solved_and_answered_alike(fitted_model, solved):
    log = fitted_model.interactions_
    for row in (0, 7):
        id = log.users.to_series()[row]
        known = fitted_model.recommend(id, k=5, by="consume_and_like")
        assert not solved
        new = fitted_model.recommend(as_history(log, row), k=5, by="consume_and_like")
        assert solved == [1]
        solved.clear()
        assert new["item_id"].equals(known["item_id"])
        np.testing.assert_allclose(new.select(NUMBERS), known.select(NUMBERS), rtol=2e-5)


def test_a_known_id_with_another_history_is_solved(fitted_model, solved):
    log, known = fitted_model.interactions_, fitted_model.scoring_.known
    frame = log.take_users(np.array([3])).to_frame()
    changed = frame.with_columns(rating=6.0 - frame["rating"])
    shorter = frame[1:]
    items = [id for id in log.items.to_series() if id not in set(frame["item_id"])]
    other_items = frame.with_columns(item_id=pl.Series(items[: len(frame)]))
    for history in (changed, shorter, other_items):
        fitted_model.recommend(history, k=3)
    assert solved == [1, 1, 1]
    assert known.of(log.take_users(np.array([3]))) is not None


def test_a_table_that_is_too_large_is_not_kept(fitted_model, monkeypatch, solved):
    log, mf = fitted_model.interactions_, fitted_model.fitted_.model.bayesian_mf
    whole = KnownUsers.solved(log, mf)
    expected = fitted_model.recommend(k=3, by="consume_and_like")
    monkeypatch.setattr(known_users, "ENTRIES", 7)  # a user at a time: the same rows
    np.testing.assert_allclose(KnownUsers.solved(log, mf).posteriors, whole.posteriors, atol=1e-5)
    monkeypatch.setattr(known_users, "MOST_SOLVED_BYTES", whole.posteriors.nbytes - 1)
    assert KnownUsers.solved(log, mf) is None
    monkeypatch.setattr(fitted_model.scoring_, "known", None)
    found = fitted_model.recommend(k=3, by="consume_and_like")
    assert solved == [log.n_users]
    assert found["item_id"].equals(expected["item_id"])
    np.testing.assert_allclose(found.select(NUMBERS), expected.select(NUMBERS), rtol=2e-5)


def test_a_saved_model_has_them(fitted_model, tmp_path, solved):
    fitted_model.save(tmp_path / "model")
    loaded = Conv4Rec.load(tmp_path / "model")
    loaded.recommend("u03", k=3)
    assert not solved
    posteriors = loaded.scoring_.known.posteriors
    assert np.array_equal(posteriors, fitted_model.scoring_.known.posteriors)
