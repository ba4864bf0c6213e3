"""Every way people keep ratings is read as it is, or refused in a sentence."""

import gzip
from datetime import date, datetime, timezone

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec import Interactions
from conv4rec.data.columns import IDS
from conv4rec.data.tables import read_columns, read_table
from conv4rec.errors import DataError, SettingError, UnknownUserError

ROWS = [(1, 10, 4.0, 978300760), (2, 11, 3.5, 978302109)]
CSV = "userId,movieId,rating,timestamp\n1,10,4.0,978300760\n2,11,3.5,978302109\n"


@pytest.fixture
def read(tmp_path):
    """Write a file of the given name and content, and read it as a table."""

    def write_and_read(name, content, **how):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path, **how)

    return write_and_read


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ratings.csv", CSV),
        ("windows.csv", CSV.replace("\n", "\r\n").encode("utf-8-sig")),
        ("blank-end.csv", CSV + "\n\n"),
        ("spaced.csv", CSV.replace("userId,movieId", ' "userId" , movieId')),
        ("ratings.tsv", CSV.replace(",", "\t")),
        ("semicolons.csv", CSV.replace(",", ";")),
        ("zipped.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("ratings.dat", "1::10::4.0::978300760\n2::11::3.5::978302109\n"),
        ("u.data", "1\t10\t4.0\t978300760\n2\t11\t3.5\t978302109\n"),
        (
            "x.inter",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
            "1\t10\t4\t978300760.0\n2\t11\t3.5\t9.78302109e8\n",
        ),
        ("quoted.csv", '"timestamp","rating","item","user"\n"978300760","4","10","1"\n'
                       '"978302109","3.5","11","2"\n'),
        ("extra.csv", "user,title,item,rating,timestamp\n1,\"a, b\",10,4,978300760\n"
                      "2,é,11,3.5,978302109\n"),
        ("iso.csv", "user,item,rating,timestamp\n1,10,4,2000-12-31 22:12:40\n"
                    "2,11,3.5,2000-12-31 22:35:09\n"),
    ],
)  # fmt: skip
def test_a_text_file_of_any_format_is_read(read, name, content):
    table = read(name, content)
    assert table.columns == ["user_id", "item_id", "rating", "timestamp"]
    assert table.rows() == ROWS


def test_string_ids_of_parquet_parts_are_coded_as_they_are_read_and_numbered_as_in_a_frame(
    tmp_path,
):
    frame = pl.DataFrame(
        {
            "user_id": [f"u{n * 7 % 50}" for n in range(400)],
            "item_id": [f"i{n * 11 % 23}" for n in range(400)],
            "rating": [float(n % 5) for n in range(400)],
        }
    )
    for part in range(4):
        path = tmp_path / f"part-{part}.parquet"
        frame[100 * part : 100 * part + 100].write_parquet(path, row_group_size=30)
    read = read_columns(tmp_path, coded=True).frame
    assert [read[role].dtype for role in IDS] == [pl.Categorical] * 2
    assert read_table(tmp_path).equals(frame)
    log, expected = Interactions.from_frame(tmp_path), Interactions.from_frame(frame)
    assert (log.users, log.items) == (expected.users, expected.items)
    assert log.to_frame().equals(expected.to_frame())
    with pytest.raises(UnknownUserError, match="user 'u7' in row 2 is not among the 1 users given"):
        Interactions.from_frame(tmp_path, users=["u0"])


def test_a_missing_id_of_a_parquet_file_is_named_by_its_row(tmp_path):
    pl.DataFrame({"user": ["a", None], "item": ["x", "y"]}).write_parquet(tmp_path / "r.parquet")
    with pytest.raises(DataError, match="user_id is missing in row 2"):
        Interactions.from_frame(tmp_path / "r.parquet")


