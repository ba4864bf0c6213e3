"""Addresses of published data sets, and readers for their archives."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TypeAlias

import polars as pl

from conv4rec.data.fetch import DataSource
from conv4rec.data.netflix import read_netflix
from conv4rec.data.tables import read_table
from conv4rec.errors import DatasetError

MOVIELENS = "https://files.grouplens.org/datasets/movielens/"
GROUPLENS = (
    "GroupLens: for research; no commercial use and no redistribution without permission; cite "
    "Harper and Konstan 2015, https://doi.org/10.1145/2827872"
)
MOVIELENS_CHECKSUMS = {
    "ml-100k": "md5:0e33842e24a9c977be4e0107933c0723",
    "ml-1m": "md5:c4d9eecfca2ab87c1945afe126590906",
    "ml-10m": "md5:ce571fd55effeba0271552578f2648bd",
    "ml-20m": "md5:cd245b17a1ae2cc31bb14903e1204af3",
    "ml-25m": "md5:6b51fb2759a8657d3bfcbfc42b592ada",
    "ml-32m": "md5:d472be332d4daa821edc399621853b57",
    "ml-latest-small": None,  # its owner updates the file
}
SOURCES: dict[str, DataSource] = {
    name: DataSource(name, f"{MOVIELENS}{name}.zip", checksum, GROUPLENS)
    for name, checksum in MOVIELENS_CHECKSUMS.items()
}
SOURCES["goodbooks-10k"] = DataSource(
    "goodbooks-10k",
    "https://github.com/zygmuntz/goodbooks-10k/releases/download/v1.0/goodbooks-10k.zip",
    None,
    "CC BY-SA 4.0, Zygmunt Zając",
)
SOURCES["netflix"] = DataSource(
    "netflix",
    "https://www.kaggle.com/datasets/netflix-inc/netflix-prize-data",
    None,
    "Netflix Prize rules: for research; no commercial use and no redistribution without permission",
    ("netflix-prize-data.zip", "archive.zip", "nf_prize_dataset.tar.gz"),
)
SOURCES["msd"] = DataSource(
    "msd",
    "http://millionsongdataset.com/tasteprofile/",
    None,
    "Echo Nest Taste Profile: for research; cite Bertin-Mahieux et al., ISMIR 2011",
    ("train_triplets.txt.zip",),
)

WISH_LIST = "+to_read"  # suffix of a data set name: with its wish lists, a second type

Tables: TypeAlias = tuple[pl.DataFrame, pl.DataFrame | None]


def read_archive(name: str, archive: Path) -> Tables:
    """Read the interactions and the items from a published archive.

    Only the members needed are unpacked, into a temporary folder, under their bare names.

    Raises:
        DatasetError: The archive is damaged or lacks a member.
    """
    if name == "netflix":
        return read_netflix(archive)
    try:
        with zipfile.ZipFile(archive) as opened, tempfile.TemporaryDirectory() as folder:
            members = _Members(opened, Path(folder))
            if "u.data" in members:
                return _ml_100k(members)
            if "ratings.dat" in members:
                return read_table(members.path("ratings.dat")), _movies_dat(members)
            if "books.csv" in members:
                return _goodbooks(members, with_wishes=name.endswith(WISH_LIST))
            if name == "msd":
                return _taste_profile(members), None
            return read_table(members.path("ratings.csv")), _movies_csv(members)
    except KeyError as error:
        raise DatasetError(
            f"{archive} has no file {error} in it: it is not the published archive"
        ) from error
    except zipfile.BadZipFile as error:
        raise DatasetError(f"{archive} is damaged ({error}): delete it and try again") from error


class _Members:
    """The files in an archive by their bare names."""

    def __init__(self, opened: zipfile.ZipFile, folder: Path) -> None:
        self.opened, self.folder = opened, folder
        self.names = {member.rsplit("/", 1)[-1]: member for member in opened.namelist()}

    def __contains__(self, file_name: str) -> bool:
        return file_name in self.names

    def path(self, file_name: str) -> Path:
        path = self.folder / file_name
        with self.opened.open(self.names[file_name]) as member, path.open("wb") as file:
            shutil.copyfileobj(member, file)
        return path

    def lines(self, file_name: str) -> list[str]:
        content = self.opened.read(self.names[file_name])
        try:
            return content.decode("utf-8").splitlines()
        except UnicodeDecodeError:  # MovieLens 100K and 1M
            return content.decode("latin-1").splitlines()


def _ml_100k(members: _Members) -> Tables:
    """MovieLens 100K, with the number of the official test set (u1 to u5) of each row."""
    folds = [
        read_table(members.path(f"u{fold}.test"))
        .select("user_id", "item_id")
        .with_columns(fold=pl.lit(fold, dtype=pl.Int8))
        for fold in range(1, 6)
    ]
    frame = read_table(members.path("u.data")).join(
        pl.concat(folds), on=["user_id", "item_id"], how="left", maintain_order="left"
    )
    genres = [line.split("|")[0] for line in members.lines("u.genre") if line]
    items: list[tuple[str, ...]] = []
    for line in filter(None, members.lines("u.item")):  # id|title|date|video date|url|19 flags
        item_id, title, _, _, _, *flags = line.split("|")
        marked = [genre for genre, flag in zip(genres, flags, strict=False) if flag == "1"]
        items.append((item_id, title, "|".join(marked)))
    return frame, _items(items)


def _movies_dat(members: _Members) -> pl.DataFrame:
    return _items([tuple(line.split("::")) for line in members.lines("movies.dat") if line])


def _movies_csv(members: _Members) -> pl.DataFrame:
    movies = pl.read_csv(members.path("movies.csv"), infer_schema=False)
    return movies.select(
        item_id=pl.col("movieId").cast(pl.Int64), title="title", genres="genres"
    ).sort("item_id")


def _goodbooks(members: _Members, *, with_wishes: bool) -> Tables:
    frame = read_table(members.path("ratings.csv"))
    if with_wishes:
        frame = with_types(frame, read_table(members.path("to_read.csv")))
    books = pl.read_csv(members.path("books.csv"), infer_schema=False)
    item_id = pl.col("book_id").cast(pl.Int64)
    return frame, books.select(item_id=item_id, title="title", authors="authors").sort("item_id")


def _taste_profile(members: _Members) -> pl.DataFrame:
    """Who played which song; the number of plays is left out. There are no titles."""
    columns = {"user_id": 1, "item_id": 2, "rating": None, "timestamp": None}
    return read_table(members.path("train_triplets.txt"), columns, sep="\t", header=False)


def with_types(ratings: pl.DataFrame, wishes: pl.DataFrame) -> pl.DataFrame:
    """The ratings and then the wish lists, with a type."""
    parts = (ratings, "rating"), (wishes, "to_read")
    return pl.concat([part.with_columns(type=pl.lit(name)) for part, name in parts], how="diagonal")


def _items(rows: list[tuple[str, ...]]) -> pl.DataFrame:
    """Items from rows of id, title and genres."""
    schema = {"item_id": pl.String, "title": pl.String, "genres": pl.String}
    items = pl.DataFrame(rows, schema=schema, orient="row")
    return items.with_columns(pl.col("item_id").cast(pl.Int64)).sort("item_id")
