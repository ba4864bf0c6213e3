"""The model of a log with types: what is hidden, what is learnt, and that it repeats itself."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from scipy import sparse

from conv4rec.data import Events, Ids
from conv4rec.model.event_attribution import event_contributions
from conv4rec.model.event_channels import SLIM_FLOOR, channels, n_channels
from conv4rec.train.event_fit import SLIM_NEIGHBOURS, fit_events
from conv4rec.train.event_holdout import LATEST, hide_events
from conv4rec.train.slim import fit_slim
from research.types.shop_world import ShopWorld


def viewed_then_bought(n_users=120, n_items=30, seed=0):
    """Each user views some items of one half of the catalogue, and buys about half of them."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(n_users):
        half = user % 2 * (n_items // 2)
        viewed = half + rng.choice(n_items // 2, rng.integers(6, 11), replace=False)
        bought = viewed[: rng.integers(3, 6)]
        rows += [(user, int(item), "view") for item in viewed]
        rows += [(user, int(item), "buy") for item in bought]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "type"], orient="row")


@pytest.fixture(scope="module")
def shop():
    return Events.from_frame(viewed_then_bought())


@pytest.fixture(scope="module")
def model(shop):
    return fit_events(shop, 0)


def test_one_event_of_each_user_and_type_is_hidden(shop):
    (hidden,) = hide_events(shop, np.random.default_rng(0))
    assert len(hidden.rest) + len(hidden.users) == len(shop)
    pairs = hidden.users * 2 + hidden.types
    assert np.array_equal(np.sort(pairs), np.arange(240))


def test_the_only_event_of_a_type_is_not_hidden():
    table = pl.DataFrame({"user_id": [1] * 3, "item_id": [1, 2, 3], "type": ["a", "a", "b"]})
    (hidden,) = hide_events(Events.from_frame(table), np.random.default_rng(0))
    assert hidden.types.tolist() == [0]


def test_the_latest_events_are_hidden_where_times_are_known():
    table = viewed_then_bought().with_row_index("timestamp")
    log = Events.from_frame(table)
    windows = hide_events(log, np.random.default_rng(0))
    assert len(windows) == 3  # few events: up to half of the log
    for hidden, share in zip(windows, LATEST, strict=True):
        assert hidden.rest.last.max() < hidden.now
        assert abs(len(hidden.users) - share * len(log)) <= 2


def test_a_repeated_event_leaves_the_earlier_ones():
    table = pl.DataFrame({"user_id": [1] * 4, "item_id": [1, 1, 2, 3], "type": ["view"] * 4,
                          "timestamp": [1, 9, 2, 3]})  # fmt: skip
    hidden = hide_events(Events.from_frame(table), np.random.default_rng(0))[0]
    assert hidden.items.tolist() == [0]
    assert hidden.rest.counts.tolist() == [1, 1, 1]
    assert hidden.rest.last.tolist() == [1, 2, 3]


def test_probabilities_sum_to_one_and_a_bought_item_is_not_bought_again(shop, model):
    for target, name in enumerate(shop.types.names):
        p = np.exp(model.log_p_items(shop, target))
        assert np.allclose(p.sum(1), 1, atol=1e-4)
        done = shop.of_types([name])
        assert (p[done.user_numbers, done.item_numbers] == 0).all()
    assert np.allclose(np.exp(model.log_p_types(shop)).sum(1), 1, atol=1e-5)


def test_what_is_viewed_is_bought(shop, model):
    """Some viewed items are left to each user: the next purchase is one of them."""
    p = np.exp(model.log_p_items(shop, shop.types.number("buy")))
    views = shop.of_types(["view"])
    assert p[views.user_numbers, views.item_numbers].sum() / shop.n_users > 0.8
    times, share, chance = model.associations[:, 0, 1].tolist()  # buy after view
    assert times > 5
    assert share == 1.0
    assert 0.1 < chance < 0.4
    assert model.associations[0, 0, 0] == 0  # bought: never again


def test_types_come_as_often_as_in_the_log(shop, model):
    p = np.exp(model.log_p_types(shop)).mean(0)
    assert np.allclose(p, np.bincount(shop.type_numbers) / len(shop), atol=0.05)


def test_the_same_seed_gives_the_same_weights(shop, model):
    again = fit_events(shop, 0)
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), again.state_dict()[name].numpy(), equal_nan=True), name
    other = fit_events(shop, 1)
    assert not np.array_equal(model.network.linear.numpy(), other.network.linear.numpy())


def test_contributions_sum_to_the_logit_and_a_view_of_the_item_adds_most(shop, model):
    history = shop.take_users(np.array([0]))
    buy = shop.types.number("buy")
    bought = history.of_types(["buy"]).item_numbers
    item = int(next(i for i in history.item_numbers if i not in bought))
    baseline, parts = event_contributions(model, history, buy, item)
    values = torch.from_numpy(channels(model.tables, history, buy)[0, [item]])
    assert baseline + parts.sum() == pytest.approx(float(model.network(values, buy)), abs=1e-4)
    nothing = history.select(np.zeros(len(history), dtype=bool))
    empty = torch.from_numpy(channels(model.tables, nothing, buy)[0, [item]])
    assert baseline == pytest.approx(float(model.network(empty, buy)), abs=1e-2)
    assert history.item_numbers[np.argmax(parts)] == item


