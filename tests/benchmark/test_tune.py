"""Settings are chosen on a part of the training rows, the defaults first, within the budget."""

import importlib.util

import numpy as np
import pytest

from conv4rec.baselines import Means, Popularity
from conv4rec.benchmark import tune
from conv4rec.benchmark.adapters.candidate import Candidate, Choice, Range
from conv4rec.benchmark.candidates import OWN_CANDIDATES
from conv4rec.benchmark.job import Budget
from conv4rec.data import split_log
from conv4rec.errors import MissingExtraError, SettingError

needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None, reason="pip install 'conv4rec[tune]' brings Optuna"
)


class Spy(Means):
    """Means that remember which pairs they were ever shown."""

    fitted, asked = [], []

    def __init__(self, reg=5.0, kind="plain"):
        super().__init__(reg, reg)
        self.kind = kind

    def fit(self, train, validation=None, seed=0):
        Spy.fitted.append(set(zip(train.user_numbers, train.item_numbers, strict=True)))
        if self.kind == "broken":
            raise RuntimeError("this kind is broken")
        return super().fit(train, validation, seed)

    def expected_ratings(self, given, rows, items):
        Spy.asked.append(set(zip(rows, items, strict=True)))
        return super().expected_ratings(given, rows, items)


SPY = Candidate(
    "spy",
    ("rate",),
    make=Spy,
    defaults={"reg": 5.0, "kind": "plain"},
    space={"reg": Range(0.1, 100.0, log=True), "kind": Choice(("plain", "broken"))},
)


@pytest.fixture
def split(mixed):
    Spy.fitted.clear()
    Spy.asked.clear()
    return split_log(mixed, "r0", name="mixed")


@needs_optuna
def test_tuning_sees_training_rows_only_and_holds_a_tenth_of_them_out(split):
    list(tune.trials(SPY, split.train, 0, Budget(6, 5)))
    rows = set(zip(split.train.user_numbers, split.train.item_numbers, strict=True))
    fitted, asked = set().union(*Spy.fitted), set().union(*Spy.asked)
    held = rows - fitted
    assert fitted < rows
    assert len(held) == int(0.1 * len(rows))
    # The means choose their own width on a part of what they are fitted on; the rest is held out.
    assert asked <= rows
    assert any(pairs <= held for pairs in Spy.asked)


@needs_optuna
def test_the_defaults_come_first_and_gain_nothing(split):
    found = list(tune.trials(SPY, split.train, 0, Budget(4, 5)))
    assert found[0]["settings"] == SPY.defaults
    assert found[0]["gain"] == 0
    assert [trial["number"] for trial in found] == [0, 1, 2, 3]
    assert all(0.1 <= trial["settings"]["reg"] <= 100 for trial in found)
    assert tune.best_of(found)["gain"] >= 0


@needs_optuna
def test_a_setting_that_fails_is_a_failed_trial_and_the_search_goes_on(split):
    found = list(tune.trials(SPY, split.train, 0, Budget(12, 5)))
    broken = [trial for trial in found if trial["settings"]["kind"] == "broken"]
    assert 0 < len(broken) < 12
    assert all(trial["gain"] is None for trial in broken)
    assert broken[0]["failure"] == "RuntimeError: this kind is broken"
    assert all(trial["failure"] is None for trial in found if trial not in broken)


@needs_optuna
def test_the_same_seed_tries_the_same_settings(split):
    first, second, other = (
        [t["settings"] for t in tune.trials(SPY, split.train, seed, Budget(5, 5))]
        for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


@needs_optuna
def test_no_trial_begins_after_the_minutes_are_over(split):
    assert len(list(tune.trials(SPY, split.train, 0, Budget(50, 1e-6)))) == 1


@needs_optuna
def test_joint_models_gain_by_the_sum_of_both_tasks(split):
    class Both(Means):
        def __init__(self, reg=5.0):
            super().__init__(reg, reg)

        def rank_scores(self, given, rows):
            return self.popularity.rank_scores(given, rows)

        def fit(self, train, validation=None, seed=0):
            self.popularity = Popularity().fit(train)
            return super().fit(train, validation, seed)

    candidate = Candidate("both", ("rank", "rate"), Both, {"reg": 5.0}, {"reg": Range(0.1, 1000.0)})
    first, second = tune.trials(candidate, split.train, 0, Budget(2, 5))
    assert second["gain"] == pytest.approx(
        second["ndcg@20"] / first["ndcg@20"] - 1 + 1 - second["nll"] / first["nll"]
    )


def test_without_optuna_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(tune, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'conv4rec\[tune\]'"):
        tune.check_optuna()


def test_lower_nll_and_higher_ndcg_are_gains():
    base = {"ndcg@20": 0.4, "nll": 1.2}
    assert tune._gain({"ndcg@20": 0.44, "nll": 1.2}, base) == pytest.approx(0.1)
    assert tune._gain({"ndcg@20": 0.4, "nll": 1.08}, base) == pytest.approx(0.1)
    assert tune._gain({"nll": 1.32}, base) == pytest.approx(-0.1)


def test_a_budget_must_allow_something():
    with pytest.raises(SettingError, match="must be above 0"):
        Budget(20, 0)


def test_every_default_of_every_entrant_lies_in_its_space():
    for candidate in OWN_CANDIDATES.values():
        for name, entry in candidate.space.items():
            value = candidate.defaults[name]
            if isinstance(entry, Choice):
                assert value in entry.options
            else:
                assert entry.low <= np.float64(value) <= entry.high
