"""The candidates of a bench, their order, and the checks of a user's own."""

from pathlib import Path

import pytest

from conv4rec.benchmark.candidates import OURS, OWN_CANDIDATES, candidates, chosen
from conv4rec.errors import SettingError
from conv4rec.model.config import NetworkSettings
from conv4rec.train import TrainSettings

OWN = Path(__file__).parent / "own_candidates.py"


def test_popularity_and_ease_come_first_and_popularity_always():
    names = [candidate.name for candidate in chosen("all", OWN_CANDIDATES)]
    assert names[:2] == ["popularity", "ease"]
    assert set(names) == set(OWN_CANDIDATES)
    assert [r.name for r in chosen("means, conv4rec", OWN_CANDIDATES)] == [
        "popularity",
        "means",
        "conv4rec",
    ]


def test_an_unknown_model_is_refused_with_the_names_that_there_are():
    with pytest.raises(SettingError, match=r"no 'magic'; there are conv4rec, popularity"):
        chosen("ease,magic", OWN_CANDIDATES)


def test_a_candidate_of_the_user_takes_part():
    assert candidates([f"{OWN}:GOOD"])["good"].tasks == ("rate",)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("nowhere.py:GOOD", "a file that is there"),
        (f"{OWN}:np", "defines no Candidate called 'np'"),
        ("conv4rec.benchmark:GOOD", "takes FILE.py:NAME"),
    ],
)
def test_anything_but_a_candidate_is_refused(place, wrong):
    with pytest.raises(SettingError, match=wrong):
        candidates([place])


def test_a_name_cannot_be_taken_twice():
    with pytest.raises(SettingError, match="'good' is taken"):
        candidates([f"{OWN}:GOOD"] * 2)


def test_our_defaults_here_are_our_defaults():
    kinds = (NetworkSettings, TrainSettings)
    known = {n: e.default for kind in kinds for n, e in kind.model_fields.items()}
    ours = OWN_CANDIDATES[OURS]
    assert ours.defaults == {name: known[name] for name in ours.space}
