"""The protocol against slow loops over users, in a world with ties and unrated items."""

import tracemalloc
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from conv4rec.baselines import Means
from conv4rec.data import split_log
from conv4rec.data.ids import Ids
from conv4rec.data.interactions import Interactions
from conv4rec.data.levels import Levels
from conv4rec.data.splits import Split
from conv4rec.errors import Conv4RecError, DataError, SettingError
from conv4rec.evaluate import evaluate

N_USERS, N_ITEMS, VALUES = 30, 24, (1.0, 2.0, 3.0, 4.0, 5.0)
KEYS = [
    *("rmse", "mae", "nll", "rps", "ece", "auc_like", "nll_joint"),
    *("recall@20", "ndcg@20", "recall@50", "ndcg@100", "ndcg_like@20"),
]


class Tables:
    """A scorer that looks its answers up: any of them may be missing (None)."""

    def __init__(self, scores=None, log_p=None, probabilities=None, expected=None):
        self.scores, self.log_p, self.probabilities, self.expected = (
            scores,
            log_p,
            probabilities,
            expected,
        )

    def rank_scores(self, _given, rows):
        return None if self.scores is None else self.scores[rows]

    def rank_log_probabilities(self, _given, rows):
        return None if self.log_p is None else self.log_p[rows]

    def rating_probabilities(self, _given, rows, items):
        return None if self.probabilities is None else self.probabilities[rows, items]

    def expected_ratings(self, _given, rows, items):
        return None if self.expected is None else self.expected[rows, items]


def interactions(levels: np.ndarray, where: np.ndarray) -> Interactions:
    """Interactions at some cells of users × items; level -1 is not rated."""
    users, items = np.nonzero(where)
    found = levels[users, items]
    ratings = [VALUES[level] if level >= 0 else None for level in found]
    return Interactions.from_frame(
        pl.DataFrame({"user_id": users, "item_id": items, "rating": ratings}),
        levels=VALUES,
        users=Ids.from_values(pl.Series(range(N_USERS))),
        items=Ids.from_values(pl.Series(range(N_ITEMS))),
    )


@pytest.fixture
def world():
    """Levels of all cells, the cells given and tested, and a model of ties about them."""
    rng = np.random.default_rng(0)
    levels = rng.integers(-1, 5, size=(N_USERS, N_ITEMS))
    draw = rng.random(levels.shape)
    given, test = draw < 0.3, draw > 0.7
    test[3] = False  # a user with nothing to test
    levels[4][test[4]] = -1  # a user who consumes but does not rate
    levels[5][test[5] & (levels[5] >= 3)] = 0  # a user who likes nothing
    scores = rng.integers(0, 5, size=levels.shape).astype(np.float32)
    odds = np.where(given, 0.0, rng.random(levels.shape))
    with np.errstate(divide="ignore"):
        log_p = np.log(odds / odds.sum(axis=1, keepdims=True))
    probabilities = rng.dirichlet(np.ones(5), size=7)[rng.integers(7, size=levels.shape)]
    model = Tables(scores, log_p, probabilities, rng.normal(3, 2, size=levels.shape))
    train = interactions(levels, given)
    split = Split("world", train=train, given=train, test=interactions(levels, test))
    return levels, given, test, model, split


def slow_ndcg(scores, barred, relevant, k):
    ranked = sorted(np.flatnonzero(~barred), key=lambda item: (-scores[item], item))[:k]
    gain = sum(relevant[item] / np.log2(r + 2) for r, item in enumerate(ranked))
    return gain / sum(1 / np.log2(r + 2) for r in range(min(k, relevant.sum())))


def test_the_metrics_have_their_published_names(world):
    assert sorted(evaluate(world[3], world[4]).metrics) == sorted(KEYS)


@pytest.mark.parametrize("k", [1, 3, 20])
def test_ranking_metrics_equal_a_loop_over_users(world, k):
    levels, given, test, model, split = world
    found = evaluate(model, split, ranking_metrics=[f"ndcg@{k}", f"recall@{k}", f"ndcg_like@{k}"])
    users = np.flatnonzero(test.any(axis=1))
    ndcgs = [slow_ndcg(model.scores[u], given[u], test[u], k) for u in users]
    np.testing.assert_allclose(found.per_user[f"ndcg@{k}"], ndcgs)
    assert found[f"ndcg@{k}"] == pytest.approx(np.mean(ndcgs))
    recalls = []
    for u in users:
        ranked = sorted(np.flatnonzero(~given[u]), key=lambda i: (-model.scores[u, i], i))[:k]
        recalls.append(test[u][ranked].sum() / min(k, test[u].sum()))
    assert found[f"recall@{k}"] == pytest.approx(np.mean(recalls))
    liked = test & (levels >= 3)
    fans = [u for u in users if liked[u].any()]
    assert len(fans) < len(users)
    likes = [slow_ndcg(model.scores[u], given[u], liked[u], k) for u in fans]
    assert found[f"ndcg_like@{k}"] == pytest.approx(np.mean(likes))


