"""Baselines: closed forms hold, new users are served, and no choice reads the test."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conv4rec.baselines import BASELINES, EASE, Means, Popularity, baseline
from conv4rec.baselines.ease import _take_items
from conv4rec.data.ids import Ids
from conv4rec.data.interactions import Interactions
from conv4rec.data.splits import Split, random_split, split_by_name
from conv4rec.errors import DataError, NotFittedError, SettingError
from conv4rec.evaluate import evaluate

N_ITEMS = 6


def from_levels(levels: np.ndarray) -> Interactions:
    """Interactions of a users × items table of ratings 1-5; 0 = nothing, -1 = not rated."""
    users, items = np.nonzero(levels)
    ratings = [float(r) if r > 0 else None for r in levels[users, items]]
    return Interactions.from_frame(
        pl.DataFrame({"user_id": users, "item_id": items, "rating": ratings}),
        levels=(1, 2, 3, 4, 5),
        users=Ids.from_values(pl.Series(range(len(levels)))),
        items=Ids.from_values(pl.Series(range(levels.shape[1]))),
    )


def random_levels(seed: int, n_users: int = 14) -> np.ndarray:
    """A random world with a direction: users of item 1 have item 0, not the other way round."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(1, 6, size=(n_users, N_ITEMS))
    levels[rng.random(levels.shape) < 0.6] = 0
    levels[:, 0] = np.maximum(levels[:, 0], levels[:, 1])
    levels[0] = [5, 4, 0, 0, 3, 0]  # never empty
    return levels


@given(seed=st.integers(0, 2**32 - 1), reg=st.floats(0.1, 100.0), n_users=st.sampled_from([4, 14]))
@settings(deadline=None)
def test_each_item_is_ridge_regressed_on_the_others(seed, reg, n_users):
    """Score j is item j's ridge regression on the other items (Steck 2019, eq. 2)."""
    levels = random_levels(seed, n_users)
    train = from_levels(levels)
    x = (levels != 0).astype(float)
    scores = EASE(reg=reg).fit(train).rank_scores(train, np.arange(len(x)))
    for j in range(N_ITEMS):
        others = np.delete(x, j, axis=1)
        gram = others.T @ others + reg * np.eye(N_ITEMS - 1)
        beta = np.linalg.solve(gram, others.T @ x[:, j])
        np.testing.assert_allclose(scores[:, j], others @ beta, atol=1e-4)  # single precision


def test_ease_takes_any_rating_and_none_for_consumption():
    levels = random_levels(0)
    unrated = np.where(levels != 0, -1, 0)
    rows = np.arange(len(levels))
    rated, plain = (from_levels(table) for table in (levels, unrated))
    np.testing.assert_array_equal(
        EASE(reg=2.0).fit(rated).rank_scores(rated, rows),
        EASE(reg=2.0).fit(plain).rank_scores(plain, rows),
    )


def test_rows_are_answered_in_the_order_they_are_asked():
    train = from_levels(random_levels(1))
    rows = np.array([5, 0, 5, 2])
    for model in (EASE(reg=2.0).fit(train), Popularity().fit(train)):
        everyone = model.rank_scores(train, np.arange(14))
        np.testing.assert_array_equal(model.rank_scores(train, rows), everyone[rows])
    means = Means(reg_item=1, reg_user=1).fit(train)
    items = np.array([3, 3, 2, 0])
    alone = [means.expected_ratings(train, rows[[j]], items[[j]])[0] for j in range(4)]
    np.testing.assert_allclose(means.expected_ratings(train, rows, items), alone)


def test_the_weights_of_several_blocks_are_those_of_one(monkeypatch):
    train = from_levels(random_levels(6))
    whole = EASE(reg=2.0).fit(train).weights_
    monkeypatch.setattr("conv4rec.baselines.ease.BLOCK", 4)
    np.testing.assert_array_equal(EASE(reg=2.0).fit(train).weights_, whole)


def test_the_penalty_is_searched_on_the_most_consumed_items(monkeypatch):
    """On the three most consumed of six items, the choice is that of a log of these alone."""
    train, held = random_split(from_levels(random_levels(7, n_users=200)), 0.3, seed=0)
    counts = np.bincount(train.item_numbers, minlength=N_ITEMS)
    popular = np.sort(np.argsort(-counts, kind="stable")[:3])
    alone, held_alone = (_take_items(log, popular) for log in (train, held))
    assert alone.n_items == 3
    assert len(alone) == counts[popular].sum()
    monkeypatch.setattr("conv4rec.baselines.ease.MOST_SEARCHED", 3)
    chosen = EASE().fit(train, validation=held)
    assert chosen.reg_ == EASE().fit(alone, validation=held_alone).reg_
    assert chosen.weights_.shape == (N_ITEMS, N_ITEMS)


def test_ease_refuses_a_catalogue_that_would_fill_the_memory():
    with pytest.raises(SettingError, match="max_items"):
        EASE(reg=1.0, max_items=5).fit(from_levels(random_levels(0)))


@pytest.mark.parametrize("reg", [0.0, -1.0])
def test_ease_refuses_a_penalty_that_is_not_positive(reg):
    with pytest.raises(SettingError, match="above 0"):
        EASE(reg=reg).fit(from_levels(random_levels(0)))


