"""The theory pages are made from their records, and the records hold their provenance."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from conv4rec.cli import main as cli
from conv4rec.errors import BenchError
from research.theory import pages
from research.theory.__main__ import main as research
from research.theory.tables import PAGES, RECORDS, filled, load

NAMES = sorted(path.stem for path in RECORDS.glob("*.json"))
REMADE = "run `python -m research.theory pages --tables`"


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_the_page_has_the_figures_of_its_records(page):
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text, REMADE
    markers = re.findall(r"<!-- (\w+) -->", text)
    assert len([name for name in markers if name != "end"]) >= 1
    assert markers.count("end") == len(markers) / 2


def test_a_figure_changed_by_hand_is_noticed():
    text = (PAGES / "recover.md").read_text(encoding="utf-8")
    figure = re.search(r"\| uniform \| (0\.\d+)", text)[1]
    assert filled(text.replace(figure, "0.001")) == text


@pytest.mark.parametrize("name", NAMES)
def test_the_provenance_is_complete_and_its_command_exists(name, capsys):
    facts = load(name)["provenance"]
    assert facts["seconds"] > 0
    assert facts["seed"] == 0
    assert {"conv4rec", "torch", "numpy", "python"} <= facts["versions"].keys()
    assert facts["commit"]
    assert {"cpu", "n_cpus", "threads"} <= facts["machine"].keys()
    assert datetime.fromisoformat(facts["finished_at"])
    words = facts["command"].split()
    if words[0] == "conv4rec":
        assert cli.run([*words[1:3], "--help"]) == 0
    else:
        assert words[:3] == ["python", "-m", "research.theory"]
        assert research([words[3], "--help"]) == 0
    printed = capsys.readouterr().out
    for option in [word for word in words[3:] if word.startswith("--")]:
        assert option in printed, facts["command"]


def test_everything_the_pages_need_on_ml_100k_is_recorded():
    assert set(NAMES) >= {
        "recover", "emergence", "bound-ml-100k-new-users", "bound-ml-100k-u1",
        "certify-ml-100k-new-users", "spectrum-ml-100k-u1", "training-ml-100k-u1",
    }  # fmt: skip


def test_recovery_ends_at_half_of_each_baseline_where_the_guarantee_holds():
    worlds = load("recover")["output"]["worlds"]
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
        output = load(f"bound-ml-100k-{kind}")["output"]
        assert set(output["measured"]) == {"consume", "rating"}
        for line in output["bounds"]:
            assert line["vacuous"] == (line["value"] >= line["trivial"])
            if line["unit"] == "nats":
                assert line["value"] >= output["measured"][line["side"]]["gap"]


def test_in_the_record_rank_falls_with_depth_in_the_synthetic_world_and_on_ratings():
    for task in load("emergence")["output"]["tasks"]:
        assert [run["depth"] for run in task["runs"]] == [1, 2, 3, 4]
        ranks = [run["best"]["entropy_rank"] for run in task["runs"]]
        assert ranks == sorted(ranks, reverse=True)
        assert ranks[-1] < ranks[0] / 5


def test_remaking_writes_records_with_provenance_and_copies_the_pictures(monkeypatch, tmp_path):
    commands = []

    def run(command):
        commands.append(command)
        if " --out " in command:
            Path(command.split(" --out ")[1].split()[0]).write_text("<svg/>")
        return 'a note\n{"worlds": []}\n'

    monkeypatch.setattr(pages, "RECORDS", tmp_path)
    monkeypatch.setattr(pages, "PAGES", tmp_path)
    monkeypatch.setattr(pages, "_run", run)
    monkeypatch.setenv("COLUMNS", "100")
    pages.remake(["synthetic"])
    assert [command.split()[3] for command in commands] == ["recover", "emergence"]
    names = {"recover.json", "emergence.json", "recovery.svg", "emergence.svg"}
    assert {path.name for path in tmp_path.iterdir()} == names
    record = json.loads((tmp_path / "recover.json").read_text())
    assert record["output"] == {"worlds": []}
    assert record["provenance"]["command"] == f"{commands[0]}"
    assert {"seed", "seconds", "versions", "machine", "commit"} <= record["provenance"].keys()


def test_a_command_that_fails_ends_the_remaking(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError, match="theory bound no-model ended with exit code 2"):
        pages._run("conv4rec theory bound no-model")
    with pytest.raises(BenchError, match="ended with exit code 2"):
        pages._run("python -m research.theory recover --world flat")