def test_a_log_too_small_to_hide_from_ranks_by_counts():
    table = pl.DataFrame({"user_id": [1, 2, 3], "item_id": ["a", "b", "b"], "type": ["buy"] * 3})
    log = Events.from_frame(table)
    model = fit_events(log, 0)
    p = np.exp(model.log_p_items(log, 0))
    assert np.isfinite(p).all()
    assert p[0].tolist() == [0, 1]


@pytest.mark.parametrize("timed", [False, True])
def test_channels_of_every_kind_of_log(timed):
    table = viewed_then_bought(20, 24).with_row_index("timestamp")
    table = pl.concat([table, table.with_columns(timestamp=pl.col("timestamp") + 1)])
    rated = table[:30].with_columns(type=pl.lit("rate"), rating=pl.Series([1.0, 3.0, 5.0] * 10))
    table = pl.concat([table, rated], how="diagonal")
    log = Events.from_frame(table if timed else table.drop("timestamp"))
    model = fit_events(log, 0)
    assert model.tables.timed == timed
    assert model.tables.counted
    assert len(model.tables.sources) == 4  # buy, low rates, high rates, view
    assert channels(model.tables, log, 0).shape == (20, 24, n_channels(model.tables))
    assert np.isfinite(model.log_p_items(log, log.types.number("view"))).all()


def test_slim_is_heard_over_the_pairs_of_any_type(shop, model):
    """A pair counts once, however many types it has."""
    history = shop.take_users(np.array([0]))
    pairs, n_items = np.unique(history.item_numbers), shop.n_items
    assert len(pairs) < len(history)
    weights = np.random.default_rng(0).random((n_items, n_items)).astype(np.float32)
    tables = replace(model.tables, slim=sparse.csr_array(weights))
    expected = np.log(n_items * weights[pairs].sum(0) / (len(pairs) + 1) + SLIM_FLOOR)
    for target in range(2):
        changed = channels(tables, history, target)[0]
        differs = np.flatnonzero((changed != channels(model.tables, history, target)[0]).any(0))
        assert len(differs) == 1
        assert np.allclose(changed[:, differs[0]], expected, atol=1e-5)


def test_slim_is_fitted_to_the_pairs_of_any_type(shop, model):
    slim = fit_slim(shop.interactions(), SLIM_NEIGHBOURS)
    found = np.zeros((shop.n_items, shop.n_items), dtype=np.float32)
    at = torch.nonzero(slim.weights, as_tuple=True)
    found[slim.get_buffer("items")[at], at[0]] = slim.weights[at]
    assert (found > 0).any()
    assert np.array_equal(model.tables.slim.toarray(), found)


def test_a_known_law_is_recovered_from_enough_events():
    """Total variation from P(item, type | history) of a world whose law is known."""
    world = ShopWorld()
    new = world.sample(100, 10, np.random.default_rng(99))
    law = world.law(new)
    left = law.sum((1, 2)) > 0
    distance = {}
    for n_users in (50, 800):
        model = fit_events(world.sample(n_users, 12, np.random.default_rng(1)), 0)
        p = np.exp(np.stack([model.log_p_items(new, kind) for kind in (0, 1)], axis=2))
        p = p * np.exp(model.log_p_types(new))[:, None]
        distance[n_users] = 0.5 * np.abs(p - law).sum((1, 2))[left].mean()
    assert distance[50] < 0.25
    assert distance[800] < 0.14


@pytest.mark.parametrize("timed", [True, False])
def test_items_that_nobody_met_share_the_chance_of_one(timed):
    """Every later event is on a new item: the catalogue's new items have the chance of them all."""
    rng = np.random.default_rng(0)
    rows = [(f"u{user}", item, "view", 10 * item + user % 7)
            for item in range(60) for user in rng.choice(40, 6, replace=False)]  # fmt: skip
    table = pl.DataFrame(rows, schema=["user_id", "item_id", "type", "timestamp"], orient="row")
    table = table if timed else table.drop("timestamp")
    shares = []
    for n_new in (3, 12):
        items = Ids.from_values(pl.Series(range(60 + n_new)))
        log = Events.from_frame(table, items=items)
        p = np.exp(fit_events(log, 0).log_p_items(log, 0))
        new = p[:, 60:]
        assert (np.ptp(new, axis=1) / new.mean(1)).max() < 0.002
        assert len(np.unique(new.argmax(1))) == n_new  # each is the first for somebody
        shares.append(p[:, 60:].sum(1).mean())
    assert min(shares) > 0.7 if timed else max(shares) < 0.05
    assert abs(shares[0] - shares[1]) < 0.1