def test_rating_metrics_equal_a_loop_over_the_rated_test_items(world):
    levels, _, test, model, split = world
    found = evaluate(model, split)
    cells = test & (levels >= 0)
    observed, probabilities, log_p = levels[cells], model.probabilities[cells], model.log_p[cells]
    values = np.array(VALUES)
    errors = np.clip(model.expected[cells], 1, 5) - values[observed]
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert found["nll"] == pytest.approx(log_loss(observed, probabilities, labels=range(5)))
    joint = [
        -lp - np.log(row[k]) for lp, row, k in zip(log_p, probabilities, observed, strict=True)
    ]
    assert found["nll_joint"] == pytest.approx(np.mean(joint))
    assert found["auc_like"] == pytest.approx(
        roc_auc_score(observed >= 3, probabilities[:, 3:].sum(1))
    )
    assert found.reliability is not None
    assert found.reliability.n.sum() == cells.sum() == found.n_rated


@pytest.mark.parametrize("max_memory_mb", [0.0012, 0.004, 0.02])
def test_metrics_do_not_depend_on_the_memory_budget(world, max_memory_mb):
    model, split = world[3:]
    whole, cut = evaluate(model, split), evaluate(model, split, max_memory_mb=max_memory_mb)
    assert cut.metrics == pytest.approx(whole.metrics, rel=1e-12)
    for name, values in whole.per_user.items():
        np.testing.assert_allclose(cut.per_user[name], values, rtol=1e-12)


def test_users_are_scored_in_blocks_that_fit_the_budget(world):
    model, split = world[3:]
    sizes = []

    class Watched(Tables):
        def rank_scores(self, given, rows):
            sizes.append(len(rows))
            return super().rank_scores(given, rows)

    evaluate(Watched(model.scores), split, max_memory_mb=0.005)
    assert max(sizes) == 5000 // (48 * N_ITEMS)
    assert sum(sizes) == N_USERS - 1


def test_items_of_the_history_need_not_be_masked_by_the_model(world):
    model, split = world[3:]
    boosted = model.scores + 1000 * world[1]
    assert evaluate(Tables(boosted), split).metrics == evaluate(Tables(model.scores), split).metrics


def test_the_models_scores_are_not_overwritten(world):
    model, split = world[3:]
    before = model.scores.copy()

    class Lender(Tables):
        def rank_scores(self, given, rows):
            assert given is split.given
            return self.scores[: len(rows)]  # a view of its own array

    evaluate(Lender(model.scores), split)
    np.testing.assert_array_equal(model.scores, before)


def test_whoever_knows_the_future_ranks_perfectly(world):
    found = evaluate(Tables(world[2].astype(float)), world[4])
    assert found["ndcg@20"] == found["recall@20"] == 1.0


def test_per_user_means_weighted_by_ratings_give_the_metrics(world):
    found = evaluate(world[3], world[4])
    weights = found.per_user["n_rated"]
    assert np.isnan(found.per_user["nll"]).sum() == (weights == 0).sum() > 0
    for name in ("nll", "rps", "nll_joint"):
        assert np.nansum(found.per_user[name] * weights) / weights.sum() == pytest.approx(
            found[name]
        )
    mse = np.nansum(found.per_user["squared_error"] * weights) / weights.sum()
    assert np.sqrt(mse) == pytest.approx(found["rmse"])


def test_users_are_named_by_their_own_ids(world):
    found = evaluate(world[3], world[4])
    assert found.user_ids.to_list() == [u for u in range(N_USERS) if u != 3]


