"""A list made from a shortlist is the list of the whole catalogue."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from conv4rec.model import compressed
from conv4rec.model.compressed import Compressed
from conv4rec.recommender import shortlist
from conv4rec.recommender.discovery import DiscoveryCriteria
from conv4rec.recommender.list_scores import Rated
from conv4rec.recommender.shortlist import Shortlister
from conv4rec.recommender.uncertainty import log_odds, upper_tail

ASKED = [
    {"by": "like"},
    {"by": "rating"},
    {"by": "consume_and_like"},
    {"by": "discover"},
    {"by": "discover", "novelty": "median", "confidence": 0.6},
    {"by": "discover", "min_p_like": 0.5, "novelty": 3},
    {"by": "discover", "min_p_like": 0},
    {"by": "like", "exclude_seen": False, "limit_exposure": False},
    {"by": "like", "block": [f"i{number:02}" for number in range(0, 30, 2)]},
]

pytestmark = pytest.mark.filterwarnings("ignore:.*shorter than:UserWarning")


@pytest.fixture
def narrow(fitted_model, monkeypatch):
    """Shortlists of 12 of 37 items, from tables of 6 directions; says how many were in doubt."""
    monkeypatch.setattr(shortlist, "LEAST_SHORTLIST", 12)
    monkeypatch.setattr(shortlist, "PER_PLACE", 1)
    monkeypatch.setattr(shortlist, "SMALLEST_CATALOGUE", 1)
    scoring = fitted_model.scoring_
    encoding, _ = scoring.encode(fitted_model.interactions_, np.array([0]))
    tables = compressed.CompressedRatings.of(scoring.model, encoding)
    kept = [
        replace(t, basis=t.basis[:, :6], items=t.items[:, :6])
        for t in [*tables.channels, *([tables.latent] if tables.latent else [])]
    ]
    latent = kept[len(tables.channels)] if tables.latent else None
    monkeypatch.setattr(
        scoring,
        "_compressed",
        replace(tables, channels=kept[: len(tables.channels)], latent=latent),
    )
    outcomes = []
    ranked = Shortlister.ranked

    def counted(self, *arguments):
        outcomes.append(ranked(self, *arguments))
        return outcomes[-1]

    monkeypatch.setattr(Shortlister, "ranked", counted)
    return outcomes


def whole_lists(model, monkeypatch, **asked):
    with monkeypatch.context() as patched:
        patched.setattr(Shortlister, "pays", False)
        return model.recommend(k=4, **asked)


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_lists_are_those_of_the_whole_catalogue(fitted_model, narrow, monkeypatch, asked):
    expected = whole_lists(fitted_model, monkeypatch, **asked)
    assert not narrow
    found = fitted_model.recommend(k=4, **asked)
    assert narrow  # they did come from shortlists
    if asked["by"] == "discover" and "min_p_like" not in asked:
        differ_at_the_limit(fitted_model, found, expected)
        return
    assert found["item_id"].equals(expected["item_id"])
    assert found["user_id"].equals(expected["user_id"])
    assert np.allclose(found["score"], expected["score"], rtol=1e-5, atol=1e-6)


def test_items_that_are_nearly_discoveries_are_read_as_far_as_errors_reach(
    fitted_model, narrow, monkeypatch
):
    monkeypatch.setattr(shortlist, "MARGIN", 0.0)  # so that errors alone say how far
    monkeypatch.setattr(shortlist, "LEAST_SHORTLIST", 2)
    asked = {"by": "discover", "min_p_like": 0.5, "novelty": 3}
    expected = whole_lists(fitted_model, monkeypatch, **asked)
    found = fitted_model.recommend(k=4, **asked)
    assert narrow
    assert found["item_id"].equals(expected["item_id"])


def differ_at_the_limit(model, found, expected):
    """Limits of discoveries are means over nearly read items: what is close to one may differ."""
    scoring, log, level = model.scoring_, model.interactions_, model.like_level_
    scores = scoring.score(log, np.arange(log.n_users))
    likes, norms = Rated.of(scoring, scores, level).likes, model._norms()
    least = DiscoveryCriteria().likes_limit(likes, scores.log_p_consume)[:, None]
    room = np.minimum(norms.lift(likes), log_odds(likes) - log_odds(least))
    same = 0
    for row, user in enumerate(log.users.to_series()):
        lists = [set(f.filter(pl.col("user_id") == user)["item_id"]) for f in (found, expected)]
        other = lists[0] ^ lists[1]
        same += not other
        # An item that is let in pushes out the last one.
        close = np.abs(room[row, log.items.numbers(list(other))]) if other else np.zeros(1)
        assert close.min() < 0.05
    assert same >= 0.8 * log.n_users


def test_tables_that_tell_everything_leave_no_doubt(fitted_model, narrow, monkeypatch):
    monkeypatch.setattr(fitted_model.scoring_, "_compressed", None)  # made anew, of all directions
    fitted_model.recommend(k=4, by="consume_and_like")
    assert all(found is not None for found in narrow)


def test_a_table_that_tells_nothing_leaves_a_doubt(fitted_model, narrow, monkeypatch):
    tables = fitted_model.scoring_._compressed
    blind = [replace(table, items=0 * table.items) for table in tables.channels]
    monkeypatch.setattr(
        fitted_model.scoring_, "_compressed",
        replace(tables, channels=blind, latent=None if tables.latent is None else replace(
            tables.latent, items=0 * tables.latent.items)),
    )  # fmt: skip
    monkeypatch.setattr(shortlist, "MOST", 1)
    expected = whole_lists(fitted_model, monkeypatch, by="like")
    found = fitted_model.recommend(k=4, by="like")
    assert any(ranked is None for ranked in narrow)
    assert found["item_id"].equals(expected["item_id"])


def test_a_longer_shortlist_is_tried_before_the_whole_catalogue(fitted_model, narrow, monkeypatch):
    tables, read = fitted_model.scoring_._compressed, []
    blind = [replace(table, items=0 * table.items) for table in tables.channels]
    latent = tables.latent and replace(tables.latent, items=0.5 * tables.latent.items)
    monkeypatch.setattr(
        fitted_model.scoring_, "_compressed", replace(tables, channels=blind, latent=latent)
    )
    ours = Shortlister._read
    monkeypatch.setattr(
        Shortlister, "_read",
        lambda self, *given: read.append(len(given[1])) or ours(self, *given),
    )  # fmt: skip
    expected = whole_lists(fitted_model, monkeypatch, by="rating")
    found = fitted_model.recommend(k=4, by="rating")
    assert len(read) > len(narrow) > 0
    assert read.count(12) >= len(narrow)  # what is read next may be 12 items too
    assert all(ranked is not None for ranked in narrow)
    assert found["item_id"].equals(expected["item_id"])


def test_compressed_scores_have_errors_of_mean_0(rng):
    parts = [rng.normal(size=(300, 5)).astype(np.float32), rng.normal(size=(300, 7)) + 2]
    parts[1] = parts[1].astype(np.float32)
    vector = rng.normal(size=12).astype(np.float32)
    exact = np.hstack(parts) @ vector
    error = Compressed.of(parts, width=4).scores(vector[None])[0] - exact
    assert abs(error.mean()) < 1e-5
    assert 0.1 < error.std() < exact.std()
    assert np.allclose(Compressed.of(parts, width=12).scores(vector[None])[0], exact, atol=1e-4)


def test_the_tail_is_told_where_the_distribution_function_is_1():
    places = np.float32([0, 5, 7, 9])
    assert np.allclose(upper_tail(places), norm.sf(places), rtol=1e-4, atol=0)


def test_scores_that_are_no_numbers_are_not_trusted(fitted_model, narrow, monkeypatch):
    expected = whole_lists(fitted_model, monkeypatch, by="like")
    ours = Shortlister._score
    monkeypatch.setattr(
        Shortlister, "_score",
        lambda self, rated, log_p: ours(self, rated, log_p) + (np.nan if len(log_p) > 12 else 0),
    )  # fmt: skip
    found = fitted_model.recommend(k=4, by="like")
    assert all(ranked is None for ranked in narrow)
    assert found["item_id"].equals(expected["item_id"])
