"""The job of one process of the bench, as one JSON object."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from conv4rec.data import (
    EventSplit,
    Interactions,
    Split,
    load_dataset,
    load_split,
    read_table,
    scarce_split,
    split_events,
    split_log,
)
from conv4rec.data.event_splits import NAMED
from conv4rec.data.reading import reading_words
from conv4rec.errors import SettingError

NEW_USERS = "new-users"


@dataclass(frozen=True)
class Source:
    """The ratings and how they are split: a named split, or a file and a kind of split."""

    dataset: str | None = None
    """Such as "ml-100k/u1"."""
    data: str | None = None
    """Path of a ratings file."""
    split: str = "r0"
    """Of a file: see `split_log`."""
    reading: dict[str, Any] = field(default_factory=dict)
    """Of a file: what is stated about it (see `conv4rec.data.reading`)."""
    levels: list[float] | None = None

    def __post_init__(self) -> None:
        if (self.dataset is None) == (self.data is None):
            raise SettingError("the bench needs either --dataset NAME/SPLIT or --data FILE")
        if self.data is not None and self.data in ("-", "/dev/stdin"):
            raise SettingError("each model of a bench reads the ratings anew: give a file")

    @property
    def name(self) -> str:
        """Its name in records and tables."""
        return self.dataset or f"{Path(str(self.data)).stem}/{self.split}"

    @property
    def of_new_users(self) -> bool:
        """Whether the users of the test are not in training."""
        return self.name.endswith(f"/{NEW_USERS}")

    @property
    def has_types(self) -> bool:
        """Whether it is a log with types; reads the log."""
        if self.dataset in NAMED:
            return True
        if self.dataset is None:
            return "type" in read_table(str(self.data), **self.reading).columns
        set_name = self.dataset.rpartition("/")[0]
        return bool(set_name) and "type" in load_dataset(set_name).frame.columns

    def load(self) -> Split | EventSplit:
        """Read it.

        Raises:
            SettingError: There is no such split (DatasetError: no such data set; DataError: the
                file cannot be used).
        """
        if self.dataset is not None:
            return load_split(self.dataset)
        frame, name = read_table(str(self.data), **self.reading), Path(str(self.data)).stem
        if "type" in frame.columns:
            return split_events(frame, self.split, name=name, levels=self.levels)
        log = Interactions.from_frame(str(self.data), levels=self.levels, **self.reading)
        return split_log(log, self.split, name=name)

    def words(self) -> list[str]:
        """The options of `conv4rec bench` that mean this source."""
        if self.dataset is not None:
            return ["--dataset", self.dataset]
        words = ["--data", str(self.data), "--split", self.split]
        words += reading_words(self.reading)
        if self.levels:
            words += ["--levels", ",".join(f"{level:g}" for level in self.levels)]
        return words


@dataclass(frozen=True)
class Budget:
    """The budget of a model for choosing its settings: the limit reached first counts."""

    trials: int = 20
    minutes: float = 15.0

    def __post_init__(self) -> None:
        if self.trials < 1 or not self.minutes > 0:
            raise SettingError(
                f"--trials and --minutes must be above 0; got {self.trials} and {self.minutes:g}"
            )


@dataclass(frozen=True)
class Job:
    """Fit and measure one model with one seed, or (with a budget) tune it."""

    source: Source
    model: str
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    drop_labels: float = 0.0
    budget: Budget | None = None
    per_user: str | None = None
    """Where to write each user's figures."""
    also: tuple[str, ...] = ()
    lists: bool = False
    """Whether its lists are measured too."""

    def load(self) -> Split | EventSplit:
        """The split, less the ratings that are dropped: the same ones for every model.

        Raises:
            SettingError: Ratings are to be dropped from a log with types.
        """
        split = self.source.load()
        if isinstance(split, EventSplit):
            if self.drop_labels:
                raise SettingError("--drop-labels is for logs without types")
            return split
        return scarce_split(split, self.drop_labels, self.seed) if self.drop_labels else split

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Job:
        """What `to_json` wrote."""
        facts = json.loads(line)
        budget = facts.pop("budget")
        facts |= {"source": Source(**facts["source"]), "also": tuple(facts["also"])}
        return cls(**facts, budget=budget and Budget(**budget))


def command_line(words: list[str]) -> str:
    """A `conv4rec bench` command, quoted for the shell."""
    return shlex.join(["conv4rec", "bench", *words])
