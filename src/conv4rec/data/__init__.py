"""Logs: interactions, rating levels, ids, splits, named data sets, synthetic worlds."""

from conv4rec.data.datasets import Dataset, dataset_names, load_dataset
from conv4rec.data.event_splits import EventSplit, load_split, split_events
from conv4rec.data.event_types import EventTypes
from conv4rec.data.events import Events, read_log
from conv4rec.data.ids import Ids
from conv4rec.data.interactions import Interactions
from conv4rec.data.label_dropout import drop_labels, scarce_split
from conv4rec.data.levels import Levels
from conv4rec.data.load_report import LoadReport
from conv4rec.data.own_splits import fold_splits, split_of_tables
from conv4rec.data.splits import (
    Split,
    new_users_split,
    random_split,
    split_by_name,
    split_log,
    time_split,
)
from conv4rec.data.tables import read_table

__all__ = [
    "Dataset",
    "EventSplit",
    "EventTypes",
    "Events",
    "Ids",
    "Interactions",
    "Levels",
    "LoadReport",
    "Split",
    "dataset_names",
    "drop_labels",
    "fold_splits",
    "load_dataset",
    "load_split",
    "new_users_split",
    "random_split",
    "read_log",
    "read_table",
    "scarce_split",
    "split_by_name",
    "split_events",
    "split_log",
    "split_of_tables",
    "time_split",
]
