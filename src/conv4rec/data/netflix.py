"""The archives of the Netflix Prize: of Kaggle (zip), and the original (tar)."""

from __future__ import annotations

import gzip
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import polars as pl

from conv4rec.data.tables import read_table
from conv4rec.errors import DatasetError

RATINGS = re.compile(r"combined_data_\d+\.txt|mv_\d+\.txt")  # of Kaggle, and of the original
TITLES = re.compile(r"movie_titles\.(csv|txt)")
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError),
    *(pl.exceptions.PolarsError, ValueError, IndexError),  # a line that is none of the kind
)


def read_netflix(archive: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read the interactions, by movie, and the items (item_id, title).

    A line "7:" says that the ratings of movie 7 follow, as "user,rating,date". Both archives give
    the same rows in the same order. The text, 2 GB, is unpacked into a temporary folder.

    Raises:
        DatasetError: The archive is damaged or lacks a member.
    """
    with tempfile.TemporaryDirectory() as folder:
        ratings, titles = Path(folder, "ratings.csv"), Path(folder, "titles.txt")
        ratings.write_text("user_id,rating,timestamp\n")
        found = set()
        try:
            for name, stream in _members(archive):
                for pattern, path in ((RATINGS, ratings), (TITLES, titles)):
                    if pattern.fullmatch(name):
                        found.add(path)
                        with path.open("ab") as file:
                            shutil.copyfileobj(stream, file)
                            file.write(b"\n")
            if len(found) < 2:
                missing = "titles (movie_titles.csv or .txt)"
                if ratings not in found:
                    missing = "ratings (combined_data_1.txt or mv_0000001.txt)"
                raise DatasetError(
                    f"{archive} has no {missing} in it: it is not the published archive"
                )
            return _ratings(ratings), _titles(titles)
        except DAMAGED as error:
            raise DatasetError(
                f"{archive} is damaged ({error}): delete it and try again"
            ) from error


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The files of the archive, and of the archive `training_set.tar` in it, by bare name."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                with opened.open(member) as stream:
                    yield member.filename.rsplit("/", 1)[-1], stream
        return
    with tarfile.open(archive) as outer:
        yield from _tar_members(outer)


def _tar_members(opened: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in opened:
        stream = opened.extractfile(member)
        if stream is not None and member.name.endswith("training_set.tar"):
            with tarfile.open(fileobj=stream, mode="r|") as inner:
                yield from _tar_members(inner)
        elif stream is not None:
            yield member.name.rsplit("/", 1)[-1], stream


def _ratings(path: Path) -> pl.DataFrame:
    schema = {"user_id": pl.String, "rating": pl.Float64, "timestamp": pl.Date}
    movie = pl.col("user_id").str.ends_with(":")
    number = pl.when(movie).then(pl.col("user_id").str.strip_suffix(":")).cast(pl.Int64)
    rows = pl.scan_csv(path, schema=schema)
    rows = rows.with_columns(item_id=number.forward_fill()).drop_nulls("rating")
    frame = rows.with_columns(pl.col("user_id").cast(pl.Int64)).collect()
    if not frame["item_id"].is_sorted():  # a tar file has its members in any order
        frame = frame.sort("item_id", maintain_order=True)
    return read_table(frame)


def _titles(path: Path) -> pl.DataFrame:
    lines = path.read_text("latin-1").splitlines()
    rows = [line.split(",", 2) for line in lines if line]  # id,year,title: a title may hold commas
    return pl.DataFrame(
        {"item_id": [int(row[0]) for row in rows], "title": [row[2] for row in rows]}
    ).sort("item_id")
