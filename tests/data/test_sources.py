"""Whatever holds a table is opened once and read, or named with the remedy."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import sqlite3
import subprocess
import sys
import tarfile
import threading
import zipfile

import polars as pl
import pytest

from conv4rec.data.formats import encoding_of
from conv4rec.data.tables import read_table
from conv4rec.errors import DataError

ROWS = [(1, 10, 4.0), (2, 11, 3.5)]
CSV = "user,item,rating\n1,10,4.0\n2,11,3.5\n"
FRAME = pl.DataFrame(ROWS, schema=["user", "item", "rating"], orient="row")


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zstd(content):
    """One frame of one block, stored as it is (RFC 8878)."""
    header = bytes.fromhex("28b52ffd20") + bytes([len(content)])
    return header + (len(content) << 3 | 1).to_bytes(3, "little") + content


def written(method):
    buffer = io.BytesIO()
    getattr(FRAME, method)(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(CSV.encode(), mtime=0),
        bz2.compress(CSV.encode()),
        lzma.compress(CSV.encode()),
        zstd(CSV.encode()),
        zipped(ratings=CSV),
        zipped(**{"ratings": CSV, "__MACOSX/ratings": "x", "folder/": ""}),
        gzip.compress(zipped(ratings=CSV), mtime=0),
        CSV.encode("utf-16"),
        CSV.encode("utf-16-le"),
        CSV.encode("utf-16-be"),
        CSV.encode("utf-32"),
        CSV.encode("utf-8-sig"),
        gzip.compress(CSV.encode("utf-16"), mtime=0),
        written("write_parquet"),
        gzip.compress(written("write_parquet"), mtime=0),
        written("write_ipc"),
        written("write_ipc_stream"),
        written("write_avro"),
        written("write_ndjson"),
        written("write_json"),
        gzip.compress(written("write_ndjson"), mtime=0),
        written("write_ndjson").decode().encode("utf-16"),
    ],
)
def test_a_file_is_known_by_its_content_and_not_by_its_name(tmp_path, content):
    (tmp_path / "table.bin").write_bytes(content)
    assert read_table(tmp_path / "table.bin").rows() == ROWS


def test_ratings_of_json_may_be_written_as_text(tmp_path):
    (tmp_path / "r.jsonl").write_text('{"user": 1, "item": 10, "rating": "4,5"}\n')
    assert read_table(tmp_path / "r.jsonl").rows() == [(1, 10, 4.5)]


def sqlite_file(folder):
    path = folder / "x.db"
    connection = sqlite3.connect(path)
    connection.execute("create table ratings (user_id)")
    connection.close()
    return path.read_bytes()


def tar_file(_):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("ratings.csv"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (sqlite_file, "is a SQLite database: export the table: sqlite3"),
        (tar_file, "is a tar archive: unpack it"),
        (pickle.dumps({"user": [1]}), "is a pickle, .* never opened: .*to_parquet"),
        (zipped(**{"xl/workbook.xml": ""}), "is an Excel workbook: save"),
        (zipped(a="1", b="2"), r"is a zip of 2 files \(a, b\): unpack it"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file: save it"),
        (b"X\n\x00\x00\x00\x03", r"is an R data file \(.rds\)"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"user,item\n\x00\x01,2\n", "is not a text table"),
        (b'{"user_id": {"0": 1}, "item_id": {"0": 2}}', "one object a line or a list"),
        (b'{\n "user": [1],\n "item": [2]\n}', "one object a line or a list"),
        (b'[{"user": 1},', "one object a line or a list"),
        (b"\x28\xb5\x2f\xfd\x00", "cannot be read"),
        (b"BZh91AY", "cannot be read"),
        (b"ARROW1\x00\x00", "cannot be read"),
        (b"PK\x03\x04", "cannot be read"),
    ],
)
def test_a_file_of_another_format_is_named_with_the_remedy(tmp_path, content, message):
    path = tmp_path / "ratings.csv"
    path.write_bytes(content(tmp_path) if callable(content) else content)
    with pytest.raises(DataError, match=message):
        read_table(path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("https://example.org/ratings.csv", "is an address, .* download it first"),
        ("s3://bucket/ratings.parquet", "is an address"),
        ("file:///tmp/ratings.csv", "without file://"),
        ("no-such-*.csv", "no file matches no-such-"),
    ],
)
def test_an_address_or_a_pattern_without_files_is_said(source, message):
    with pytest.raises(DataError, match=message):
        read_table(source)


def test_a_pipe_is_read_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(CSV))
    writer.start()
    assert read_table(pipe).rows() == ROWS
    writer.join()


@pytest.mark.parametrize(
    ("name", "content"),
    [("-", gzip.compress(CSV.encode(), mtime=0)), ("/dev/stdin", CSV.encode())],
)
def test_standard_input_is_read(name, content):
    code = f"from conv4rec.data import read_table; print(read_table({name!r}).rows())"
    said = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True)
    assert said.stdout.decode().strip() == str(ROWS), said.stderr


def test_an_empty_stream_says_that_a_stream_is_read_once(tmp_path, monkeypatch):
    (tmp_path / "nothing").touch()
    with (tmp_path / "nothing").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(DataError, match="standard input is empty"):
            read_table("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="nothing is piped in"):
        read_table("-")


def test_parts_in_a_folder_are_one_table(tmp_path):
    inside = tmp_path / "log" / "day=1"
    inside.mkdir(parents=True)
    (tmp_path / "log" / "_SUCCESS").touch()
    (tmp_path / "log" / ".part-0.csv.crc").write_bytes(b"\x00")
    (inside / "part-0.csv").write_text("user,item,rating\n1,10,4\n")
    (inside / "part-1.csv").write_text("user;item;rating\nx;11;3,5\n")
    expected = [("1", 10, 4.0), ("x", 11, 3.5)]  # ids are strings where one part has a string
    assert read_table(tmp_path / "log").rows() == expected
    assert read_table(str(inside / "part-*.csv")).rows() == expected
    (inside / "part-2.csv").write_text("user,item\n1,10\n")
    with pytest.raises(DataError, match=r"part-2.csv has other columns .* than .*part-0.csv"):
        read_table(tmp_path / "log")
    (inside / "README.txt").touch()
    with pytest.raises(DataError, match=r"folder with files of several kinds \(.csv, .txt\)"):
        read_table(tmp_path / "log")


def test_parts_with_types_are_one_table(tmp_path):
    FRAME.head(1).write_parquet(tmp_path / "0.parquet")
    FRAME.tail(1).cast({"user": pl.Int32}).write_parquet(tmp_path / "1.parquet")
    assert read_table(tmp_path).rows() == ROWS
    FRAME.cast({"user": pl.String}).write_parquet(tmp_path / "2.parquet")
    with pytest.raises(
        DataError, match=r"user_id is String in .*2.parquet and Int64 in .*0.parquet"
    ):
        read_table(tmp_path)


def test_a_saved_model_is_no_log(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(DataError, match="saved by conv4rec, not a log"):
        read_table(tmp_path)


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    (tmp_path / "places").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "places"))
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(CSV.encode("utf-16"), mtime=0))
    read_table(tmp_path / "r.csv.gz")
    assert not list((tmp_path / "places").iterdir())


def test_short_text_is_not_taken_for_another_encoding():
    assert [encoding_of(text) for text in (b"", b"a", b"a,b", b"\x00")] == [None] * 4
