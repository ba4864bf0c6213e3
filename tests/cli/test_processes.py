"""`torchrun -m conv4rec fit`: one model, said once, and one sentence where it goes wrong."""

import os
import subprocess
import sys

import numpy as np

from conv4rec import Conv4Rec

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def torchrun(*words, code=0):
    done = subprocess.run(
        [*TORCHRUN, "-m", "conv4rec", *map(str, words)], capture_output=True, text=True
    )
    assert (done.returncode == 0) == (code == 0), done.stderr
    return done.stdout, done.stderr


def test_two_processes_save_the_model_of_one(log_file, model, small_words, tmp_path):
    out, err = torchrun("fit", log_file, "--out", tmp_path / "model", *small_words)
    assert out.count("Saved to") == out.count("users") == 1
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # no checkpoint is left
    wanted, found = (m.recommend("u03", 5) for m in (model, Conv4Rec.load(tmp_path / "model")))
    assert found["item_id"].equals(wanted["item_id"])
    for name in ("p_consume", "p_like", "expected_rating"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4)


def test_a_mistake_is_said_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, err = torchrun("fit", "nothing.csv", "--out", "m", code=1)
    said = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert said == ["Error: there is no file nothing.csv"]
    assert os.listdir(tmp_path) == []


def test_one_process_that_torchrun_started_is_as_without_it(say, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "one")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert say("data", "list").code == 0
