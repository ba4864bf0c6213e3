"""One thread, fixed seeds, small worlds, a small fitted model, and a guard of torch's globals."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch or a child process of ours is started

import json
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import settings

from conv4rec.data import Interactions
from conv4rec.data.synthetic import low_rank_world, sequel, two_tribes

settings.register_profile("no clock", deadline=None)  # a busy machine is no failure
settings.load_profile("no clock")


def torch_globals():
    """What any test could change for all tests after it; nothing where torch is not loaded."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "get_num_threads"):
        return {}
    return {
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "gradients": torch.is_grad_enabled(),
        "threads": torch.get_num_threads(),
        "float32 matmul precision": torch.get_float32_matmul_precision(),
        "anomaly detection": torch.is_anomaly_enabled(),
        "generator": torch.initial_seed(),
    }


@pytest.fixture(autouse=True)
def torch_stays_as_it_is():
    """Fail a test that changes torch's global defaults, and put them back to one thread."""
    before = torch_globals()
    yield
    after = torch_globals()
    changed = [name for name, value in before.items() if after[name] != value]
    if changed:
        pytest.fail(f"torch's {', '.join(changed)} changed: use a context or an argument instead")


@pytest.fixture
def rng():
    return np.random.default_rng(20_260_101)


@pytest.fixture
def tribes(rng):
    """Two tribes, two shelves: 40 users, 20 items."""
    return two_tribes().sample(6, rng)


@pytest.fixture
def sequels():
    return sequel()


@pytest.fixture(scope="session")
def mixed() -> Interactions:
    """60 users, 37 items, 5 levels; a fifth of the interactions are not rated."""
    rng = np.random.default_rng(7)
    log = low_rank_world(60, 37, popularity=0.7, seed=3).sample(12, rng)
    unrated = rng.random(len(log)) < 0.2
    levels = np.where(unrated, -1, log.level_numbers).astype(np.int16)
    return replace(log, level_numbers=levels, rows=None)


SMALL = {
    **{"n_steps": 12, "consume_size": 16, "rate_size": 8, "consume_reg_factors": (1.0,)},
    **{"mf_sweeps": 40, "mf_draws": 10},
}


@pytest.fixture(scope="session")
def small():
    """Settings that fit a small world in a fraction of a second."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def fitted_model(mixed):
    """A model fitted to `mixed`: for reading only, as all tests share it."""
    from conv4rec import Conv4Rec

    return Conv4Rec(seed=0, **SMALL).fit(mixed)


@pytest.fixture
def bench_in_process(monkeypatch):
    """Runs of a bench in this process: a new one takes two seconds before it does anything."""
    from conv4rec.benchmark import runner, worker
    from conv4rec.benchmark.process import Outcome
    from conv4rec.benchmark.records import as_line

    def run(job, limit_s, threads=None):  # noqa: ARG001
        findings = []
        with warnings.catch_warnings(action="ignore"):
            try:
                worker.work(job, lambda finding: findings.append(json.loads(as_line(finding))))
            except Exception as error:
                return Outcome(findings, str(error), type(error).__name__)
        return Outcome(findings, None)

    monkeypatch.setattr(runner, "run_job", run)
