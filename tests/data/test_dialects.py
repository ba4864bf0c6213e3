"""However a text table is written, it is read as meant, or the sentence says how to state it."""

import pytest

from conv4rec.data import Interactions
from conv4rec.data.tables import read_table
from conv4rec.errors import DataError, SettingError

ROWS = [(1, 2, 3.0), (4, 5, 3.5)]


@pytest.fixture
def read(tmp_path):
    def write_and_read(content, **stated):
        path = tmp_path / "log.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path, **stated)

    return write_and_read


@pytest.mark.parametrize(
    "content",
    [
        'user;item;rating;"title, year"\n1;2;3;"a, b"\n4;5;3,5;c\n',
        "user,item,rating,2020\n1,2,3,7\n4,5,3.5,8\n",
        'sep=;\nuser;item;rating\n1;2;3\n4;5;"3,5"\n',
        '"sep=\t"\nuser\titem\trating\n1\t2\t3\n4\t5\t3.5\n',
        "'user','item','rating'\n'1','2','3'\n'4','5','3.5'\n",
        '"user";"title";"item";"rating"\n"1";"a\\";b";"2";"3"\n"4";"\\"c\\"";"5";"3.5"\n',
        "% bip weighted\n% 2 2 2\nuser item rating\n1 2 3\n4 5 3.5\n",
        "// an export, of: 1\nuser,item,rating\n1,2,3\n4,5,3.5\n",
        '# it"s an export; of: 1, 2\n#\n\nuser,item,rating\n1,2,3\n4,5,3.5\n',
        "#user,item,rating\n1,2,3\n4,5,3.5\n",
        "user|item|rating\n1|2|3\n4|5|3.5\n",
        "user  item rating\n1 2   3\n 4 5 3.5\n",
        '"user" "item" "rating"\n"1" "2" 3\n"4" "5" 3.5\n',
        "user,item,rating\r1,2,3\r4,5,3.5\r",
        "user, item, rating\n1, 2, 3\n4 ,5\t, 3.5 \n",
        'user, "item", rating, title\n"1", "2", 3, "a, b"\n"4" , "5", "3.5" ,c\n',
        'user\titem\trating\n"1" \t2\t3\n4\t "5"\t3.5\n',
        'user,item,rating\n"1","2","3"\n\n,,\n"4","5","3.5"\n\n',
        "user::item::rating\n1::2::3\n4::5::3.5\n",
        'title,user;x,item,rating\n"a;b",1,2,3\n"c;d",4,5,3.5\n'.replace("user;x", "user"),
        "rating,note,item,user\n3,\xe9,2,1\n3.5,x,5,4\n".encode("latin-1"),
    ],
)
def test_a_table_is_read_as_meant(read, content):
    assert read(content).rows() == ROWS


@pytest.mark.parametrize(
    ("content", "stated"),
    [
        ("1,2,3\n4,5,3.5\n", {"header": False}),
        (
            "3,2,1\n3.5,5,4\n",
            {"header": False, "columns": {"user_id": 3, "item_id": 2, "rating": "1"}},
        ),
        ("x||user||item||rating\n||1||2||3\n||4||5||3.5\n", {"sep": "||"}),
        ("1 2 3\n4 5 3.5\n", {"sep": "blank", "header": False}),
        (
            "a\tb\tc\n1\t2\t3\n4\t5\t3.5\n",
            {"columns": {"user_id": "a", "item_id": 2, "rating": "c"}},
        ),
        ("user,item,rating,x;y\n1,2,3,\n4,5,3.5,\n", {"sep": ","}),
    ],
)
def test_what_is_stated_counts(read, content, stated):
    assert read(content, **stated).rows() == ROWS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("ann,dune,5\nbob,heat,4\n", "'ann,dune,5', holds values .* header=False"),
        ("ann;dune\nbob;heat\n", "read as names, with ';' between them: sep=.*header=False"),
        ("user\titem\n1\t2\t3\n", "3 fields in row 1, and 2 column names"),
        ("# nothing\n\n", "is empty"),
        ("user,item\n1, \n", "item_id is missing in row 1"),
    ],
)
def test_a_table_that_is_not_understood_says_how_to_state_it(read, content, message):
    with pytest.raises(DataError, match=message):
        read(content)


def test_another_encoding_is_asked_for_only_where_it_matters(read):
    content = "user,item,title\n1,caf\xe9,caf\xe9\n".encode("latin-1")
    with pytest.raises(DataError, match=r"item_id .* in row 1 .* is not UTF-8: .* encoding="):
        read(content)
    assert read(content, encoding="latin-1").rows() == [(1, "café")]


@pytest.mark.parametrize(
    "stated",
    [
        {"encoding": "klingon"},
        {"encoding": "base64"},
        {"sep": ""},
        {"sep": "\n"},
        {"time_format": "soon"},
        {"columns": ["user"]},
        {"columns": {"user_id": None}},
    ],
)
def test_a_statement_that_means_nothing_is_refused(read, stated):
    with pytest.raises(SettingError):
        read("user,item\n1,2\n", **stated)


def test_blanks_are_left_out_and_reported(tmp_path):
    (tmp_path / "r.csv").write_text("user,item,rating\n1, 2, 5\n3, 4,5\n")
    report = Interactions.from_frame(tmp_path / "r.csv").report
    assert "blanks around values were left out: 2 of item_id, 1 of rating" in report.lines()


def test_decimal_commas_are_reported_and_thousands_refused(tmp_path, read):
    (tmp_path / "r.csv").write_text("user;item;rating\n1;2;4,5\n1;3;4\n")
    report = Interactions.from_frame(tmp_path / "r.csv").report
    assert "decimal commas: '4,5' is a number" in report.lines()
    with pytest.raises(DataError, match="'1,000' is not a number"):
        read("user;item;rating\n1;2;1,000\n")


def test_blanks_beside_quotes_are_not_of_the_value(read):
    """Read as they stand, the quotes would be a part of the id, in silence."""
    found = read('user_id, item_id\n"ann", "say ""x"", and"\n"bob" , "dune"\n')
    assert found.select("user_id", "item_id").rows() == [("ann", 'say "x", and'), ("bob", "dune")]
