"""Ctrl-C and SIGTERM stop `conv4rec fit` after a step; `--resume` ends in the same model."""

import signal
import subprocess
import sys
import time

import pytest

from conv4rec import Conv4Rec
from conv4rec.data.synthetic import two_tribes

SETTINGS = {"n_steps": 40, "consume_size": 8, "rate_size": 4, "consume_reg_factors": [1.0]}


@pytest.fixture
def ratings(tmp_path, rng):
    path = tmp_path / "ratings.csv"
    two_tribes().sample(6, rng).to_frame().write_csv(path)
    return path


def start_fit(ratings, out, *options):
    changes = [word for name, value in SETTINGS.items()
               for word in ("--set", f"{name}={value}")]  # fmt: skip
    command = ["-m", "conv4rec", "fit", str(ratings), "--out", str(out), "--threads", "1"]
    return subprocess.Popen(
        [sys.executable, *command, *changes, *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_resume_ends_in_the_same_model(ratings, tmp_path, number):
    process = start_fit(ratings, tmp_path / "model")
    manifest = tmp_path / "model.training" / "manifest.json"
    while process.poll() is None and not manifest.exists():  # the first evaluation saves one
        time.sleep(0.01)
    process.send_signal(number)
    _, message = process.communicate(timeout=120)
    assert process.returncode not in (0, -number), message  # it ended by itself, with a message
    assert "training stopped" in message
    assert "--resume" in message
    resumed = start_fit(ratings, tmp_path / "model", "--resume")
    _, message = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, message
    whole = Conv4Rec(**SETTINGS).fit(ratings)
    assert Conv4Rec.load(tmp_path / "model").recommend(k=5).equals(whole.recommend(k=5))
