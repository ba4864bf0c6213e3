"""The contract of a rival: everything the bench reads of it is there and agrees with itself."""

import json
import subprocess
import sys

import numpy as np
import pytest

from conv4rec.benchmark.adapters import PEERS, Choice, Range, Rival
from conv4rec.benchmark.adapters.candidate import DISTRIBUTIONS, TASKS
from conv4rec.benchmark.adapters.isolation import library
from conv4rec.errors import MissingExtraError, NotFittedError


def test_a_rival_says_what_it_does_and_where_its_settings_come_from(peer):
    rival = PEERS[peer]
    assert rival.name == peer
    assert rival.tasks
    assert set(rival.tasks) <= set(TASKS)
    assert rival.distribution in DISTRIBUTIONS
    assert (rival.distribution == "none") == ("rate" not in rival.tasks)
    assert rival.source
    assert rival.package in rival.how_to_install() or rival.extra in rival.how_to_install()


def test_its_defaults_can_be_made_and_lie_where_it_is_tuned(peer):
    rival = PEERS[peer]
    model = rival.make(**rival.defaults)
    for name, tuned in rival.space.items():
        value = rival.defaults[name]
        assert getattr(model, name) == value
        if isinstance(tuned, Choice):
            assert value in tuned.options
        else:
            assert isinstance(tuned, Range)
            assert tuned.low <= value <= tuned.high
            assert isinstance(value, int) == tuned.whole
            assert not tuned.log or tuned.low > 0


def test_what_a_rival_promises_about_histories_is_what_its_adapter_does(peer):
    rival = PEERS[peer]
    model = rival.make(**rival.defaults)
    assert model.folds_in == rival.folds_in
    if "rate" in rival.tasks:
        assert model.own_distribution == (rival.distribution == "own")


def test_no_library_is_loaded_to_look_at_the_rivals():
    modules = sorted({rival.module for rival in PEERS.values()} | {"torch", "pandas"})
    code = (
        "import sys, json; from conv4rec.benchmark.adapters import PEERS\n"
        "for rival in PEERS.values(): rival.make(**rival.defaults); rival.is_installed()\n"
        f"print(json.dumps([name for name in {modules} if name in sys.modules]))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(said.stdout) == [], said.stderr


def test_a_library_that_is_not_there_is_named_with_the_way_to_install_it():
    absent = Rival("x", ("rank",), dict, package="pip-name", module="no_such_library", extra="slow")
    assert not absent.is_installed()
    assert absent.how_to_install() == "x needs pip-name: pip install 'conv4rec[slow]'"
    with pytest.raises(MissingExtraError, match=r"no_such_library.*conv4rec\[peers\]"):
        library("no_such_library")


def test_a_rival_must_be_fitted_before_it_answers(peer, mixed):
    rival = PEERS[peer]
    model, first = rival.make(**rival.defaults), np.array([0])
    ask, question = model.expected_ratings, (first, first)
    if "rank" in rival.tasks:
        ask, question = model.rank_scores, (first,)
    with pytest.raises(NotFittedError, match="fit"):
        ask(mixed, *question)
