"""What a fit is expected to cost: it grows with the log, and with what a fit does."""

import pytest

from conv4rec import Conv4Rec, estimate_fit
from conv4rec.errors import SettingError
from conv4rec.train import machine
from conv4rec.train.cost_model import LogSizes, estimate_cost
from conv4rec.train.settings import TrainSettings

SIZES = {"n_users": 5000, "n_items": 3000, "n_interactions": 60_000, "n_rated": 60_000}


def cost(shape=None, slowness=1.0, *, settings=None, **sizes):
    log = LogSizes(**{**SIZES, **sizes})
    return estimate_cost(log, shape or {}, TrainSettings(**(settings or {})), slowness)


@pytest.mark.parametrize(
    "larger",
    [
        {"n_users": 12_000},
        {"n_items": 4_500},  # beyond 30 million cells a sample of items is scored, which costs less
        {"n_interactions": 200_000, "n_rated": 200_000},
        {"n_users": 300_000, "n_items": 400_000, "n_interactions": 10**7, "n_rated": 10**7},
    ],
)
def test_a_larger_log_costs_more(larger):
    small, large = cost(), cost(**larger)
    assert large.memory_mb > small.memory_mb
    assert large.seconds > small.seconds


@pytest.mark.parametrize(
    ("settings", "stage"),
    [
        ({"mf_draws": 0}, "Bayesian matrix factorisation"),
        ({"ridge_rank": 0}, "ridge component"),
        ({"slim_neighbours": 0}, "SLIM component"),
        ({"validation_fraction": 0.0}, "validation fits"),
    ],
)
def test_what_is_left_out_costs_nothing(settings, stage):
    whole, less = cost(), cost(settings=settings)
    assert whole.stages[stage] > 0
    assert less.stages[stage] == 0
    assert less.seconds < whole.seconds


def test_stages_add_up_and_follow_the_machine_and_the_shape():
    whole = cost()
    assert sum(whole.stages.values()) == pytest.approx(whole.seconds, abs=0.1)
    assert cost(slowness=2.0).seconds == pytest.approx(2 * whole.seconds, rel=0.01)
    assert cost({"consume_size": 32}).seconds < whole.seconds
    assert cost({"two_sided": False}).stages["final fit"] < whole.stages["final fit"]
    shared = cost({"shared_encoder": True})
    assert shared.stages["SLIM component"] == shared.stages["ridge component"] == 0
    assert cost(n_rated=0).stages["Bayesian matrix factorisation"] == 0


def test_counts_say_nearly_what_the_log_says(tribes):
    log = LogSizes.of(tribes)
    counts = LogSizes(log.n_users, log.n_items, log.n_interactions, log.n_rated, log.n_levels)
    assert log.squared_lengths == sum(n**2 for n in (tribes.starts[1:] - tribes.starts[:-1]))
    assert counts.pairs == pytest.approx(log.pairs, rel=2)  # of the same order


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        ({"users": 3}, "counts of a log are numbers named n_users"),
        ({**SIZES, "n_rated": 70_000}, "n_rated at most all"),
        ({**SIZES, "n_items": "many"}, "counts of a log are numbers"),
    ],
)
def test_wrong_counts_are_refused(log, sentence):
    with pytest.raises(SettingError, match=sentence):
        estimate_fit(log)


def test_a_fit_that_will_not_fit_into_memory_says_so(tribes, tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 10000000 kB\n")
    monkeypatch.setattr(machine, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "GROUP", tmp_path)
    assert machine.free_memory_mb() == 10_240
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("4999000\n")
    assert machine.free_memory_mb() == 0.001
    model = Conv4Rec(n_steps=1, mf_draws=0, consume_reg_factors=[1.0])
    with pytest.warns(UserWarning, match="MB of memory, and 0 MB are free"):
        model.fit(tribes)
    (tmp_path / "memory.max").write_text("max\n")
    model.fit(tribes)  # a warning would be an error


def test_a_system_that_does_not_tell_is_not_guessed(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "MEMORY", tmp_path / "none")
    monkeypatch.setattr(machine, "GROUP", tmp_path)
    assert machine.free_memory_mb() is None


def test_the_machine_factor_is_a_number_above_0():
    assert 0 < machine.machine_factor() < 1e6


def test_an_estimate_takes_an_empty_log():
    assert estimate_cost(LogSizes(0, 0, 0, 0), {}, TrainSettings()).seconds >= 0
