"""Every odd little world can be fitted and has finite probabilities that sum to one."""

import warnings

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec, Interactions
from conv4rec.data import Ids
from conv4rec.recommender.list_scores import ORDERS


def table(*rows):
    schema = {"user_id": pl.String, "item_id": pl.String, "rating": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def grid(n_users, n_items, rating):
    rng = np.random.default_rng(0)
    return table(
        *((f"u{u}", f"i{i}", rating(u, i)) for u in range(n_users) for i in range(n_items)
          if rng.random() < 0.6 or u == i)
    )  # fmt: skip


def with_more(log, users=(), items=()):
    """The same rows over more users and items: without history, and never consumed."""
    users = Ids.from_values(pl.concat([log["user_id"], pl.Series(users, dtype=pl.String)]), "user")
    items = Ids.from_values(pl.concat([log["item_id"], pl.Series(items, dtype=pl.String)]), "item")
    return Interactions.from_frame(log, users=users, items=items)


GRID = grid(8, 9, lambda u, i: 1 + (u + i) % 5)
WORLDS = {
    "one user, one item": table(("u", "i", 3)),
    "one user, one item, not rated": table(("u", "i", None)),
    "one user": table(("u", "a", 3), ("u", "b", 5), ("u", "c", None)),
    "one item": table(("u", "a", 3), ("v", "a", 5), ("w", "a", None)),
    "two users, two items": table(("u", "a", 1), ("v", "b", 2)),
    "two users consumed both items": table(
        ("u", "a", 1), ("u", "b", 2), ("v", "a", 2), ("v", "b", None)
    ),
    "a user who consumed everything": pl.concat(
        [GRID, table(*((f"all{n}", f"i{i}", 1 + i % 5) for n in range(3) for i in range(9)))]
    ),
    "all ratings equal": grid(8, 9, lambda *_: 4),
    "two levels": grid(8, 9, lambda u, i: (u + i) % 2),
    "ten levels": grid(8, 9, lambda u, i: 0.5 + 0.5 * ((u * i) % 10)),
    "a binned scale": grid(8, 9, lambda u, i: u * 0.731 - i * 1.337),
    "only implicit": grid(8, 9, lambda *_: None),
    "only explicit": GRID,
    "a rating every ninth time": grid(8, 9, lambda u, i: 3.0 if (u + i) % 9 == 0 else None),
    "an item never consumed": with_more(GRID, items=["new film"]),
    "a user without history": with_more(GRID, users=["newcomer"]),
    "mostly newcomers": with_more(GRID, users=[f"n{n}" for n in range(30)], items=["x", "y"]),
}


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("log", WORLDS.values(), ids=WORLDS.keys())
def test_every_world_fits_and_its_probabilities_sum_to_one(log, preset):
    model = Conv4Rec(preset=preset, n_steps=5, consume_reg_factors=(1.0,), rate_size=4).fit(log)
    known = model.interactions_
    for weights in model.scoring_.model.parameters():
        assert weights.isfinite().all()
    users, items = known.users.to_series(), known.items.to_series()
    pairs = users.to_frame("user_id").join(items.to_frame("item_id"), how="cross")
    answers = model.predict(pairs)
    numbers = answers.select(pl.exclude("user_id", "item_id", "fallback"))
    assert np.isfinite(numbers.to_numpy()).all()
    np.testing.assert_allclose(answers.select("^p_rating_.*$").sum_horizontal(), 1, atol=1e-5)
    assert answers["p_like"].is_between(0, 1 + 1e-6).all()
    low, high = known.levels.values[0], known.levels.values[-1]
    assert answers["expected_rating"].is_between(low - 1e-4, high + 1e-4).all()
    n_left = known.n_items - np.diff(known.starts)
    sums = answers.group_by("user_id").agg(pl.col("p_consume").sum()).sort("user_id")
    np.testing.assert_allclose(sums["p_consume"], n_left > 0, atol=1e-5)

    for by in ORDERS:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
            listed = model.recommend(k=100, by=by)
        assert listed["score"].is_finite().all()
        if by != "discover":
            assert listed.height == n_left.sum()
    profile = model.profile(users[0])
    assert np.isfinite([profile.generosity, profile.polarisation]).all()
    assert model.kernels().height == known.n_levels + 1
    similar = model.similar_items(items[0])
    assert similar.height == min(10, known.n_items - 1)


@pytest.mark.parametrize("name", ["one user, one item", "only implicit", "mostly newcomers"])
def test_odd_worlds_are_saved_and_loaded_too(name, tmp_path):
    model = Conv4Rec(n_steps=3, consume_reg_factors=(1.0,)).fit(WORLDS[name])
    model.save(tmp_path / "model")
    loaded = Conv4Rec.load(tmp_path / "model")
    assert loaded.recommend(k=1, exclude_seen=False).equals(
        model.recommend(k=1, exclude_seen=False)
    )


def test_an_item_never_consumed_stays_possible_and_unlikely():
    model = Conv4Rec(n_steps=20, consume_reg_factors=(1.0,)).fit(WORLDS["an item never consumed"])
    listed = model.recommend("u0", k=1, allow=["new film"])
    assert 0 < listed["p_consume"][0] < 0.1


def test_one_who_consumed_everything_gets_an_empty_list_with_the_reason():
    model = Conv4Rec(n_steps=3, consume_reg_factors=()).fit(
        WORLDS["a user who consumed everything"]
    )
    for by in ORDERS:
        with pytest.warns(UserWarning, match="the history is left out"):
            assert model.recommend("all0", k=3, by=by).height == 0


def test_on_a_scale_of_one_level_every_rating_is_certain():
    model = Conv4Rec(n_steps=5, consume_reg_factors=()).fit(WORLDS["all ratings equal"])
    answers = model.predict(GRID)
    assert (answers["p_rating_4"] == 1).all()
    assert (answers["expected_rating"] == 4).all()
