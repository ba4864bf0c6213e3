"""Output in any encoding and any width: plain characters, escaped JSON, nothing lost or cut."""

import json
import os
import subprocess
import sys

import polars as pl
import pytest

from conv4rec import Conv4Rec
from conv4rec.cli.encoding import PLAIN, as_plain

TITLE = "Amélie 日本 🎬"


@pytest.fixture(scope="module")
def titles(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("titles") / "titles.csv"
    items = model.interactions_.items.to_series()
    pl.DataFrame({"item_id": items, "title": [TITLE] * len(items)}).write_csv(path)
    return path


def printed(encoding, *words, **more):
    """What a command prints in a process whose output has this encoding."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding, **more}
    if not encoding:
        del environment["PYTHONIOENCODING"]
    command = [sys.executable, "-m", "conv4rec", *map(str, words)]
    done = subprocess.run(command, capture_output=True, env=environment)
    assert b"Traceback" not in done.stderr, done.stderr.decode("ascii", "replace")
    return done


def test_lists_in_an_encoding_of_few_characters_are_plain(model_folder, titles):
    done = printed("ascii", "recommend", model_folder, "--user", "u00", "-k", 3, "--titles", titles)
    assert done.returncode == 0
    text = done.stdout.decode("ascii")
    for word in (r"Am\xe9lie", r"\u65e5\u672c", r"\U0001f3ac"):  # a narrow list wraps the title
        assert word in text
    lines = text.splitlines()
    rule = next(line for line in lines if line and set(line) == {"-"})
    assert all(len(line) <= len(rule) for line in lines[lines.index(rule) :])


def test_json_is_escaped_where_it_must_be_and_says_the_same(model_folder, titles):
    words = ("recommend", model_folder, "--user", "u00", "--titles", titles, "--json")
    escaped, whole = printed("cp1252", *words), printed("utf-8", *words)
    assert b"\\u65e5" in escaped.stdout and "日".encode() in whole.stdout  # noqa: PT018
    assert json.loads(escaped.stdout.decode("cp1252")) == json.loads(whole.stdout.decode())


def test_the_c_locale_is_ascii(model_folder):
    done = printed("", "explain", model_folder, "--user", "u00", LC_ALL="C", PYTHONUTF8="0",
                   PYTHONCOERCECLOCALE="0")  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.isascii()


def test_a_sentence_about_a_name_that_is_no_text_is_printed(tmp_path):
    done = printed("utf-8", "recommend", os.fsencode(tmp_path).decode() + "/\udcff", "--user", "1")
    assert done.returncode == 2
    assert "there is no folder" in done.stderr.decode()


@pytest.mark.parametrize(
    "encoding", ["ascii", "latin-1", "cp1252", "cp437", "cp932", "koi8-r", "utf-8"]
)
def test_everything_can_be_encoded(encoding):
    text = "".join(map(chr, PLAIN)) + TITLE + "εδ \ud800"
    plain = as_plain(text, encoding)
    assert plain.encode(encoding).decode(encoding) == plain
    assert as_plain("plain text", encoding) == "plain text"


def test_greek_letters_get_their_names():
    assert as_plain("ε ≤ δ", "ascii") == "epsilon <= delta"


@pytest.fixture(scope="module")
def long_ids(tmp_path_factory):
    """Ids that differ only at the end of 70 characters."""
    long = "x" * 60
    log = pl.DataFrame({"user_id": [f"{long}u{n % 2}" for n in range(12)],
                        "item_id": [f"{long}item{n}" for n in range(12)],
                        "rating": [1 + n % 4 for n in range(12)]})  # fmt: skip
    folder = tmp_path_factory.mktemp("long") / "model"
    Conv4Rec(n_steps=2, mf_draws=0).fit(log).save(folder)
    return folder, long


@pytest.mark.parametrize("columns", [None, "30"])
def test_ids_are_whole_wherever_they_are_printed(say, monkeypatch, long_ids, columns):
    folder, long = long_ids
    monkeypatch.delenv("COLUMNS")
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    user = f"{long}u1"
    said = say("recommend", folder, "--user", user, "-k", 2, "--reasons", 1)
    listed = json.loads(say("recommend", folder, "--user", user, "-k", 2, "--json").out)
    for row in listed["recommendations"]:
        item = row["item_id"]
        assert (item.removeprefix(long) if columns else item) in said.out
    assert "…" not in said.out
    profile = say("explain", folder, "--user", user).out
    assert f"{long}item" in profile
    assert "…" not in profile
