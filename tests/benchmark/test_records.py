"""Records are only ever added, and a broken one is named."""

import json
import math

import numpy as np
import pytest

from conv4rec.benchmark.records import append, as_line, file_of, read, read_folder, runs
from conv4rec.errors import BenchError

LINE = {"kind": "run", "dataset": "a/r0", "model": "ease"}


def test_lines_are_added_after_those_that_are_there(tmp_path):
    path = file_of(tmp_path / "new", "a/r0")
    for seed in range(3):
        append(path, {**LINE, "seed": seed})
    assert path.name == "a-r0.jsonl"
    assert [record["seed"] for record in read(path)] == [0, 1, 2]
    assert read_folder(tmp_path / "new") == read(path)


def test_what_is_no_number_is_null_and_numpy_is_plain():
    record = {**LINE, "nll": math.inf, "n": np.int64(3), "x": np.float32(0.5), "t": (1, math.nan)}
    assert json.loads(as_line(record)) == {**LINE, "nll": None, "n": 3, "x": 0.5, "t": [1, None]}


@pytest.mark.parametrize(
    "broken", ['{"kind": "run", "data', "[1, 2]", '{"kind": "run"}', '{"kind":"?","dataset":"a",'
               '"model":"b"}', "NaN"]
)  # fmt: skip
def test_a_broken_line_is_one_clear_error(tmp_path, broken):
    path = tmp_path / "a-r0.jsonl"
    append(path, LINE)
    with path.open("a") as file:
        file.write(broken + "\n")
    append(path, LINE)
    with pytest.raises(BenchError, match=r"a-r0\.jsonl, line 2 is not a record .*: remove"):
        read(path)


def test_a_file_that_is_no_text_is_one_clear_error(tmp_path):
    path = tmp_path / "a-r0.jsonl"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchError, match="cannot be read as records"):
        read(path)


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    assert read(tmp_path / "none.jsonl") == []
    with pytest.raises(BenchError, match="conv4rec bench makes them"):
        read_folder(tmp_path)


def test_runs_are_told_from_other_lines():
    assert runs([LINE, {**LINE, "kind": "failure"}]) == [LINE]