def test_parquet_keeps_the_types_of_its_ids(tmp_path):
    frame = pl.DataFrame({"user": ["1", "2"], "item": [3, 4], "note": [None, "x"]})
    frame.write_parquet(tmp_path / "r.parquet")
    assert read_table(str(tmp_path / "r.parquet")).rows() == [("1", 3), ("2", 4)]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        (["7", "-7", "0"], [7, -7, 0]),
        (["7", "007"], ["7", "007"]),
        (["+7", "1"], ["+7", "1"]),
        (["-0", "1"], ["-0", "1"]),
        (["1", " 1"], [1, 1]),
        (["1.0", "2"], ["1.0", "2"]),
        (["1", "18446744073709551615"], [1, 2**64 - 1]),
        (["1", "18446744073709551616"], ["1", "18446744073709551616"]),
        (["a", '""'], ["a", ""]),
        (["NA", "null"], ["NA", "null"]),
    ],
)
def test_text_ids_are_integers_only_if_nothing_is_lost(read, written, read_as):
    lines = [f"{id},{id}" for id in written]
    table = read("ids.csv", "\n".join(["user,item", *lines]))
    assert table["user_id"].to_list() == read_as == table["item_id"].to_list()


@given(
    st.lists(
        st.tuples(st.integers(-5, 5), st.text("aé0,\"' ", max_size=3).map("x".__add__)), min_size=1
    )
)
def test_a_csv_written_by_pandas_comes_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "r.csv"
    pd.DataFrame(rows, columns=["user_id", "item_id"]).to_csv(path, index=False)
    assert read_table(path).rows() == [(user, item.strip()) for user, item in rows]


def test_a_blank_rating_is_null(read):
    table = read("r.csv", 'user,item,rating,timestamp\n1,1,,\n1,2,4,7\n1,3,"",\n')
    assert table["rating"].to_list() == [None, 4.0, None]
    assert table["timestamp"].to_list() == [None, 7, None]


def test_nan_is_null_in_pandas_and_an_error_elsewhere():
    columns = {"user": [1, 2], "item": [1, 2], "rating": [1.0, float("nan")]}
    assert read_table(pd.DataFrame(columns))["rating"].to_list() == [1.0, None]
    for frame in (pl.DataFrame(columns), pl.DataFrame(columns).to_arrow()):
        with pytest.raises(DataError, match=r"rating is NaN .* in row 2"):
            read_table(frame)


def test_pandas_columns_of_any_kind_are_understood():
    frame = pd.DataFrame({
        "user": pd.Series(["b", "a"], dtype="category"),
        "item": pd.Series([2**64 - 1, 1], dtype="uint64"),
        "rating": pd.Series([5, None], dtype="Int64"),
    })  # fmt: skip
    assert read_table(frame).rows() == [("b", 2**64 - 1, 5.0), ("a", 1, None)]


def test_pandas_is_read_without_pyarrow_too(monkeypatch):
    def needs_pyarrow(_):
        raise ModuleNotFoundError("pyarrow")

    monkeypatch.setattr(nw.Series, "to_polars", needs_pyarrow)
    frame = pd.DataFrame({"user": ["b", "a"], "item": [1, 2], "rating": [1.0, np.nan]})
    assert read_table(frame).rows() == [("b", 1, 1.0), ("a", 2, None)]
    with pytest.raises(DataError, match="more than one type"):
        read_table(pd.DataFrame({"user": ["b", 1], "item": [1, 2]}))


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ([2.9, -0.5], [2, -1]),
        ([datetime(1970, 1, 2), None], [86400, None]),
        ([date(1970, 1, 2), None], [86400, None]),
        ([datetime(1970, 1, 1, 0, 0, 9, tzinfo=timezone.utc)] * 2, [9, 9]),  # noqa: UP017
        ([None, None], [None, None]),
    ],
)
def test_times_become_whole_seconds(times, seconds):
    table = read_table(pl.DataFrame({"user": [1, 2], "item": [1, 2], "time": times}))
    assert table["timestamp"].to_list() == seconds
    assert table["timestamp"].dtype == pl.Int64


def test_columns_may_be_named_by_the_caller():
    frame = pl.DataFrame({"client": [1], "sku": ["a"], "user_id": [9]})
    table = read_table(frame, columns={"user_id": "client", "item_id": "sku"})
    assert table.rows() == [(1, "a")]
    with pytest.raises(SettingError, match="has no key 'client'"):
        read_table(frame, columns={"client": "user_id"})
    with pytest.raises(DataError, match=r"no column 'nope'.*'client', 'sku', 'user_id'"):
        read_table(frame, columns={"user_id": "nope"})


