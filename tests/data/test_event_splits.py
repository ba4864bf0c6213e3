"""Splits of logs with types: what is known, what is asked, and what is not to be read."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conv4rec.data.event_splits import (
    event_split_by_name,
    next_events_split,
    split_events,
    split_rows,
)
from conv4rec.errors import DataError, SettingError

FRAME = pl.DataFrame(
    [
        ("a", 1, "view", 1), ("a", 2, "view", 2), ("a", 1, "view", 3), ("b", 1, "buy", 4),
        ("a", 1, "buy", 5), ("b", 2, "view", 6), ("b", 2, "buy", 6), ("c", 9, "like", 7),
    ],
    schema=["user_id", "item_id", "type", "timestamp"],
    orient="row",
)  # fmt: skip
LATE = FRAME["timestamp"] > 4


def triples(events):
    return events.to_frame().select("user_id", "item_id", "type").rows()


def test_parts_share_users_items_and_types_and_repeats_are_learnt_from_training():
    split = split_rows(FRAME, LATE, "mine", targets=["buy"])
    for part in (split.train, split.test, split.other_test):
        assert (part.n_users, part.n_items, part.types.names) == (3, 3, ("buy", "like", "view"))
    assert triples(split.train) == [("a", 1, "view"), ("a", 2, "view"), ("b", 1, "buy")]
    assert triples(split.test) == [("a", 1, "buy"), ("b", 2, "buy")]
    assert triples(split.other_test) == [("b", 2, "view"), ("c", 9, "like")]
    assert split.targets == ("buy",)
    assert split.train.types.repeating == (False, False, True)
    no_repeat = split_rows(FRAME, FRAME["timestamp"] == 3, "mine")
    assert not no_repeat.train.types.repeats("view")


def test_a_type_that_only_the_test_has_is_known_and_not_asked_for_if_not_a_target():
    assert split_rows(FRAME, LATE, "mine").targets == ("buy", "like", "view")
    assert split_rows(FRAME, LATE, "mine").other_test is None


def test_each_test_event_is_asked_from_what_its_user_did_before():
    split = next_events_split(FRAME, LATE, "mine")
    assert split.test.users.to_series().to_list() == [0, 1, 2, 3]
    assert triples(split.test) == [(0, 1, "buy"), (1, 2, "view"), (2, 2, "buy"), (3, 9, "like")]
    assert triples(split.given) == [
        (0, 1, "view"), (0, 2, "view"), (1, 1, "buy"), (2, 1, "buy")
    ]  # fmt: skip
    assert split.given.counts.tolist() == [2, 1, 1, 1]
    assert np.diff(split.given.starts).tolist() == [2, 1, 1, 0]
    with pytest.raises(DataError, match="timestamp in every row"):
        next_events_split(FRAME.drop("timestamp"), LATE, "mine")


def test_any_log_is_split_at_random_or_by_time():
    table = pl.concat([FRAME, FRAME.with_columns(user_id=pl.lit("z"))])
    late = split_events(table, "time", name="mine")
    assert (late.name, triples(late.test)) == ("mine/time", [("z", 9, "like")])
    one, again, other = (split_events(table, kind).test for kind in ("r0", "r0", "r1"))
    assert triples(one) == triples(again) != triples(other)
    with pytest.raises(SettingError, match="no split 'u1'"):
        split_events(table, "u1")
    with pytest.raises(DataError, match="comes to none"):
        split_events(FRAME, "r0")
    with pytest.raises(SettingError, match="no split of types"):
        event_split_by_name("taobao-mb/u1")


@pytest.mark.parametrize(
    ("name", "train", "test", "targets"),
    [
        ("deskdrop/time", 57_850, 14_463, 5),
        ("taobao-mb/buy", 1_130_712, 15_449, 1),
        ("goodbooks-10k/to-read", 1_794_236, 97_947, 1),
    ],
)
def test_the_named_splits_have_their_published_sizes(name, train, test, targets):
    root = os.environ.get("CONV4REC_DATA")
    if not root or not (Path(root) / name.split("/")[0]).is_dir():
        pytest.skip(f"needs {name.split('/')[0]} in the folder $CONV4REC_DATA")
    split = event_split_by_name(name)
    assert (split.train.counts.sum(), split.test.counts.sum()) == (train, test)
    assert len(split.targets) == targets
