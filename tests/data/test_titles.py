"""Titles and lists of ids are found in every file that could hold them."""

import polars as pl
import pytest

from conv4rec.data.id_lists import read_ids
from conv4rec.data.ids import Ids
from conv4rec.data.reading import Reading
from conv4rec.data.titles import read_titles
from conv4rec.errors import DataError

NUMBERS = Ids.from_values(pl.Series([7, 8]), "item")
WORDS = Ids.from_values(pl.Series(["7", "dune"]), "item")


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "items.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("content", "titles"),
    [
        ('item_id;title\n7;"A; b"\n8;C\n', {7: "A; b", 8: "C"}),
        ("movieId\tname\tyear\n7\tA\t1999\n", {7: "A"}),
        ("item_id,title\n7,A\n8,\nx,B\n", {7: "A"}),
        ("7::Toy Story (1995)::Animation|Comedy\n9::B::C\n", {7: "Toy Story (1995)", 9: "B"}),
        ("7|GoldenEye (1995)|01-Jan-1995||http://x|0|1\n", {7: "GoldenEye (1995)"}),
        ('{"item_id": 7, "title": "A"}\n', {7: "A"}),
    ],
)
def test_titles_of_any_form_are_read(file, content, titles):
    assert read_titles(file(content), NUMBERS) == titles


def test_titles_of_items_whose_ids_are_strings(file):
    assert read_titles(file("item,title\n7,A\n"), WORDS) == {"7": "A"}


def test_titles_that_cannot_be_read_say_why(file):
    with pytest.raises(DataError, match="no column for title in the table; it has 'item_id', 'x'"):
        read_titles(file("item_id,x\n7,A\n"), NUMBERS)
    film = file("7|Les Mis\xe9rables\n".encode("latin-1"))
    with pytest.raises(DataError, match="is not UTF-8: state the encoding"):
        read_titles(film, NUMBERS)
    assert read_titles(film, NUMBERS, Reading(encoding="latin-1")) == {7: "Les Misérables"}


def test_titles_of_no_item_are_warned_of(file):
    with pytest.warns(UserWarning, match="no title .* which are such as 7; the table has 9"):
        read_titles(file("item_id,title\n9,A\n"), NUMBERS)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("7\n\n8\r\n", [7, 8]),
        ("item_id\n7\n", [7]),
        ("movieId,title\n7,A\n8,B\n", [7, 8]),
        ("title;item\nA;7\n", [7]),
        ("98\n99\n", [98, 99]),
        ("no such item\n", ["no such item"]),
    ],
)
def test_ids_are_read_from_lines_and_tables(file, content, found):
    assert read_ids(file(content), NUMBERS) == found


def test_ids_of_other_kinds_of_files(tmp_path, file):
    pl.DataFrame({"item_id": [7, 9], "x": [1, 2]}).write_parquet(tmp_path / "i.parquet")
    assert read_ids(tmp_path / "i.parquet", NUMBERS) == [7, 9]
    assert read_ids(tmp_path / "i.parquet", WORDS) == ["7", "9"]
    assert read_ids(file("dune\nCrouching Tiger, Hidden Dragon\n"), WORDS) == [
        "dune",
        "Crouching Tiger, Hidden Dragon",
    ]
    with pytest.raises(DataError, match="no column for item_id"):
        read_ids(file("a,b\nc,d\n"), NUMBERS)
