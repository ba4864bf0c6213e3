"""A table of lists: everyone's rows by id, as they were written, and nothing else is taken."""

import polars as pl
import pytest

from conv4rec.data.precomputed import PrecomputedLists
from conv4rec.errors import DataError, UnknownUserError

ROWS = pl.DataFrame(
    {
        "user_id": [7, 3, 3, 3, 7],
        "item_id": ["e", "b", "a", "c", "d"],
        "rank": [2, 2, 1, 3, 1],
        "score": [0.1, 0.5, 0.6, 0.4, 0.2],
    }
)


def items(rows):
    return [row["item_id"] for row in rows]


def test_rows_are_found_by_user_in_the_order_of_rank_whatever_the_order_of_the_table():
    lists = PrecomputedLists(ROWS)
    assert items(lists.of(3, 10)) == ["a", "b", "c"]
    assert lists.of(7, 1) == [{"user_id": 7, "item_id": "d", "rank": 1, "score": 0.2}]
    assert (len(lists.users), len(lists), lists.longest) == (2, 5, 3)


def test_without_ranks_the_order_of_the_table_counts():
    assert items(PrecomputedLists(ROWS.drop("rank")).of(3, 10)) == ["b", "a", "c"]


def test_blocked_items_leave_no_gap():
    found = PrecomputedLists(ROWS).of(3, 2, block={"a", "no such"})
    assert [(row["item_id"], row["rank"]) for row in found] == [("b", 1), ("c", 2)]


def test_ids_that_are_categories_are_texts():
    table = ROWS.with_columns(pl.col("user_id", "item_id").cast(pl.String).cast(pl.Categorical))
    lists = PrecomputedLists(table)
    assert items(lists.of("7", 5)) == ["d", "e"]


def test_a_user_without_a_list_is_unknown():
    with pytest.raises(UnknownUserError, match="user 4 is not in the lists of 2 users"):
        PrecomputedLists(ROWS).of(4, 1)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (ROWS.drop("item_id"), "no column item_id"),
        (ROWS.clear(), "no row"),
        (ROWS.with_columns(user_id=None), "user_id"),
        (ROWS.with_columns(pl.col("user_id") * 0.5), "user_id"),
        (ROWS.with_columns(item_id=pl.lit([1])), "item_id"),
    ],
)
def test_other_tables_are_refused(table, sentence):
    with pytest.raises(DataError, match=sentence):
        PrecomputedLists(table)


def test_a_damaged_file_is_refused(tmp_path):
    ROWS.write_parquet(tmp_path / "lists.parquet")
    whole = (tmp_path / "lists.parquet").read_bytes()
    (tmp_path / "lists.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"lists\.parquet cannot be read"):
        PrecomputedLists.read(tmp_path / "lists.parquet")
