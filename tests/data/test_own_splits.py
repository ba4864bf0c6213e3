"""Splits that a caller makes are over the same users, items and levels, and leak nothing."""

import numpy as np
import polars as pl
import pytest

from conv4rec.data import EventSplit, Interactions, Split, fold_splits, split_of_tables
from conv4rec.errors import DataError, SettingError

TRAIN = pl.DataFrame({"user_id": [1, 1, 2], "item_id": [7, 8, 7], "rating": [1.0, 2.0, None]})
TEST = pl.DataFrame({"user_id": [2, 3], "item_id": [9, 7], "rating": [5.0, 1.0]})


def test_both_parts_are_over_all_users_items_and_levels():
    split = split_of_tables(TRAIN, TEST)
    assert isinstance(split, Split)
    for part in (split.train, split.test):
        assert part.users.to_series().to_list() == [1, 2, 3]
        assert part.items.to_series().to_list() == [7, 8, 9]
        assert part.levels.values == (1.0, 2.0, 5.0)
    assert split.train.to_frame().rows() == TRAIN.rows()
    assert split.test.to_frame().rows() == TEST.rows()


def test_a_pair_of_both_parts_is_not_tested():
    with pytest.warns(UserWarning, match="1 of 3 pairs of the test are in the training part"):
        split = split_of_tables(TRAIN, pl.concat([TEST, TRAIN.head(1)]))
    assert split.test.to_frame().rows() == TEST.rows()
    with (
        pytest.warns(UserWarning, match="3 of 3"),
        pytest.raises(DataError, match="nothing is left to test"),
    ):
        split_of_tables(TRAIN, TRAIN)


def test_ids_of_files_are_of_one_type_and_those_of_frames_must_be(tmp_path):
    TRAIN.write_csv(tmp_path / "a.csv")
    text = TEST.with_columns(item_id=pl.Series(["x", "7"]))
    text.write_csv(tmp_path / "b.csv")
    split = split_of_tables(tmp_path / "a.csv", tmp_path / "b.csv")
    assert split.train.items.to_series().to_list() == ["7", "8", "x"]
    with pytest.raises(DataError, match="item_id holds integers in one table and strings"):
        split_of_tables(TRAIN, text)


def test_every_interaction_is_tested_in_one_fold(mixed: Interactions):
    splits = list(fold_splits(mixed, 7, seed=1, name="mixed"))
    assert [split.name for split in splits][:2] == ["mixed/fold1of7", "mixed/fold2of7"]
    tested = pl.concat([split.test.to_frame() for split in splits])
    columns = ["user_id", "item_id"]
    assert tested.sort(columns).equals(mixed.to_frame().sort(columns))
    sizes = np.array([[len(split.train), len(split.test)] for split in splits])
    assert (sizes.sum(axis=1) == len(mixed)).all()
    assert np.ptp(sizes[:, 1]) <= 1


def test_both_splits_know_types():
    events = pl.DataFrame(
        {"user_id": [1, 1, 2, 2, 3], "item_id": [7, 7, 7, 8, 8], "type": [*"vbvvv"]}
    )
    split = split_of_tables(events.head(3), events.tail(2), types={"targets": ["v"]})
    assert isinstance(split, EventSplit)
    assert (split.train.types.names, split.targets) == (("b", "v"), ("v",))
    assert [int(part.counts.sum()) for part in (split.train, split.test)] == [3, 2]
    folds = list(fold_splits(events, 2, targets=["b", "v"]))
    held = pl.concat([each.test.to_frame() for each in folds]).drop("count")
    columns = held.columns
    assert held.sort(columns).equals(events.sort(columns))
    with pytest.raises(DataError, match="the training part has a column for type and the test"):
        split_of_tables(events, events.drop("type"))
    with pytest.raises(SettingError, match="targets= is for logs with types"):
        next(fold_splits(events.drop("type"), 2, targets=["b"]))
    with pytest.raises(SettingError, match="targets= is for logs with types"):
        split_of_tables(TRAIN, TEST, types={"targets": ["b"]})
