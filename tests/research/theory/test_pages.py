"""The theory pages are printed from their records, and the records say how they were made."""

import json
import re
import runpy
from datetime import datetime
from pathlib import Path

import pytest

from conv4rec.cli import main as cli

FOLDER = Path(__file__).parents[3] / "docs" / "theory"
RECORDS = sorted((FOLDER / "records").glob("*.json"))
REMADE = "run `python docs/theory/tables.py`"


@pytest.fixture(scope="module")
def tables():
    return runpy.run_path(str(FOLDER / "tables.py"))


def record(name):
    return json.loads((FOLDER / "records" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda page: page.name)
def test_the_page_is_what_its_records_say(page, tables):
    text = page.read_text(encoding="utf-8")
    assert tables["filled"](text) == text, REMADE
    markers = re.findall(r"<!-- (\w+) -->", text)
    assert len([name for name in markers if name != "end"]) >= 1
    assert markers.count("end") == len(markers) / 2


def test_a_figure_changed_by_hand_is_noticed(tables):
    text = (FOLDER / "recover.md").read_text(encoding="utf-8")
    figure = re.search(r"\| uniform \| (0\.\d+)", text)[1]
    assert tables["filled"](text.replace(figure, "0.001")) == text


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_receipt_is_complete(path, capsys):
    facts = json.loads(path.read_text(encoding="utf-8"))["receipt"]
    assert facts["seconds"] > 0
    assert facts["seed"] == 0
    assert {"conv4rec", "torch", "numpy", "python"} <= facts["versions"].keys()
    assert facts["commit"]
    assert {"cpu", "n_cpus", "threads"} <= facts["machine"].keys()
    assert datetime.fromisoformat(facts["finished_at"])
    command, *rest = facts["command"].split()
    assert command == "conv4rec"
    assert cli.run([*rest[:2], "--help"]) == 0
    told = capsys.readouterr().out
    for option in [word for word in rest if word.startswith("--")]:
        assert option in told, facts["command"]


def test_everything_the_pages_need_on_ml_100k_is_recorded():
    names = {path.stem for path in RECORDS}
    assert names >= {
        "recover", "emergence", "bound-ml-100k-new-users", "bound-ml-100k-u1",
        "certify-ml-100k-new-users", "spectrum-ml-100k-u1", "training-ml-100k-u1",
    }  # fmt: skip


def test_recovery_ends_at_half_of_each_baseline_where_the_guarantee_holds():
    worlds = record("recover")["said"]["worlds"]
    assert {world["world"] for world in worlds if world["guarantee_holds"]} == {
        "uniform", "power-law", "self-selection"
    }  # fmt: skip
    assert {world["world"] for world in worlds if not world["guarantee_holds"]} == {
        "drift", "correlated"
    }  # fmt: skip
    for world in worlds:
        largest = max(point["interactions"] for point in world["points"])
        last = [point for point in world["points"] if point["interactions"] == largest]
        mean = {
            curve: sum(point[curve] for point in last) / len(last)
            for curve in ("model", "table", "popularity", "pooled")
        }
        if world["guarantee_holds"]:
            assert mean["model"] <= mean["table"] / 2, world["world"]
            assert mean["model"] <= mean["popularity"] / 2, world["world"]
            assert mean["model"] < mean["pooled"], world["world"]
        slope = world["slopes"]["model"]
        assert slope["low"] < slope["slope"] < slope["high"] < 0


def test_recorded_bounds_are_above_the_recorded_gaps():
    for kind in ("new-users", "u1"):
        said = record(f"bound-ml-100k-{kind}")["said"]
        assert set(said["measured"]) == {"pick", "rating"}
        for line in said["bounds"]:
            assert line["vacuous"] == (line["value"] >= line["trivial"])
            if line["unit"] == "nats":
                assert line["value"] >= said["measured"][line["side"]]["gap"]


def test_in_the_record_rank_falls_with_depth_in_the_made_up_world_and_on_ratings():
    for task in record("emergence")["said"]["tasks"]:
        assert [run["depth"] for run in task["runs"]] == [1, 2, 3, 4]
        ranks = [run["best"]["entropy_rank"] for run in task["runs"]]
        assert ranks == sorted(ranks, reverse=True)
        assert ranks[-1] < ranks[0] / 5