def test_popularity_counts_users_and_shares_out_what_is_left():
    levels = np.array([[1, 1, 0], [5, 0, 0], [-1, 0, 0]])
    train = from_levels(levels)
    model = Popularity().fit(train)
    assert model.rank_scores(train, np.array([1])).tolist() == [[3, 1, 0]]
    probabilities = np.exp(model.rank_log_probabilities(train, np.array([0, 1])))
    np.testing.assert_allclose(probabilities, [[0, 0, 1], [0, 2 / 3, 1 / 3]])  # (count + 1) each


def test_a_user_who_has_seen_every_item_gets_probability_zero_and_no_nan():
    train = from_levels(np.array([[1, 2], [1, 0]]))
    probabilities = np.exp(Popularity().fit(train).rank_log_probabilities(train, np.array([0])))
    assert probabilities.tolist() == [[0, 0]]


def test_the_means_solve_their_least_squares_problem():
    """At convergence the biases zero the gradient of sum (r - μ - b_i - b_u)² + reg |b|²."""
    levels = random_levels(3, n_users=40)
    train = from_levels(levels)
    model = Means(reg_item=2.0, reg_user=3.0)
    model.N_SWEEPS = 200
    model.fit(train)
    users, items = np.nonzero(levels)
    design = np.zeros((len(users), 40 + N_ITEMS))
    design[np.arange(len(users)), users] = 1
    design[np.arange(len(users)), 40 + items] = 1
    ratings = levels[users, items]
    penalty = np.diag([3.0] * 40 + [2.0] * N_ITEMS)
    biases = np.linalg.solve(design.T @ design + penalty, design.T @ (ratings - ratings.mean()))
    expected = np.clip(ratings.mean() + biases[:40, None] + biases[40:], 1, 5)
    pairs = np.indices(expected.shape).reshape(2, -1)
    np.testing.assert_allclose(model.expected_ratings(train, *pairs), expected.ravel(), atol=1e-6)


def test_means_of_a_new_user_come_from_the_given_history():
    train = from_levels(random_levels(4, n_users=40))
    model = Means(reg_item=1.0, reg_user=1.0).fit(train)
    harsh, generous, empty = [1, 1, 1, 0, 0, 0], [5, 5, 5, 0, 0, 0], [0] * 6
    newcomers = from_levels(np.array([harsh, generous, empty]))
    low, high, middle = model.expected_ratings(newcomers, np.arange(3), np.full(3, 4))
    assert low < middle < high
    assert middle == pytest.approx(model.mean_ + model.item_biases_[4])


def test_means_ignore_what_was_consumed_without_a_rating():
    levels = random_levels(5, n_users=40)
    unrated = np.where(levels == 0, -1, levels)
    pairs = np.arange(40), np.full(40, 2)
    plain, mixed = (
        Means(reg_item=1.0, reg_user=1.0)
        .fit(train, validation=from_levels(levels))
        .expected_ratings(train, *pairs)
        for train in (from_levels(levels), from_levels(unrated))
    )
    np.testing.assert_allclose(plain, mixed)


def test_means_without_any_rating_say_so():
    with pytest.raises(DataError, match="rated"):
        Means().fit(from_levels(np.array([[-1, -1], [-1, 0]])))


def answer(model, train: Interactions):
    """The main answer of a baseline, for the first user."""
    first = np.zeros(1, dtype=int)
    if isinstance(model, Means):
        return model.expected_ratings(train, first, first)
    return model.rank_scores(train, first)


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_must_be_fitted_before_it_answers(name):
    model, train = baseline(name), from_levels(random_levels(0))
    with pytest.raises(NotFittedError, match="fit"):
        answer(model, train)


@pytest.mark.parametrize("name", BASELINES)
def test_histories_over_another_catalogue_are_refused(name):
    model = baseline(name).fit(from_levels(random_levels(0, n_users=60)))
    other = from_levels(np.array([[1, 2, 3]]))
    with pytest.raises(DataError, match="3 items"):
        answer(model, other)


def test_an_unknown_baseline_is_refused_with_the_known_names():
    with pytest.raises(SettingError, match="popularity, means, ease"):
        baseline("basement")


@pytest.fixture(scope="module")
def movies() -> Split:
    """Real ratings of films that at least 50 people rated, a tenth of them to be found."""
    everything = split_by_name("movielens-2016/r0").train.to_frame()
    often = pl.len().over("item_id") >= 50
    train, test = random_split(Interactions.from_frame(everything.filter(often)))
    return Split("movies", train=train, given=train, test=test)


@pytest.mark.parametrize("name", BASELINES)
def test_the_same_seed_gives_the_same_baseline(movies, name):
    runs = [evaluate(baseline(name).fit(movies.train, seed=3), movies).metrics for _ in range(2)]
    assert runs[0] == runs[1]


def test_personal_lists_beat_the_same_list_for_all(movies):
    popular = evaluate(Popularity().fit(movies.train), movies)
    ease = evaluate(EASE(reg=400.0).fit(movies.train), movies)
    assert ease["ndcg@20"] > 1.2 * popular["ndcg@20"] > 0


def test_the_means_explain_ratings_better_than_one_mean_for_all(movies):
    plain = Means(reg_item=1e9, reg_user=1e9).fit(movies.train)
    found, baseline = evaluate(Means().fit(movies.train), movies), evaluate(plain, movies)
    for name in ("rmse", "mae", "nll", "rps"):
        assert found[name] < 0.95 * baseline[name]
    assert found["auc_like"] > 0.7
