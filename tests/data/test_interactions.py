"""Loading a ratings log: the same log, whatever the order of its rows and the library."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.data import Ids, Interactions, Levels
from conv4rec.data.interactions import NO_TIMESTAMP
from conv4rec.errors import DataError, SettingError, UnknownItemError, UnknownUserError

RATING = st.one_of(st.none(), st.sampled_from([1.0, 2.5, 4.0]))
USER = st.text("añ1", max_size=2)
LOG = st.dictionaries(st.tuples(USER, st.integers(-3, 3)), RATING, min_size=1, max_size=15)


def frame(rows, **more):
    names = ["user_id", "item_id", "rating", "timestamp"][: len(rows[0])]
    return pl.DataFrame(rows, schema=names, orient="row", strict=False, **more)


def table_of(log):
    rows = [(user, item, rating) for (user, item), rating in log.items()]
    schema = {"user_id": pl.String, "item_id": pl.Int64, "rating": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def same(left, right):
    assert left.users == right.users
    assert left.items == right.items
    assert left.levels == right.levels
    for name in ("starts", "item_numbers", "level_numbers"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
    if left.timestamps is None or right.timestamps is None:
        assert left.timestamps is right.timestamps
    else:
        np.testing.assert_array_equal(left.timestamps, right.timestamps)


@given(LOG, st.integers(0, 2**32 - 1))
def test_any_order_of_the_rows_gives_the_same_interactions(log, seed):
    table = table_of(log)
    shuffled = table.sample(fraction=1, shuffle=True, seed=seed)
    same(Interactions.from_frame(table), Interactions.from_frame(shuffled))


@given(LOG)
def test_a_log_round_trips_through_a_frame(log):
    table = table_of(log)
    loaded = Interactions.from_frame(table)
    assert loaded.to_frame().sort("user_id", "item_id").equals(table.sort("user_id", "item_id"))
    back = Interactions.from_frame(loaded.to_frame(), levels=loaded.levels)
    same(loaded, back)


@given(LOG)
def test_every_interaction_is_between_the_starts_of_its_user(log):
    loaded = Interactions.from_frame(table_of(log))
    for user, start, end in zip(
        loaded.users.to_series(), loaded.starts[:-1], loaded.starts[1:], strict=True
    ):
        items = loaded.items.ids(loaded.item_numbers[start:end]).to_list()
        assert items == sorted(item for who, item in log if who == user)
    assert loaded.rows is not None
    assert table_of(log)["item_id"].gather(loaded.rows).to_list() == (
        loaded.items.ids(loaded.item_numbers).to_list()
    )


def test_polars_pandas_and_arrow_give_the_same_interactions():
    table = frame([("b", 2, 4.0, 10), ("a", 1, None, 11), ("a", 2, 5.0, 12)])
    from_polars = Interactions.from_frame(table)
    from_pandas = Interactions.from_frame(pd.DataFrame(table.to_dict(as_series=False)))
    same(from_polars, from_pandas)
    same(from_polars, Interactions.from_frame(table.to_arrow()))
    same(from_polars, Interactions.from_frame(pa.RecordBatch.from_pylist(table.to_dicts())))
    assert from_polars.level_numbers.tolist() == [-1, 1, 0]


def test_arrays_have_the_stated_types():
    log = Interactions.from_frame(frame([(1, 1, 4.0, 10)]))
    assert log.starts.dtype == np.int64
    assert log.item_numbers.dtype == log.user_numbers.dtype == np.int32
    assert log.level_numbers.dtype == np.int16
    assert log.timestamps is not None
    assert log.timestamps.dtype == np.int64


def test_the_last_rating_of_a_pair_is_kept_and_the_report_counts_duplicates():
    rows = [(1, 1, 2.0, 50), (1, 1, 5.0, 90), (1, 1, 5.0, 20), (1, 2, None, 1), (2, 1, 2.0, None)]
    log = Interactions.from_frame(frame(rows))
    assert log.to_frame().rows() == [(1, 1, 5.0, 90), (1, 2, None, 1), (2, 1, 2.0, None)]
    report = log.report
    assert (report.n_rows, report.n_interactions, report.n_rated, report.n_unrated) == (5, 3, 2, 1)
    assert (report.n_duplicates, report.n_conflicting) == (2, 1)
    assert report.density == 3 / 4
    assert "2 duplicate rows dropped, 1 of them with another rating (the last by" in str(report)


def test_the_mean_of_duplicates_moves_to_the_nearest_level_up_from_half_way():
    rows = [(1, 1, 1.0), (1, 1, 2.0), (1, 2, 5.0), (1, 2, 2.0), (1, 2, 2.0), (1, 3, None)]
    log = Interactions.from_frame(frame(rows), levels=[1, 2, 3, 4, 5], duplicates="mean")
    assert log.to_frame()["rating"].to_list() == [2.0, 3.0, None]


def test_duplicates_can_be_refused_or_the_first_kept():
    table = frame([(1, 1, 4.0), (1, 1, 3.0)])
    with pytest.raises(DataError, match="row 2"):
        Interactions.from_frame(table, duplicates="error")
    first = Interactions.from_frame(table, duplicates="first")
    assert first.to_frame()["rating"].to_list() == [4.0]
    with pytest.raises(SettingError, match="last, first, mean, error"):
        Interactions.from_frame(table, duplicates="max")  # pyright: ignore[reportArgumentType]


def test_a_stated_scale_is_kept_and_ratings_off_it_are_refused():
    table = frame([(1, 1, 4.0), (1, 2, 6.0)])
    with pytest.raises(DataError, match="6 is not on the scale 1, 2, 3, 4, 5 in row 2"):
        Interactions.from_frame(table, levels=[1, 2, 3, 4, 5])
    assert Interactions.from_frame(table, levels=Levels.given(range(1, 7))).n_levels == 6


def test_a_real_valued_scale_is_binned_and_the_report_says_so():
    ratings = np.linspace(-10, 10, 50)
    table = pl.DataFrame({"user": range(50), "item": [0] * 50, "rating": ratings})
    log = Interactions.from_frame(table, n_bins=4)
    assert np.bincount(log.level_numbers).tolist() == pytest.approx([12.5] * 4, abs=1)
    assert "4 rating levels, bins of a real-valued scale" in str(log.report)


def test_a_log_without_ratings_is_all_consumed_and_none_rated():
    for table in (frame([(1, 1), (1, 2)]), frame([(1, 1, None), (1, 2, None)])):
        log = Interactions.from_frame(table)
        assert (log.n_rated, log.levels.values, log.n_interactions) == (0, (1.0,), 2)
        assert "no ratings" in str(log.report)


def test_one_user_and_one_item_are_a_log():
    log = Interactions.from_frame(frame([("only", "one", 3.0)]))
    assert (log.n_users, log.n_items, log.n_levels, len(log)) == (1, 1, 1, 1)
    assert repr(log).startswith("Interactions(1 users, 1 items")


def test_a_wider_catalogue_is_kept_and_an_id_outside_it_is_refused():
    table = frame([("a", 2, 5.0)])
    items = Ids.from_values(pl.Series([3, 2, 1]), "item")
    log = Interactions.from_frame(table, items=items)
    assert (log.n_items, log.item_numbers.tolist()) == (3, [1])
    with pytest.raises(UnknownItemError, match="item 2 in row 1 is not among the 1 items"):
        Interactions.from_frame(table, items=Ids.from_values(pl.Series([3]), "item"))
    with pytest.raises(UnknownUserError, match="among the 0 users"):
        Interactions.from_frame(table, users=Ids(pl.Series([], dtype=pl.String), "user"))
    with pytest.raises(DataError, match="ids here are str"):
        Interactions.from_frame(table, items=Ids.from_values(pl.Series(["2"]), "item"))


def test_missing_timestamps_are_marked_and_a_column_of_them_is_dropped():
    some = Interactions.from_frame(frame([(1, 1, 4.0, None), (1, 2, 4.0, 7)]))
    assert some.timestamps is not None
    assert some.timestamps.tolist() == [NO_TIMESTAMP, 7]
    none = Interactions.from_frame(frame([(1, 1, 4.0, None), (1, 2, 4.0, None)]))
    assert none.timestamps is None


@pytest.fixture
def log():
    rows = [("a", 1, 1.0, 5), ("a", 3, 2.0, 6), ("b", 2, None, 7), ("c", 1, 2.0, 8)]
    return Interactions.from_frame(frame(rows))


def test_selecting_keeps_the_users_the_catalogue_and_the_scale(log):
    part = log.select(np.array([False, True, False, True]))
    assert (part.users, part.items, part.levels) == (log.users, log.items, log.levels)
    assert part.to_frame().rows() == [("a", 3, 2.0, 6), ("c", 1, 2.0, 8)]
    assert part.starts.tolist() == [0, 1, 1, 2]
    assert part.rows.tolist() == [1, 3]
    for wrong in ([True], [0, 1, 2, 3]):
        with pytest.raises(SettingError):
            log.select(np.array(wrong))


def test_taking_users_keeps_their_rows_and_renumbers_them(log):
    part = log.take_users(np.array([0, 2]))
    assert part.users.to_series().to_list() == ["a", "c"]
    assert part.to_frame().rows() == [("a", 1, 1.0, 5), ("a", 3, 2.0, 6), ("c", 1, 2.0, 8)]
    assert part.items == log.items
    assert len(log.take_users(np.array([], dtype=int))) == 0
    for wrong in ([2, 0], [1, 1], [-1], [3]):
        with pytest.raises(SettingError, match="ascending"):
            log.take_users(np.array(wrong))


def test_the_matrix_is_users_by_items(log):
    np.testing.assert_array_equal(log.to_csr().toarray(), [[1, 0, 1], [0, 1, 0], [1, 0, 0]])
    levels = log.to_csr(log.level_numbers)
    assert levels.dtype == np.float32
    assert levels.toarray()[1, 1] == -1
    levels.data[:] = 9  # the matrix owns its arrays
    levels.indices[:] = 0
    assert log.item_numbers.tolist() == [0, 2, 1, 0]


def test_interactions_from_numbers_are_sorted_and_checked(log):
    args = (log.users, log.items, Levels.given([1, 2]))
    made = Interactions.from_numbers(
        *args, np.array([2, 0, 1, 0]), np.array([0, 2, 1, 0]), np.array([1, 1, -1, 0])
    )
    assert made.to_frame().equals(log.to_frame().drop("timestamp"))
    assert made.report.n_rated == 3
    for users, items in (([0, 0], [1, 1]), ([3], [0]), ([0], [-1]), ([0, 1], [0])):
        with pytest.raises(DataError):
            Interactions.from_numbers(*args, np.array(users), np.array(items))