def test_a_lazy_frame_is_collected():
    assert read_table(pl.LazyFrame({"uid": [1], "iid": [2]})).rows() == [(1, 2)]


def test_the_exact_name_wins_and_several_aliases_are_refused():
    assert read_table(pl.DataFrame({"user": [7], "user_id": [1], "item": [2]})).rows() == [(1, 2)]
    with pytest.raises(DataError, match="'userId', 'UserID' could all be user_id"):
        read_table(pl.DataFrame({"userId": [7], "UserID": [1], "item": [2]}))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user": [1], "thing": [2]}, "no column for item_id.*'user', 'thing'.*movieid"),
        ({"user": [], "item": []}, "no rows"),
        ({"user": [1.0], "item": [2]}, "user_id holds floats"),
        ({"user": [True], "item": [2]}, "user_id holds Boolean"),
        ({"user": [1, None], "item": [2, 3]}, "user_id is missing in row 2"),
        ({"user": [1], "item": [2], "rating": ["5"]}, "rating holds String.*'5' in row 1.*cast"),
        ({"user": [1], "item": [2], "rating": [True]}, "rating holds Boolean"),
        ({"user": [1], "item": [2], "rating": [-np.inf]}, "rating is infinite in row 1"),
        ({"user": [1], "item": [2], "time": ["noon"]}, "timestamp holds 'noon' in row 1"),
        ({"user": [1], "item": [2], "time": [np.inf]}, "timestamp is infinite"),
        ({"user": [1], "item": [2], "time": [1e300]}, "beyond 64-bit seconds in row 1"),
    ],
)
def test_a_frame_that_cannot_be_used_is_refused_in_a_sentence(columns, message):
    with pytest.raises(DataError, match=message):
        read_table(pl.DataFrame(columns))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("user,item\n", "no rows"),
        ("1,2,3\n4,5,6\n", "first line, '1,2,3', holds values"),
        ("user,thing\n1,2\n", "no column for item_id"),
        ("user,item,rating\n1,2,3\n1,2,3,4\n", "4 fields in row 2, and 3 column names"),
        ("user,item,rating\n1,2,\n1,2,five\n", "'five' is not a number in row 2"),
        ("user,item,rating\n1,2,nan\n", "NaN .* in row 1"),
        ("user,item\n1,2\n,3\n", "user_id is missing in row 2"),
        ("user,item,time\n1,2,noon\n", "timestamp holds 'noon'"),
        (b"user,item\n\xff\xfe,2\n", "row 1 .* is not UTF-8.*encoding="),
        ('user,item\n"1,2\n', "cannot be read"),
        ("user," + "x" * 200_000 + "\n1,2\n", "cannot be read"),
        (b"PAR1 and no more PAR1", "cannot be read"),
        (gzip.compress(CSV.encode(), mtime=0)[:-12], "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(read, content, message):
    with pytest.raises(DataError, match=message):
        read("bad.csv", content)


def test_a_missing_file_a_folder_and_other_objects_are_refused(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        read_table(tmp_path / "nope.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)
    for thing in (None, 3, [1], np.zeros((2, 3))):
        with pytest.raises(DataError, match=f"got a {type(thing).__name__}"):
            read_table(thing)
    with pytest.raises(DataError, match="is not a table with columns"):
        read_table(pd.Series([1.0]))
    indexed = pd.DataFrame({"user": [1], "item": [2], "x": [3]}).set_index(["user", "item"])
    with pytest.raises(DataError, match=r"its index is not read: call reset_index\(\)"):
        read_table(indexed)
    twice = pd.DataFrame([[1, 2, 3]], columns=["user_id", "user_id", "item_id"])
    with pytest.raises(DataError, match="no column for user_id"):
        read_table(twice)
    twice.columns = ["x", "x", "item_id"]
    assert read_table(twice.assign(user=7)).rows() == [(7, 3)]