def test_what_a_model_cannot_answer_is_none(world):
    model, split = world[3:]
    assert all(value is None for value in evaluate(Tables(), split).metrics.values())
    point = evaluate(Tables(expected=model.expected), split)
    assert [name for name in KEYS if point[name] is not None] == ["rmse"]
    ranks = evaluate(Tables(scores=model.scores, log_p=model.log_p), split)
    assert [name for name in KEYS if ranks[name] is not None] == KEYS[7:]


def test_without_its_own_point_prediction_the_mean_of_the_chances_is_used(world):
    model, split = world[3:]
    mean = Tables(expected=model.probabilities @ np.array(VALUES))
    assert evaluate(Tables(probabilities=model.probabilities), split)["rmse"] == pytest.approx(
        evaluate(mean, split)["rmse"]
    )


def test_a_lower_like_threshold_counts_more_as_liked(world):
    levels, given, test, model, split = world
    found = evaluate(model, split, like_threshold=2)
    assert found.like_threshold == 2
    liked = test & (levels >= 1)
    expected = [
        slow_ndcg(model.scores[u], given[u], liked[u], 20) for u in range(N_USERS) if liked[u].any()
    ]
    assert found["ndcg_like@20"] == pytest.approx(np.mean(expected))


def test_a_test_item_that_was_given_is_refused(world):
    model, split = world[3:]
    with pytest.raises(DataError, match="also stand in"):
        evaluate(model, replace(split, test=split.train))


def test_chances_that_are_not_chances_are_refused(world):
    model, split = world[3:]
    with pytest.raises(Conv4RecError, match="sum to one"):
        evaluate(Tables(probabilities=model.probabilities * 1.1), split)
    with pytest.raises(Conv4RecError, match="sum to one"):
        evaluate(Tables(probabilities=model.probabilities, log_p=model.log_p + 0.1), split)
    uniform = np.full(world[0].shape, -np.log(N_ITEMS))
    with pytest.raises(Conv4RecError, match="history"):
        evaluate(Tables(probabilities=model.probabilities, log_p=uniform), split)
    with pytest.raises(Conv4RecError, match="shape"):
        evaluate(Tables(model.scores[:, :-1]), split)


@pytest.mark.parametrize("name", ["ndcg", "ndcg@", "ndcg@0", "map@20", "ndcg@-1"])
def test_an_unknown_ranking_metric_is_refused_with_the_known_ones(world, name):
    with pytest.raises(SettingError, match="recall@k"):
        evaluate(world[3], world[4], ranking_metrics=[name])


def test_a_budget_too_small_for_one_user_says_what_would_do(world):
    with pytest.raises(SettingError, match="at least"):
        evaluate(world[3], world[4], max_memory_mb=0.0001)


def test_the_printed_evaluation_names_the_split_and_every_metric(world):
    lines = str(evaluate(world[3], world[4])).splitlines()
    assert lines[0].startswith("world: 29 users")
    assert [line.split()[0] for line in lines[1:]] == KEYS


def test_the_evaluator_stays_within_its_memory_budget():
    rng = np.random.default_rng(0)
    where = rng.random((600, 500))
    users, items = (Ids.from_values(pl.Series(range(n))) for n in where.shape)
    train, test = (
        Interactions.from_numbers(users, items, Levels(VALUES), *np.nonzero(cells))
        for cells in (where < 0.05, where > 0.99)
    )
    scores = rng.random(where.shape)
    model = Tables(scores, np.zeros((600, 500)))
    split = Split("large", train=train, given=train, test=test)
    tracemalloc.start()
    evaluate(model, split, max_memory_mb=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 1e6 < peak < 3e6 < 48 * scores.size


def test_ratings_that_are_no_numbers_are_an_error_not_a_gap(mixed):
    split = split_log(mixed, "r0", name="mixed")

    class Broken(Means):
        def expected_ratings(self, given, rows, items):
            ratings = super().expected_ratings(given, rows, items)
            ratings[::5] = np.nan
            return ratings

        def rating_probabilities(self, *_):
            return None

    with pytest.raises(Conv4RecError, match="expected_ratings holds NaN or infinity for"):
        evaluate(Broken().fit(split.train), split)


def test_chances_below_zero_are_an_error(mixed):
    split = split_log(mixed, "r0", name="mixed")

    class Broken(Means):
        def rating_probabilities(self, given, rows, items):
            probabilities = super().rating_probabilities(given, rows, items)
            return probabilities + np.array([-2, 2, 0, 0, 0])

    with pytest.raises(Conv4RecError, match="below zero"):
        evaluate(Broken().fit(split.train), split)
