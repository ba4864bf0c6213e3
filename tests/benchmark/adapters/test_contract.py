"""The contract of a candidate: its fields are present and agree with its adapter."""

import json
import subprocess
import sys

import numpy as np
import pytest

from conv4rec.benchmark.adapters import ADAPTERS, Candidate, Choice, Range
from conv4rec.benchmark.adapters.candidate import DISTRIBUTIONS, TASKS
from conv4rec.benchmark.adapters.isolation import library
from conv4rec.errors import MissingExtraError, NotFittedError


def test_a_candidate_states_its_tasks_and_the_source_of_its_settings(peer):
    candidate = ADAPTERS[peer]
    assert candidate.name == peer
    assert candidate.tasks
    assert set(candidate.tasks) <= set(TASKS)
    assert candidate.distribution in DISTRIBUTIONS
    assert (candidate.distribution == "none") == ("rate" not in candidate.tasks)
    assert candidate.source
    assert (
        candidate.package in candidate.how_to_install()
        or candidate.extra in candidate.how_to_install()
    )


def test_its_defaults_can_be_made_and_lie_where_it_is_tuned(peer):
    candidate = ADAPTERS[peer]
    model = candidate.make(**candidate.defaults)
    for name, tuned in candidate.space.items():
        value = candidate.defaults[name]
        assert getattr(model, name) == value
        if isinstance(tuned, Choice):
            assert value in tuned.options
        else:
            assert isinstance(tuned, Range)
            assert tuned.low <= value <= tuned.high
            assert isinstance(value, int) == tuned.whole
            assert not tuned.log or tuned.low > 0


def test_a_candidate_folds_in_if_its_adapter_does(peer):
    candidate = ADAPTERS[peer]
    model = candidate.make(**candidate.defaults)
    assert model.folds_in == candidate.folds_in
    if "rate" in candidate.tasks:
        assert model.own_distribution == (candidate.distribution == "own")


def test_no_library_is_loaded_to_read_the_candidates():
    modules = sorted({candidate.module for candidate in ADAPTERS.values()} | {"torch", "pandas"})
    code = (
        "import sys, json; from conv4rec.benchmark.adapters import ADAPTERS\n"
        "for candidate in ADAPTERS.values():\n"
        "    candidate.make(**candidate.defaults); candidate.is_installed()\n"
        f"print(json.dumps([name for name in {modules} if name in sys.modules]))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(said.stdout) == [], said.stderr


def test_a_missing_library_is_named_with_its_install_command():
    absent = Candidate(
        "x", ("rank",), dict, package="pip-name", module="no_such_library", extra="slow"
    )
    assert not absent.is_installed()
    assert absent.how_to_install() == "x needs pip-name: pip install 'conv4rec[slow]'"
    with pytest.raises(MissingExtraError, match=r"no_such_library.*conv4rec\[peers\]"):
        library("no_such_library")


def test_an_adapter_must_be_fitted_before_it_answers(peer, mixed):
    candidate = ADAPTERS[peer]
    model, first = candidate.make(**candidate.defaults), np.array([0])
    ask, question = model.expected_ratings, (first, first)
    if "rank" in candidate.tasks:
        ask, question = model.rank_scores, (first,)
    with pytest.raises(NotFittedError, match="fit"):
        ask(mixed, *question)
