"""Ids come back exactly as they went in, and "1" is never 1."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.data.ids import Ids, rows_where, shown
from conv4rec.errors import DataError, UnknownItemError, UnknownUserError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INT64 = st.integers(-(2**63), 2**63 - 1)
UINT64 = st.integers(0, 2**64 - 1)


def column(ids):
    if ids and isinstance(ids[0], int):
        return pl.Series(ids, dtype=pl.UInt64 if max(ids) >= 2**63 else pl.Int64)
    return pl.Series(ids, dtype=pl.String)


@given(st.one_of(*(st.lists(kind, min_size=1) for kind in (TEXT, INT64, UINT64))))
def test_ids_of_any_value_round_trip_exactly(ids):
    known = Ids.from_values(column(ids), "item")
    assert known.to_series().to_list() == sorted(set(ids))
    numbers = known.numbers(ids)
    assert numbers.dtype == np.int64
    assert known.ids(numbers).to_list() == ids
    assert [known.number(id) for id in ids] == numbers.tolist()
    assert [type(id) for id in known.ids(numbers).to_list()] == [type(id) for id in ids]


@pytest.mark.parametrize(
    "ids",
    [
        ["", "\0", "a" * 10_000, "\u202eright to left", "é", "e\u0301", "🎬", " a", "a "],
        [0, -1, 2**63 - 1, -(2**63)],
        [0, 2**63, 2**64 - 1],
    ],
)
def test_ids_that_look_alike_stay_different(ids):
    known = Ids.from_values(column(ids))
    assert len(known) == len(ids)
    assert all(id in known for id in ids)
    assert known.ids(known.numbers(ids)).to_list() == ids


@given(st.lists(INT64, min_size=1, max_size=8), st.randoms())
def test_numbers_do_not_depend_on_the_order_of_the_file(ids, random):
    shuffled = random.sample(ids, len(ids))
    assert Ids.from_values(column(ids)) == Ids.from_values(column(shuffled))


@pytest.mark.parametrize("dtype", [pl.Int64, pl.String])
def test_looking_up_many_ids_agrees_with_looking_up_few(dtype):
    rng = np.random.default_rng(0)
    ids = Ids.from_values(pl.Series(rng.integers(0, 500, 900) * 2).cast(dtype))
    asked = pl.Series(rng.integers(-5, 1100, 20_000)).cast(dtype)
    parts = [asked[start : start + 99] for start in range(0, len(asked), 99)]
    in_parts = np.concatenate([ids.numbers(part) for part in parts])
    np.testing.assert_array_equal(ids.numbers(asked), in_parts)
    one_by_one = [ids.number(id) if id in ids else -1 for id in asked[:300].to_list()]
    assert in_parts[:300].tolist() == one_by_one


def test_the_string_1_is_not_the_integer_1():
    integers, strings = Ids.from_values(pl.Series([1])), Ids.from_values(pl.Series(["1"]))
    assert integers != strings
    assert "1" not in integers
    assert 1 not in strings
    with pytest.raises(UnknownUserError, match="ids here are int, got the str '1'"):
        integers.number("1")
    with pytest.raises(DataError, match="ids here are str, got the int 1"):
        strings.numbers([1])


@pytest.mark.parametrize("stranger", [True, 1.0, None, b"1", np.float64(1)])
def test_values_of_other_types_are_unknown_even_if_they_equal_an_id(stranger):
    assert stranger not in Ids.from_values(pl.Series([0, 1]))
    with pytest.raises(UnknownUserError, match="ids here are int"):
        Ids.from_values(pl.Series([0, 1])).number(stranger)


def test_numpy_integers_are_integers():
    assert Ids.from_values(pl.Series([5, 7])).number(np.int32(7)) == 1  # pyright: ignore[reportArgumentType]


def test_unknown_ids_are_minus_one_whatever_their_size():
    small, large = Ids.from_values(pl.Series([1])), Ids.from_values(column([1, 2**63]))
    assert small.numbers([2**70, 1, -(2**70)]).tolist() == [-1, 0, -1]
    assert large.numbers([-1, 2**63, 1]).tolist() == [-1, 1, 0]
    assert small.numbers([2**63]).tolist() == [-1]
    assert Ids.from_values(pl.Series(["a"])).numbers(["\ud800", "a"]).tolist() == [-1, 0]
    assert small.numbers([]).tolist() == []


def test_a_misspelt_id_gets_the_closest_one_as_a_hint():
    with pytest.raises(UnknownItemError, match=r"'B00X' is not in .* 2 items.*mean 'B00x'\?"):
        Ids.from_values(pl.Series(["B00x", "C"]), "item").number("B00X")


def test_a_very_long_id_is_cut_in_the_message():
    with pytest.raises(UnknownItemError) as raised:
        Ids.from_values(pl.Series(["a"]), "item").number("x" * 100_000)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("mixture", [[1, "1"], [True], [1.0], [None], "abc"])
def test_lists_that_are_not_all_integers_or_all_strings_are_refused(mixture):
    with pytest.raises(DataError):
        Ids.from_values(pl.Series([1])).numbers(mixture)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pl.Series([1.0, 2.0]), "floats.*cast"),
        (pl.Series([True]), "Boolean"),
        (pl.Series([b"a"]), "Binary"),
        (pl.Series([1, None, None]), "missing in rows 2, 3"),
        (pl.Series([2**70, -1], dtype=pl.Int128), "no 64-bit"),
    ],
)
def test_columns_that_cannot_be_ids_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        Ids.from_values(values)


def test_categories_are_strings_and_narrow_integers_are_integers():
    assert Ids.from_values(pl.Series(["b", "a"], dtype=pl.Categorical)).kind == "str"
    assert Ids.from_values(pl.Series([3], dtype=pl.UInt8)) == Ids.from_values(pl.Series([3]))


def test_ids_out_of_order_are_refused_rather_than_renumbered():
    for values in (["b", "a"], ["a", "a"]):
        with pytest.raises(DataError, match="ascending"):
            Ids(pl.Series(values))


def test_numbers_beyond_the_last_id_are_refused():
    for numbers in ([-1], [2]):
        with pytest.raises(IndexError):
            Ids(pl.Series(["a", "b"])).ids(np.array(numbers))


def test_messages_show_five_rows_and_short_ids():
    assert rows_where(np.ones(8, dtype=bool)) == "rows 1, 2, 3, 4, 5 and 3 more"
    assert rows_where(np.array([False, True])) == "row 2"
    assert shown(np.int64(3)) == "3"
