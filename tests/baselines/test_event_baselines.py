"""Rules of thumb for logs with types, against counts by hand."""

import numpy as np
import polars as pl
import pytest

from conv4rec.baselines import EASE
from conv4rec.baselines.item_cosine import ItemCosine, hidden_events
from conv4rec.baselines.of_pairs import OfPairs
from conv4rec.baselines.own_events import OwnEvents
from conv4rec.baselines.typed_popularity import DAY, TypedPopularity, smoothed_shares
from conv4rec.data import Events
from conv4rec.errors import NotFittedError

ROWS = [
    # item 1: viewed by four, of whom two carted it and one of these bought it
    ("a", 1, "view"), ("b", 1, "view"), ("c", 1, "view"), ("d", 1, "view"),
    ("c", 1, "cart"), ("d", 1, "cart"), ("d", 1, "buy"),
    # item 2: bought by three without a view; item 3: viewed only
    ("a", 2, "buy"), ("b", 2, "buy"), ("c", 2, "buy"), ("a", 3, "view"), ("d", 4, "view"),
]  # fmt: skip


def events(rows=ROWS, *more, **loading):
    names = ["user_id", "item_id", "type", *more]
    return Events.from_frame(pl.DataFrame(rows, schema=names, orient="row"), **loading)


def order(scores):
    return (np.argsort(-scores, kind="stable") + 1).tolist()


def test_popularity_counts_the_users_of_the_type():
    model = TypedPopularity().fit(events())
    assert model.target_scores(events(), np.array([0, 1]), "buy").tolist() == [[1, 3, 0, 0]] * 2
    assert model.target_scores(events(), np.array([0]), "view").tolist() == [[4, 0, 1, 1]]
    shares = model.kind_probabilities(events(), np.array([0]), np.array([1]))
    assert shares.sum() == pytest.approx(1)
    assert shares[0].argmax() == 0  # item 2 is bought only


def test_a_type_with_one_event_is_scored_too():
    log = events([*ROWS, ("a", 2, "gift")])
    scores = OfPairs(EASE).fit(log).target_scores(log, np.array([0]), "gift")
    assert scores.tolist() == [[0, 0, 0, 0]]


def test_smoothing_is_strong_where_rows_are_alike_and_weak_where_they_differ():
    alike, differing = np.full((50, 2), 3.0), np.tile([[6.0, 0.0], [0.0, 6.0]], (25, 1))
    assert smoothed_shares(alike)[1] == 65_536
    assert smoothed_shares(differing)[1] == 1 / 16


