"""A small world on disk, a model fitted on it once, and the command line in process."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from conv4rec import Conv4Rec
from conv4rec.cli import main as cli
from conv4rec.data.synthetic import two_tribes

SMALL = {
    **{"n_steps": 6, "consume_size": 8, "rate_size": 4, "consume_reg_factors": [1.0]},
    **{"mf_sweeps": 20, "mf_draws": 4},
}


@dataclass
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out.splitlines()[-1])

    @property
    def sentence(self) -> str:
        """The last line of standard error: what a person reads when a command fails."""
        return self.err.splitlines()[-1]


@pytest.fixture
def say(capfd, monkeypatch):
    """Run a command line in this process."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words: str) -> Said:
        capfd.readouterr()
        code = cli.run([str(word) for word in words])
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return run


@pytest.fixture(scope="session")
def small():
    """Settings of a model that trains in a moment."""
    return SMALL


@pytest.fixture(scope="session")
def small_words():
    """The same on the command line."""
    return [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture(scope="session")
def log():
    """40 users of two tribes, who rated 10 of 20 items each; ids are strings."""
    return two_tribes().sample(10, np.random.default_rng(0))


@pytest.fixture(scope="session")
def log_file(log, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("log") / "ratings.csv"
    log.to_frame().write_csv(path)
    return path


@pytest.fixture(scope="session")
def model(log_file) -> Conv4Rec:
    return Conv4Rec(**SMALL).fit(log_file)


@pytest.fixture(scope="session")
def model_folder(model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tribes"
    model.save(folder)
    return folder
