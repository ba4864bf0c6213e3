"""Lists of several models: the candidates, and the model that says what is likely consumed."""

import numpy as np
import pytest

from conv4rec.baselines import EASE, Means
from conv4rec.benchmark.candidates import OWN_CANDIDATES, candidates
from conv4rec.benchmark.lists import fit_each, opponents, recorded_lists
from conv4rec.data import Split, new_users_split, split_log
from conv4rec.errors import SettingError
from conv4rec.evaluate import evaluate_lists
from conv4rec.evaluate.lists import NEUTRAL
from conv4rec.evaluate.lists_record import record_lists
from conv4rec.recommender import as_scorer


@pytest.fixture
def split(mixed) -> Split:
    return split_log(mixed, "r0", name="mixed")


def test_opponents_are_named_once_each(split):
    names = [candidate.name for candidate in opponents("means, ease,means", "conv4rec", split)]
    assert names == ["means", "ease"]
    assert opponents(None, "conv4rec", split) == []


def test_a_candidate_that_is_not_installed_or_cannot_serve_new_users_is_refused(
    split, mixed, monkeypatch
):
    peer = next(candidate for candidate in candidates().values() if not candidate.folds_in)
    monkeypatch.setattr(type(peer), "is_installed", lambda _: True)
    with pytest.raises(SettingError, match=f"{peer.name} cannot serve new users"):
        opponents(peer.name, "conv4rec", new_users_split(mixed))
    assert opponents(peer.name, "conv4rec", split) == [peer]
    monkeypatch.setattr(type(peer), "is_installed", lambda _: False)
    with pytest.raises(SettingError, match="pip install"):
        opponents(peer.name, "conv4rec", split)


def test_the_model_says_for_all_others_what_is_likely_consumed(split):
    ease, means = EASE(reg=10.0).fit(split.train), Means().fit(split.train, seed=0)
    told = []
    others = fit_each([OWN_CANDIDATES["means"]], split, 0, told.append)
    found = record_lists(split, "ease", ease, others)
    assert found["picks_by"] == "ease"
    assert found["models"]["means"] == evaluate_lists(means, split, ranker=ease).to_dict()
    assert found["models"]["means"] != evaluate_lists(means, split).to_dict()
    assert found["differences"]["means"] == {"unlikely": {}, "liked_if_shown": {}}
    assert told == ["means: fitted"]


def test_popularity_among_equally_active_users_says_it_for_a_model_that_does_not_rank(split):
    means = Means().fit(split.train)
    found = record_lists(split, "means", means)
    assert found["picks_by"] == NEUTRAL
    assert found["models"]["means"] == evaluate_lists(means, split).to_dict()


def test_recorded_lists_are_those_of_the_first_run_of_each_model():
    def run(model, **more):
        return {"kind": "run", "dataset": "d", "model": model, **more}

    records = [run("ease", lists=1), run("ease", lists=2), run("old"), run("means", lists=3)]
    found = recorded_lists([{"kind": "absent", "dataset": "d", "model": "x"}, *records])
    assert found == {"picks_by": NEUTRAL, "models": {"ease": 1, "means": 3}, "differences": {}}
    assert recorded_lists(records[2:3]) is None


def test_our_model_is_measured_through_its_public_lists(split, fitted_model):
    rows = np.flatnonzero(np.diff(split.test.starts))
    found = record_lists(split, "conv4rec", as_scorer(fitted_model))["models"]["conv4rec"]["kinds"]
    lists = fitted_model.recommend(split.given.take_users(rows), k=10, by="rating")
    assert found["rating"]["items"] == lists["item_id"].n_unique()
    assert found["rating"]["length"] == pytest.approx(lists.height / lists["user_id"].n_unique())