def test_recent_popularity_forgets_what_is_no_longer_consumed():
    """Each day has an item of its own, with three users."""
    rows = [(f"{day}{n}", day, "view", day * DAY) for day in range(40) for n in range(3)]
    log = events(rows, "timestamp")
    recent = TypedPopularity(recent=True).fit(log)
    assert recent.half_life_ < 10
    assert recent.target_scores(log, np.array([0]), "view").argmax() == 39
    draws = np.random.default_rng(1).choice(3, 4000, p=[0.7, 0.2, 0.1]).tolist()
    steady = [(f"{n}", item, "view", n * DAY // 10) for n, item in enumerate(draws)]
    lasting = TypedPopularity(recent=True).fit(events(steady, "timestamp"))
    assert lasting.half_life_ > 4 * recent.half_life_
    assert TypedPopularity(recent=True).fit(events()).half_life_ == np.inf


def test_own_events_come_in_the_order_of_what_follows_them_then_popularity():
    """Half of the pairs with a view and a cart are bought, none with a view alone."""
    log = events()
    model = OwnEvents().fit(log)
    own = events([("z", 4, "view"), ("z", 4, "cart")], types=log.types, items=log.items)
    assert order(model.target_scores(own, np.array([0]), "buy")[0]) == [4, 2, 1, 3]
    viewed = events([("z", 4, "view")], types=log.types, items=log.items)
    assert order(model.target_scores(viewed, np.array([0]), "buy")[0]) == [2, 1, 3, 4]
    bought = events([("z", 1, "buy")], types=log.types, items=log.items)
    assert order(model.target_scores(bought, np.array([0]), "buy")[0]) == [2, 1, 3, 4]


def test_of_own_items_with_the_same_types_the_latest_comes_first():
    rows = [("a", 1, "view", 1), ("a", 1, "buy", 2), ("b", 2, "view", 1), ("b", 3, "view", 1)]
    log = events(rows, "timestamp")
    own = [("z", 2, "view", 9), ("z", 1, "view", 5), ("z", 3, "view", 7)]
    given = events(own, "timestamp", types=log.types, items=log.items)
    assert order(OwnEvents().fit(log).target_scores(given, np.array([0]), "buy")[0]) == [2, 3, 1]


def test_a_repeating_target_is_an_event_of_its_own():
    rows = [("a", 1, "play"), ("a", 1, "play"), ("b", 1, "play"), ("b", 2, "play")]
    log = events(rows)
    assert log.types.repeats("play")
    scores = OwnEvents().fit(log).target_scores(log, np.array([1]), "play")[0]
    assert scores[0] > scores[1] > 1


def test_conversion_orders_own_items_by_what_others_bought_after_a_view():
    sold = [
        (f"u{n}", item, kind)
        for n in range(30)
        for item, kind in [
            (1, "view"),
            (2, "view"),
            *([(1, "buy")] if n < 20 else [(2, "buy")] * (n < 25)),
        ]
    ]
    log = events([*sold, ("w", 2, "buy"), *[(f"v{n}", 2, "buy") for n in range(30)]])  # popular
    given = events([("z", 1, "view"), ("z", 2, "view")], types=log.types, items=log.items)
    rows = np.array([0])
    assert order(OwnEvents().fit(log).target_scores(given, rows, "buy")[0]) == [2, 1]
    converting = OwnEvents(converting=True).fit(log)
    assert order(converting.target_scores(given, rows, "buy")[0]) == [1, 2]


def test_cosines_of_the_target_alone_are_item_neighbours():
    rows = [("a", 1, "buy"), ("a", 2, "buy"), ("b", 1, "buy"), ("c", 3, "view"), ("c", 2, "buy")]
    log = events(rows)
    model = ItemCosine().fit(log)
    cosine = 1 / np.sqrt(2 * 2)
    expected = [[1 + cosine, 1 + cosine, 0], [1, cosine, 0], [cosine, 1, 0]]
    np.testing.assert_allclose(model.target_scores(log, np.arange(3), "buy"), expected, rtol=1e-6)


def test_the_weights_of_the_union_are_chosen_on_hidden_purchases():
    """Every purchase follows a view of the same item: own items must come first."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(60):
        viewed = rng.choice(30, 8, replace=False).tolist()
        rows += [(user, item, "view") for item in viewed]
        rows += [(user, item, "buy") for item in viewed[:4]]
    log = events(rows, targets=["buy"])
    model = ItemCosine(union=True).fit(log, seed=1)
    assert model.chosen_["buy"][1] > 1
    again = ItemCosine(union=True).fit(log, seed=1)
    assert again.chosen_ == model.chosen_
    split = hidden_events(log, "buy", seed=1)
    assert len(split.test) == 24
    assert len(split.train) + len(split.test) == len(log)


def test_a_baseline_of_ratings_logs_reads_the_target_or_the_union():
    log = events()
    target = OfPairs(lambda: EASE(reg=1.0)).fit(log)
    union = OfPairs(lambda: EASE(reg=1.0), union=True).fit(log)
    for model, pairs in ((target, log.interactions(["buy"])), (union, log.interactions())):
        expected = EASE(reg=1.0).fit(pairs).rank_scores(pairs, np.arange(4))
        scores = model.target_scores(log, np.arange(4), "buy")
        np.testing.assert_allclose(np.asarray(scores), expected)


@pytest.mark.parametrize("model", [TypedPopularity(), OwnEvents(), ItemCosine(), OfPairs(EASE)])
def test_a_baseline_that_was_not_fitted_says_so(model):
    with pytest.raises(NotFittedError):
        model.target_scores(events(), np.array([0]), "buy")
