"""Command lines of the experiments in process, and a small world cut by users."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from conv4rec import Conv4Rec
from conv4rec.data.synthetic import low_rank_world

SMALL = {
    **{"n_steps": 12, "consume_size": 8, "rate_size": 4, "consume_reg_factors": (1.0,)},
    **{"mf_sweeps": 20, "mf_draws": 4},
}


@dataclass
class Printed:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The last line of standard error."""
        return self.err.splitlines()[-1]


@pytest.fixture
def run(capfd, monkeypatch):
    """Run `python -m research.NAME WORDS` in this process."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(name, *words):
        capfd.readouterr()
        main = import_module(f"research.{name}.__main__").main
        code = main([str(word) for word in words])
        return Printed(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def small_words():
    """Settings of a small model on the command line."""
    settings = {**SMALL, "consume_reg_factors": [1.0]}
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture(scope="session")
def whole_log():
    """240 users with 16 of 50 items each."""
    return low_rank_world(240, 50, popularity=0.5, seed=4).sample(16, np.random.default_rng(4))


@pytest.fixture(scope="session")
def trained(whole_log):
    return Conv4Rec(seed=0, **SMALL).fit(whole_log.take_users(np.arange(120)))


@pytest.fixture(scope="session")
def new_users(whole_log):
    return whole_log.take_users(np.arange(120, 240))


@pytest.fixture(scope="session")
def model_folder(trained, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "small"
    trained.save(folder)
    return folder


@pytest.fixture(scope="session")
def new_users_file(new_users, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("log") / "new-users.csv"
    new_users.to_frame().write_csv(path)
    return path
