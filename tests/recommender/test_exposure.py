"""Exposure prices keep to the limit, cost as little score as they can, and change lists."""

import warnings

import numpy as np
import polars as pl
import pytest
from scipy.optimize import linprog

from conv4rec import Conv4Rec
from conv4rec.recommender.exposure import EVEN, LENGTH, LIMITS, exposure_prices
from conv4rec.recommender.list_scores import norms_of

N_USERS, N_ITEMS = 200, 1000


@pytest.fixture
def list_score() -> np.ndarray:
    """A few items are the best for nearly all; users differ by a little."""
    rng = np.random.default_rng(0)
    return np.linspace(100.0, 0.0, N_ITEMS) + 0.7 * rng.standard_normal((N_USERS, N_ITEMS))


def prices_of(list_score: np.ndarray, limit: float) -> np.ndarray:
    items = np.broadcast_to(np.arange(list_score.shape[1]), list_score.shape)
    return exposure_prices(list_score, items, list_score.shape[1], limit)


def listed(list_score: np.ndarray) -> np.ndarray:
    return np.argsort(-list_score, axis=1)[:, :LENGTH]


def shares(list_score: np.ndarray) -> np.ndarray:
    return np.bincount(listed(list_score).ravel(), minlength=list_score.shape[1]) / len(list_score)


def test_no_item_is_listed_for_more_users_than_the_limit(list_score):
    assert shares(list_score).max() > 0.9
    assert shares(list_score - prices_of(list_score, 0.2)).max() <= 0.2 + 0.03


def test_only_an_item_at_the_limit_pays(list_score):
    prices = prices_of(list_score, 0.2)
    found = shares(list_score - prices)
    assert (prices >= 0).all()
    assert prices[found < 0.1].max() == 0.0
    assert prices.max() > 0.5


def test_the_loss_of_score_is_close_to_the_least_possible(list_score):
    """Against the best assignment that keeps to the limit, by linear programming."""
    some, limit = list_score[:30, :250], 0.5  # more than ten times an even share of 250 items
    prices = prices_of(some, limit)
    chosen = listed(some - prices)
    ours = np.take_along_axis(some, chosen, axis=1).sum()
    n, m = some.shape
    of_users = np.kron(np.eye(n), np.ones((1, m)))
    of_items = np.kron(np.ones((1, n)), np.eye(m))
    best = linprog(
        -some.ravel(), A_ub=of_items, b_ub=np.full(m, limit * n), A_eq=of_users,
        b_eq=np.full(n, LENGTH), bounds=(0, 1),
    )  # fmt: skip
    free = np.take_along_axis(some, listed(some), axis=1).sum()
    assert free - ours < 1.15 * (free + best.fun) + 1e-9


def test_users_with_few_candidates_cause_no_price():
    """Few candidates: everyone is listed all of them, and there is nothing to choose."""
    assert not prices_of(np.zeros((50, LENGTH)), 0.01).any()
    alone = np.full((50, 400), -np.inf)
    alone[:, 0] = 1.0
    prices = prices_of(alone, 0.1)
    assert np.isfinite(prices).all()


def test_a_small_catalogue_may_repeat_itself(list_score):
    assert not prices_of(list_score[:, :100], 0.01).any()  # ten times an even share is everybody


@pytest.fixture(scope="module")
def alike() -> Conv4Rec:
    """A log whose users differ by noise alone: some items are better liked than others."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(150):
        for item in rng.choice(300, 12, replace=False).tolist():
            mood = 4.6 - item / 100 + 0.7 * rng.standard_normal()
            rows.append((f"u{user:03}", f"i{item:03}", float(np.clip(np.rint(mood), 1, 5))))
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
    return Conv4Rec(seed=0, n_steps=20).fit(log)


@pytest.mark.parametrize("by", ["like", "rating", "discover"])
def test_lists_of_users_who_are_alike_differ_all_the_same(alike, by):
    def commonest(**options) -> float:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
            lists = alike.recommend(k=5, by=by, **options)
        return lists["item_id"].value_counts()["count"].max() / lists["user_id"].n_unique()

    limit = max(LIMITS[by], EVEN * LENGTH / 300)
    assert commonest() <= limit + 0.05
    assert commonest(limit_exposure=False) > commonest() + 0.05


def test_prices_are_saved_with_the_model(alike, tmp_path):
    alike.save(tmp_path / "model")
    loaded = Conv4Rec.load(tmp_path / "model")
    assert loaded._norms_by_level.keys() == {3}
    for by in LIMITS:
        options = {"k": 4, "by": by} | ({"min_p_like": 0} if by == "discover" else {})
        assert loaded.recommend(**options).equals(alike.recommend(**options))


def test_norms_are_the_same_for_any_memory(alike, monkeypatch):
    scoring, known = alike.scoring_, alike.interactions_
    expected = norms_of(scoring, known, alike.like_level_)
    monkeypatch.setattr(scoring, "max_memory_mb", 600 * known.n_items / 2**20)  # a user or two
    found = norms_of(scoring, known, alike.like_level_)
    np.testing.assert_allclose(found.others, expected.others, atol=1e-5)
    assert any(prices.any() for prices in expected.prices.values())
    for by, prices in expected.prices.items():
        np.testing.assert_allclose(found.prices[by], prices, atol=1e-3)


def test_another_like_threshold_has_norms_of_its_own(alike, tmp_path):
    alike.save(tmp_path / "model")
    loaded = Conv4Rec.load(tmp_path / "model")
    loaded.like_threshold = 5.0
    lists = loaded.recommend(k=3, by="like")
    assert lists["p_like"].mean() < alike.recommend(k=3, by="like")["p_like"].mean()
    assert loaded._norms_by_level.keys() == {4}
