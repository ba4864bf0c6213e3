"""The door: lists by rule, a model's own lists, and models compared on the same pairs."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from conv4rec.data.ids import Ids
from conv4rec.data.interactions import Interactions
from conv4rec.data.levels import Levels
from conv4rec.data.splits import Split
from conv4rec.errors import DataError, SettingError
from conv4rec.evaluate import (
    ItemLists,
    Propensity,
    compare_lists,
    evaluate_lists,
    liked_if_shown,
    quality_of_lists,
)
from conv4rec.evaluate import rated_pairs as pairs_module
from conv4rec.evaluate.item_lists import BY_RULE, KINDS, ListRules, lists_by_rule, own_lists

N_USERS, N_ITEMS, K = 24, 16, 4
LEVEL = 3  # 4 and 5 of 5 are liked


class Tables:
    """A scorer that looks its answers up: any of them may be missing (None)."""

    def __init__(self, scores=None, probabilities=None, expected=None):
        self.scores, self.probabilities, self.expected = scores, probabilities, expected

    def rank_scores(self, _given, rows):
        return None if self.scores is None else self.scores[rows]

    def rank_log_probabilities(self, _given, _rows):
        return None

    def rating_probabilities(self, _given, rows, items):
        return None if self.probabilities is None else self.probabilities[rows, items]

    def expected_ratings(self, _given, rows, items):
        return None if self.expected is None else self.expected[rows, items]


class Maker(Tables):
    """A scorer that also makes lists: of each person the first free items, one fewer each kind."""

    def recommend_blocks(self, users=None, k=10, *, by="consume"):
        for row in range(users.n_users):
            seen = users.item_numbers[users.starts[row] : users.starts[row + 1]]
            free = np.setdiff1d(np.arange(N_ITEMS), seen)[: k - KINDS.index(by)]
            frame = {"user_id": users.users.ids(np.full(len(free), row)),
                     "item_id": users.items.ids(free), "rank": range(1, len(free) + 1),
                     "p_like": np.full(len(free), 0.6)}  # fmt: skip
            if by == "discover":
                frame |= {"p_like_low": np.full(len(free), 0.5), "p_like_high": 0.75}
            yield pl.DataFrame(frame)


def interactions(levels, where):
    users, items = np.nonzero(where)
    user_ids, item_ids = (
        Ids.from_values(pl.Series([f"{what}{n:02}" for n in range(size)]))
        for what, size in (("u", N_USERS), ("i", N_ITEMS))
    )
    scale = Levels.given([1, 2, 3, 4, 5])
    return Interactions.from_numbers(user_ids, item_ids, scale, users, items, levels[users, items])


@pytest.fixture
def world():
    rng = np.random.default_rng(1)
    levels = rng.integers(-1, 5, size=(N_USERS, N_ITEMS))
    draw = rng.random(levels.shape) * np.linspace(0.6, 1.4, N_ITEMS)
    given, test = draw < 0.35, draw > 0.7
    test[3] = False
    train = interactions(levels, given)
    split = Split("world", train, given=train, test=interactions(levels, test))
    model = Tables(
        rng.random(levels.shape),
        rng.dirichlet(np.ones(5), size=levels.shape),
        rng.normal(3, 1, size=levels.shape),
    )
    return levels, given, test, split, model


def best(scores, barred, k=K):
    items = [item for item in np.argsort(-scores, kind="stable") if not barred[item]][:k]
    return items + [-1] * (k - len(items))


def test_lists_by_rule_are_the_best_by_each_answer(world):
    _, given, _, split, model = world
    rows = np.arange(N_USERS)
    found = lists_by_rule(model, model, split, rows, ListRules(LEVEL, K, 5, 4))
    assert set(found) == set(KINDS)
    counts = np.bincount(split.train.item_numbers[split.train.level_numbers >= 0])
    counts = np.pad(counts, (0, N_ITEMS - len(counts)))
    assert 0 < (counts < 4).sum() < N_ITEMS
    for user in rows:
        p_like = model.probabilities[user, :, LEVEL:].sum(axis=1)
        natural = np.argsort(-np.where(given[user], -np.inf, model.scores[user]))[:5]
        barred = given[user] | np.isin(np.arange(N_ITEMS), natural) | (counts < 4)
        assert found["consume"].items[user].tolist() == best(model.scores[user], given[user])
        assert found["like"].items[user].tolist() == best(p_like, given[user])
        assert found["rating"].items[user].tolist() == best(model.expected[user], given[user])
        discovered = found["discover"].items[user]
        assert discovered.tolist() == best(p_like, barred)
        listed = discovered >= 0
        assert found["discover"].p_like[user][listed] == pytest.approx(p_like[discovered[listed]])
        assert np.isnan(found["discover"].p_like[user][~listed]).all()


def test_a_scorer_has_the_kinds_of_lists_that_its_outputs_allow(world):
    split, model = world[3:]
    kinds = [
        set(evaluate_lists(each, split, k=K).quality)
        for each in (Tables(model.scores), Tables(expected=model.expected), Tables())
    ]
    assert kinds == [{"consume"}, {"rating", "discover"}, set()]
    alone = evaluate_lists(Tables(expected=model.expected), split, k=K, beyond=5)
    assert alone.quality["rating"].p_like is None
    assert alone.unlikely["neutral"].auc is not None
    assert evaluate_lists(Tables(model.scores), split).unlikely == {}


def test_the_figures_are_those_of_the_parts(world):
    levels, given, test, split, model = world
    found = evaluate_lists(model, split, ranker=model, k=K, beyond=5, min_ratings=2)
    rows = np.flatnonzero(test.any(axis=1))
    made = lists_by_rule(model, model, split, rows, ListRules(LEVEL, K, 5, 2))["discover"]
    ranks = np.argsort(np.argsort(-np.where(given, -np.inf, model.scores), axis=1), axis=1) + 1
    consume_ranks = np.where(
        made.items >= 0, np.take_along_axis(ranks[rows], made.items, axis=1), np.nan
    )
    n_ratings = (given & (levels >= 0)).sum(axis=1)[rows]
    by_hand = quality_of_lists(
        made.items,
        split.train,
        n_ratings=n_ratings,
        p_like=made.p_like,
        consume_ranks=consume_ranks,
    )
    assert found.quality["discover"] == by_hand
    assert by_hand.consume_rank > 5
    people, items = np.nonzero((test & (levels >= 0))[rows])
    liked = levels[rows][people, items] >= LEVEL
    p = Propensity.of(split).at(split.given, rows[people], items)
    by_hand = liked_if_shown(made.items, people, items, liked, p)
    assert found.shown["discover"].to_dict() == by_hand.to_dict()
    far = ranks[rows][people, items] > 5
    assert found.unlikely["ranker"].users.tolist() == people[far].tolist()
    assert found.unlikely["ranker"].liked.tolist() == liked[far].tolist()
    p_like = model.probabilities[rows][people, items, LEVEL:].sum(axis=1)
    assert found.unlikely["ranker"].scores == pytest.approx(p_like[far])


def test_the_figures_do_not_depend_on_blocks(world, monkeypatch):
    split, model = world[3:]
    whole = evaluate_lists(model, split, ranker=model, k=K, beyond=5).to_dict()
    monkeypatch.setattr(pairs_module, "_PAIRS_AT_ONCE", 7)
    tight = 48 * N_ITEMS * 3.5 / 1e6  # three users at a time
    assert evaluate_lists(model, split, ranker=model, k=K, beyond=5,
                          max_memory_mb=tight).to_dict() == whole  # fmt: skip


def test_level_probabilities_are_computed_in_blocks_of_pairs(world, monkeypatch):
    split, model = world[3:]
    asked = []
    monkeypatch.setattr(pairs_module, "_PAIRS_AT_ONCE", 50)
    answer = model.rating_probabilities
    model.rating_probabilities = lambda given, rows, items: (
        asked.append(len(rows)) or answer(given, rows, items)
    )
    evaluate_lists(model, split, k=K)
    assert max(asked) == 50
    assert sum(asked) > N_ITEMS * 20


def test_a_model_that_makes_lists_is_asked_for_them(world):
    _, given, test, split, model = world
    maker = Maker(model.scores, model.probabilities, model.expected)
    found = evaluate_lists(maker, split, k=K, beyond=5, min_ratings=2)
    assert list(found.quality) == [*KINDS, BY_RULE]
    rows = np.flatnonzero(test.any(axis=1))
    assert found.quality["consume"].length == K
    assert found.quality["discover"].length == K - 3
    assert found.quality["discover"].interval_width == pytest.approx(0.25)
    assert found.quality["like"].interval_width is None
    made = own_lists(maker, split.given, rows, "consume", K)
    for place, user in enumerate(rows):
        assert made.items[place].tolist() == np.flatnonzero(~given[user])[:K].tolist()
    by_rule = evaluate_lists(model, split, k=K, beyond=5, min_ratings=2)
    assert found.quality[BY_RULE] == by_rule.quality["discover"]


def test_finished_lists_are_measured_as_given(world):
    split, model = world[3:]
    rows = np.flatnonzero(np.diff(split.test.starts))
    items = np.tile([0, 1], (len(rows), 1))
    found = evaluate_lists({"mine": ItemLists(items)}, split)
    assert found.quality["mine"].coverage == 2 / N_ITEMS
    assert found.quality["mine"].top_item == 1.0
    assert found.unlikely == {}
    with pytest.raises(SettingError, match=f"24 mine lists for {len(rows)} people"):
        evaluate_lists({"mine": ItemLists(np.zeros((24, 2), dtype=int))}, split)
    del model


def test_people_are_active_by_the_ratings_of_their_history(world, monkeypatch):
    monkeypatch.setattr("conv4rec.evaluate.list_quality.ACTIVE", 4)
    levels, given, test, split, _ = world
    rows = np.flatnonzero(test.any(axis=1))
    is_active = ((given & (levels >= 0)).sum(axis=1) >= 4)[rows]
    assert 0 < is_active.sum() < len(rows)
    found = evaluate_lists({"shy": ItemLists(np.where(is_active, -1, 0)[:, None])}, split)
    assert found.quality["shy"].active_without_list == 1.0
    assert found.quality["shy"].with_list == (~is_active).mean()


def test_models_are_compared_pair_by_pair(world):
    levels, _, test, split, model = world
    knows = np.where(test & (levels >= LEVEL), 5.0, 1.0)
    ideal, ours = (evaluate_lists(each, split, ranker=model, k=K, beyond=5)
                   for each in (Tables(expected=knows), model))  # fmt: skip
    found = compare_lists(ideal, ours)
    assert set(found["unlikely"]) == {"neutral", "ranker"}
    assert set(found["liked_if_shown"]) == {"rating", "discover"}
    assert found["unlikely"]["ranker"]["auc"].low > 0
    shown = found["liked_if_shown"]["rating"]
    assert shown.mean == pytest.approx(ideal.shown["rating"].share - ours.shown["rating"].share)


def test_discoveries_are_also_compared_by_the_same_rule(world):
    split, model = world[3:]
    rules: dict[str, Any] = {"k": 8, "beyond": 2, "min_ratings": 0}
    maker = evaluate_lists(Maker(model.scores, model.probabilities), split, **rules)
    candidate = evaluate_lists(Tables(probabilities=model.probabilities), split, **rules)
    found = compare_lists(candidate, maker)["liked_if_shown"]
    assert (found[BY_RULE].mean, found[BY_RULE].low, found[BY_RULE].high) == (0, 0, 0)
    assert "discover" in found


def test_values_out_of_range_and_empty_test_parts_are_refused(world):
    split, model = world[3:]
    with pytest.raises(SettingError, match="k must be at least 1"):
        evaluate_lists(model, split, k=0)
    with pytest.raises(DataError, match="must rank"):
        evaluate_lists(model, split, ranker=Tables())
    empty = split.test.select(np.zeros(len(split.test), dtype=bool))
    with pytest.raises(DataError, match="no test interaction"):
        evaluate_lists(model, Split("none", split.train, split.given, empty))
