"""Logs with types: what counts, what replaces what, and what is learnt of each type."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.data import Events, Interactions, read_log
from conv4rec.data.event_cells import NO_TIMESTAMP
from conv4rec.errors import DataError, SettingError

EVENT = st.tuples(
    st.sampled_from("ab"), st.integers(1, 3), st.sampled_from(["buy", "view"]), st.integers(0, 9)
)


def frame(rows, *more):
    names = ["user_id", "item_id", "type", *more]
    return pl.DataFrame(rows, schema=names, orient="row", strict=False)


def cells(log):
    return log.to_frame().rows()


@given(st.lists(EVENT, min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_every_event_is_in_one_cell_whatever_the_order_of_the_rows(rows, seed):
    table = frame(rows, "timestamp")
    log = Events.from_frame(table.sample(fraction=1, shuffle=True, seed=seed))
    expected = (
        table.group_by("user_id", "item_id", "type")
        .agg(pl.len().alias("count"), first=pl.min("timestamp"), last=pl.max("timestamp"))
        .sort("user_id", "item_id", "type")
    )
    assert cells(log) == expected.rows()
    assert log.report.n_events == tuple(
        table["type"].value_counts().sort("type")["count"].to_list()
    )


@given(st.lists(st.tuples(EVENT, st.integers(1, 4)), min_size=1, max_size=12))
def test_a_row_with_a_count_is_as_many_rows(rows):
    counted = frame([(*event, n) for event, n in rows], "timestamp", "count")
    repeated = frame([event for event, n in rows for _ in range(n)], "timestamp")
    left, right = Events.from_frame(counted), Events.from_frame(repeated)
    assert cells(left) == cells(right)
    assert left.report.repeated == right.report.repeated
    assert left.report.seen_before == right.report.seen_before
    assert left.types == right.types


def test_arrays_have_the_stated_types():
    log = Events.from_frame(frame([("a", 1, "view", 5)], "timestamp"))
    assert [log.starts.dtype, log.counts.dtype, log.first.dtype, log.last.dtype] == [np.int64] * 4
    assert (log.item_numbers.dtype, log.kind_numbers.dtype) == (np.int32, np.int16)


def test_of_an_exclusive_group_the_last_counts():
    rows = [("a", 1, "like", 9), ("a", 1, "hide", 4), ("a", 1, "view", 1), ("a", 2, "hide", 7)]
    log = Events.from_frame(frame(rows, "timestamp"), exclusive=[["like", "hide"]])
    assert cells(log) == [("a", 1, "like", 1, 9, 9), ("a", 1, "view", 1, 1, 1),
                          ("a", 2, "hide", 1, 7, 7)]  # fmt: skip
    assert log.report.n_replaced == 1
    by_row = Events.from_frame(frame([row[:3] for row in rows]), exclusive=[["like", "hide"]])
    assert [row[2] for row in cells(by_row)] == ["hide", "view", "hide"]
    for wrong in ([["like", "love"]], ["like"], [["like", "hide"], ["like", "view"]]):
        with pytest.raises(SettingError, match="exclusive"):
            Events.from_frame(frame(rows, "timestamp"), exclusive=wrong)


def test_ratings_are_an_exclusive_group_without_being_told():
    rows = [("a", 1, "rate", 2.0), ("a", 1, "view", None), ("a", 1, "rate", 5.0),
            ("b", 1, "rate", None), ("b", 1, "rate", 2.0)]  # fmt: skip
    log = Events.from_frame(frame(rows, "rating"))
    assert log.types.labels == ("rate", "rate 2", "rate 5", "view")
    assert log.types.kinds("rate").tolist() == [0, 1, 2]
    assert cells(log) == [("a", 1, "rate", 5.0, 1), ("a", 1, "view", None, 1),
                          ("b", 1, "rate", 2.0, 1)]  # fmt: skip
    assert log.types.exclusive == ((0, 1, 2),)


def test_whether_a_type_repeats_is_learnt_or_stated():
    """Two of the three views are on a pair that was viewed before; the buy follows a view."""
    rows = [("a", 1, "view", n) for n in (1, 2, 3)] + [("a", 1, "buy", 4), ("a", 2, "buy", 5)]
    report = Events.from_frame(frame(rows, "timestamp")).report
    assert report.by_type().rows() == [
        ("buy", 2, 0.4, 0.0, 0.5, False),
        ("view", 3, 0.6, pytest.approx(2 / 3), pytest.approx(2 / 3), True),
    ]
    stated = Events.from_frame(frame(rows, "timestamp"), repeats={"buy": True, "view": False})
    assert stated.types.repeating == (True, False)
    with pytest.raises(SettingError, match="repeats: 'bye'"):
        Events.from_frame(frame(rows, "timestamp"), repeats={"bye": True})


def test_an_event_of_one_second_is_seen_before_by_the_order_of_the_rows():
    rows = [("a", 1, "view", 5), ("a", 1, "like", 5)]
    assert Events.from_frame(frame(rows, "timestamp")).report.seen_before == (1.0, 0.0)
    assert Events.from_frame(frame([row[:3] for row in rows])).report.seen_before is None


def test_missing_timestamps_are_marked():
    rows = [("a", 1, "view", None), ("a", 1, "view", 3), ("a", 2, "view", None)]
    log = Events.from_frame(frame(rows, "timestamp"))
    assert (log.first.tolist(), log.last.tolist()) == ([3, NO_TIMESTAMP], [3, NO_TIMESTAMP])
    assert log.report.seen_before is None
    assert log.to_frame()["last"].to_list() == [3, None]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([True, False], ("false", "true")),
        ([2, 10], ("10", "2")),
        (pl.Series(["x", "y"], dtype=pl.Categorical), ("x", "y")),
    ],
)
def test_types_are_strings_categories_numbers_or_booleans(values, names):
    table = pl.DataFrame({"user": [1, 2], "item": [1, 2], "action": values})
    assert Events.from_frame(table).types.names == names


@pytest.mark.parametrize(
    "name", ["type", "event", "Event Type", "eventname", "action", "behavior", "behaviour"]
)
def test_the_column_of_the_type_is_found_by_its_aliases(name):
    log = read_log(pl.DataFrame({"user": [1], "item": [2], name: ["view"]}))
    assert isinstance(log, Events)


def test_a_log_of_ratings_stays_one_and_a_count_without_a_type_is_not_read():
    table = pl.DataFrame({"user": [1], "item": [2], "rating": [3], "quantity": [1.5]})
    assert isinstance(read_log(table), Interactions)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"type": ["view", None]}, "type is missing in row 2"),
        ({"type": [0.5, 1.0]}, "type holds Float64 values such as 0.5"),
        ({"type": ["view", "buy"], "count": [1, 0]}, "count is missing or below 1 in row 2"),
        (
            {"type": ["view", "buy"], "count": [1.0, 1.5]},
            "count 1.5 is not a whole number in row 2",
        ),
    ],
)
def test_a_column_that_is_no_type_or_no_count_is_refused(columns, message):
    with pytest.raises(DataError, match=message):
        Events.from_frame(pl.DataFrame({"user": [1, 2], "item": [1, 2], **columns}))


def test_a_column_of_words_is_no_column_of_types():
    words = [f"title {n}" for n in range(1001)]
    table = pl.DataFrame({"user": range(1001), "item": range(1001), "type": words})
    with pytest.raises(DataError, match="1,001 different values"):
        Events.from_frame(table)


def test_histories_are_read_with_the_types_of_a_model():
    rows = [("a", 1, "rate", 4.0), ("a", 1, "view", None)]
    log = Events.from_frame(frame(rows, "rating"))
    history = Events.from_frame(frame([("z", 1, "view")]), types=log.types, items=log.items)
    assert (history.types, history.kind_numbers.tolist()) == (log.types, [1])
    for row, message in (
        (("z", 1, "buy", None), "type 'buy' in row 1 is not a type of this model"),
        (("z", 1, "rate", None), "type 'rate' has no rating in row 1"),
        (("z", 1, "view", 4.0), "type 'view' has a rating in row 1"),
    ):
        with pytest.raises(DataError, match=message):
            Events.from_frame(frame([row], "rating"), types=log.types, items=log.items)


@pytest.fixture
def log():
    rows = [("a", 1, "view", 1), ("a", 1, "buy", 3), ("a", 2, "view", 2), ("a", 2, "view", 4),
            ("b", 2, "view", 5)]  # fmt: skip
    return Events.from_frame(frame(rows, "timestamp"))


def test_pairs_make_a_log_without_types(log):
    assert log.n_pairs == 3
    both = log.interactions()
    assert both.to_frame()["item_id"].to_list() == [1, 2, 2]
    assert both.timestamps.tolist() == [3, 4, 5]
    assert log.interactions(["buy"]).to_frame().rows() == [("a", 1, None, 3)]
    rated = Events.from_frame(frame([("a", 1, "rate", 4.0), ("a", 1, "view", None)], "rating"))
    assert rated.interactions().to_frame().rows() == [("a", 1, 4.0)]


def test_the_matrix_counts_kinds_or_events(log):
    np.testing.assert_array_equal(log.to_csr().toarray(), [[2, 1], [0, 1]])
    np.testing.assert_array_equal(log.to_csr(counts=True).toarray(), [[2, 2], [0, 1]])
    np.testing.assert_array_equal(log.to_csr([0]).toarray(), [[1, 0], [0, 0]])


def test_selections_keep_users_items_and_types(log):
    views = log.of_types(["view"])
    assert [row[:3] for row in cells(views)] == [("a", 1, "view"), ("a", 2, "view"),
                                                 ("b", 2, "view")]  # fmt: skip
    assert (views.types, views.items) == (log.types, log.items)
    assert cells(log.take_users(np.array([1]))) == cells(log)[-1:]
    for wrong in ([1, 0], [2], [0, 0]):
        with pytest.raises(SettingError):
            log.take_users(np.array(wrong))
    with pytest.raises(SettingError, match="booleans"):
        log.select(np.array([True]))
    with pytest.raises(SettingError, match="'sell'"):
        log.of_types(["sell"])
