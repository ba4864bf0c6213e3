"""A fit by several processes gives the model of one, but for rounding; they agree bit for bit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from conv4rec.model.stacking import LENGTH, Stacking
from conv4rec.train import objective, processes

PROGRAM = Path(__file__).with_name("processes_program.py")
CASES = ("all users a step", "batches of users", "shared encoder", "weighted")
NEAR = 1e-4  # of the largest weight of a table; float32 rounds at 6e-8
CORRECTED = 1e-3  # nats


def start(folder, number, n):
    return subprocess.Popen([sys.executable, PROGRAM, str(folder), str(number), str(n)])


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    """The folder of what one process fitted, and two together."""
    folder = tmp_path_factory.mktemp("processes")
    running = [start(folder, *which) for which in ((0, 2), (1, 2), (0, 1))]
    assert [process.wait() for process in running] == [0, 0, 0]
    return folder


def saved(path):
    with safe_open(path, "pt") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.mark.parametrize("case", CASES)
def test_two_processes_fit_the_model_of_one(fits, case):
    (facts, one), (others, two) = (saved(fits / f"{case} 0 of {n}") for n in (1, 2))
    assert facts == others
    assert one.keys() == two.keys()
    for name, weights in one.items():
        if name.startswith("stacking."):
            continue  # see below
        largest = float(weights.abs().max())
        torch.testing.assert_close(
            two[name], weights, rtol=0, atol=NEAR * largest, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("case", CASES)
def test_two_processes_correct_scores_as_one_does(fits, case):
    corrections = []
    for n in (1, 2):
        _, saved_tensors = saved(fits / f"{case} 0 of {n}")
        own = {k.removeprefix("stacking."): t for k, t in saved_tensors.items() if "stacking." in k}
        if not own:
            assert case == "shared encoder"
            return
        stacking = Stacking(len(own["popularity"]), len(own["out"]))
        stacking.load_state_dict(own)
        rng, (least, most) = torch.Generator().manual_seed(0), stacking.range
        channels = least + torch.rand(50, 4, generator=rng) * (most - least)
        found = stacking(channels[:, :LENGTH].T[:, None], channels[:1, LENGTH])
        corrections.append(found - found.mean())  # a constant changes no probability
    torch.testing.assert_close(*corrections, rtol=0, atol=CORRECTED)


@pytest.mark.parametrize("case", [*CASES, "resumed"])
def test_all_processes_have_the_same_bits(fits, case):
    (facts, first), (others, second) = (saved(fits / f"{case} {number} of 2") for number in (0, 1))
    assert facts == others
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_one_process_that_is_asked_to_stop_stops_all_and_they_go_on_together(fits):
    _, whole = saved(fits / "batches of users 0 of 2")
    _, resumed = saved(fits / "resumed 0 of 2")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_processes_with_different_seeds_and_one_whose_neighbour_ended_say_so(fits):
    different, ended = json.loads((fits / "said 0").read_text())
    assert different.startswith("the 2 processes of the group were given different logs")
    assert json.loads((fits / "said 1").read_text()) == [different]
    assert ended.startswith("another process of this fit ended")


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_every_row_belongs_to_one_process_and_none_has_no_row(monkeypatch, n):
    starts = torch.tensor([0, 900, 901, 901, 903, 904, 905, 906])  # one has nearly all entries
    monkeypatch.setattr(processes, "n_processes", lambda: n)
    rows, entries = [], []
    for number in range(n):
        monkeypatch.setattr(processes, "own_number", lambda number=number: number)
        part = processes.Part.own(starts)
        assert (part.n_rows, part.n_entries) == (7, 906)
        assert part.rows.stop > part.rows.start
        rows += range(7)[part.rows]
        entries += range(906)[part.entries]
    assert rows == list(range(7))
    assert entries == list(range(906))


def test_blocks_of_users_do_not_depend_on_the_processes(monkeypatch):
    counts, blocks = [5, 0, 9, 3], []
    monkeypatch.setattr(objective, "counts_of_all", lambda *_: counts)
    for number, count in enumerate(counts):
        monkeypatch.setattr(objective, "own_number", lambda number=number: number)
        blocks.append(objective.own_blocks(count, 3, torch.zeros(())))
    assert [sum(sizes) for sizes in zip(*blocks, strict=True)] == [
        len(block) for block in torch.zeros(17).tensor_split(3)
    ]
    assert [sum(sizes) for sizes in blocks] == counts
