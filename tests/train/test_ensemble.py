"""The blend: the usual one in doubt, ranking where it is sure, never a poor likelihood."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from conv4rec.data.synthetic import low_rank_world
from conv4rec.model.slim import Neighbours
from conv4rec.train import ensemble as blend_page
from conv4rec.train.batches import Batches
from conv4rec.train.ensemble import (
    PENALTIES,
    USUAL,
    Blend,
    Learned,
    _best,
    _blends,
    _Cells,
    _Trial,
    _users,
    choose_blend,
)
from conv4rec.train.ridge import Ridge
from conv4rec.train.slim import find_neighbours
from conv4rec.train.validation import held_out, hidden_ndcg


@pytest.fixture(scope="module")
def log():
    return low_rank_world(200, 60, popularity=0.7, seed=5).sample(20, np.random.default_rng(5))


@pytest.fixture(scope="module")
def validation(log):
    shown = torch.from_numpy(~held_out(log, 0.1, 0)).float()
    return replace(Batches.from_interactions(log).whole, fed=shown)


def learned_of(log, users, items, bias):
    return Learned(users, items, bias, torch.ones(log.n_levels + 1))


def test_a_trained_half_that_knows_nothing_is_outvoted(log, validation):
    users, items = torch.zeros(log.n_users, 4), torch.zeros(log.n_items, 4)
    shown = log.select(~held_out(log, 0.1, 0))
    counts = torch.from_numpy(shown.to_csr().sum(0)).float() + 1
    learned = learned_of(log, users, items, (counts / counts.sum()).log())
    assert choose_blend(learned, Ridge.of(shown, 16, 0), None, validation).closed > 0
    assert choose_blend(learned, None, find_neighbours(shown, 20), validation).neighbours > 0


def test_a_closed_form_that_knows_nothing_is_not_listened_to(log, validation):
    world = low_rank_world(200, 60, popularity=0.7, seed=5)
    logits = torch.from_numpy(np.log(world.item_probabilities)).float()
    learned = learned_of(log, logits, torch.eye(log.n_items), torch.zeros(log.n_items))
    ridge = Ridge.of(log.select(~held_out(log, 0.1, 0)), 16, 0)
    rng = np.random.default_rng(0)
    noise = replace(ridge, out=rng.standard_normal(ridge.out.shape).astype(np.float32))
    assert choose_blend(learned, noise, None, validation).closed == 0
    strangers = Neighbours(log.n_items, 5)
    strangers.get_buffer("items").copy_(torch.from_numpy(rng.integers(0, 60, (60, 5))))
    strangers.weights.copy_(torch.from_numpy(rng.exponential(size=(60, 5))))
    assert choose_blend(learned, ridge, strangers, validation).neighbours == 0


def test_it_measures_the_ndcg_that_rehearsals_measure(log, validation, rng):
    users, items = (torch.from_numpy(rng.standard_normal((n, 3))).float() for n in (200, 60))
    bias = torch.zeros(log.n_items)
    rows = _users(validation, log.n_items)
    nll, ndcg = _Cells.of(validation, rows, log.n_items).measure(users[rows] @ items.T)
    assert float(ndcg.mean()) == pytest.approx(
        hidden_ndcg(users, items, bias, validation), rel=1e-5
    )
    logits = users @ items.T
    fed = validation.fed > 0
    logits[validation.pattern.rows[fed], validation.pattern.columns[fed]] = -torch.inf
    chances = torch.log_softmax(logits, 1)
    at = (validation.pattern.rows[~fed], validation.pattern.columns[~fed])
    assert nll == pytest.approx(-float(chances[at].mean()), rel=1e-5)


def test_of_a_large_log_some_users_are_looked_at(validation):
    everyone, some = _users(validation, 60), _users(validation, 300_000)
    assert 0 < len(some) <= 40 < len(everyone)
    assert set(some.tolist()) < set(everyone.tolist())


@pytest.mark.parametrize(("nll", "listened_to"), [(1.01, True), (1.03, False)])
def test_a_better_ranking_is_worth_two_hundredths_of_the_likelihood_and_no_more(
    log, validation, monkeypatch, nll, listened_to
):
    said = iter([(1.0, torch.zeros(9))])  # the first blend, then every other
    monkeypatch.setattr(_Cells, "measure", lambda *_: next(said, (nll, torch.ones(9))))
    learned = learned_of(log, torch.zeros(200, 2), torch.zeros(60, 2), torch.zeros(60))
    found = choose_blend(learned, Ridge.of(log, 4, 0), None, validation)
    assert (found.closed / found.learned != 0.25) == listened_to


@pytest.mark.parametrize("sure", [True, False])
def test_in_doubt_the_usual_blend_is_taken(sure):
    usual = torch.tensor([0.2, 0.3, 0.4, 0.5])
    better = usual + (0.01 if sure else torch.tensor([0.5, -0.4, 0.3, -0.3]))
    trials = [
        _Trial(5.0, torch.zeros(4), Blend()),
        _Trial(5.01, usual, USUAL),
        _Trial(5.02, better, Blend(closed=0.5)),
    ]
    assert _best(trials) == (Blend(closed=0.5) if sure else USUAL)


def test_without_a_part_no_blend_hears_it():
    assert all(not b.closed and not b.neighbours for b in _blends(USUAL.penalty, False, False))
    tried = [b for p in PENALTIES for b in _blends(p, True, True)]
    assert USUAL in tried
    assert len(set(tried)) == len(tried)


@pytest.mark.parametrize("loud", [0.7, 1.0, 1.8])
def test_a_blend_that_is_too_loud_or_too_soft_is_mended(log, validation, loud):
    world = low_rank_world(200, 60, popularity=0.7, seed=5)
    logits = torch.from_numpy(np.log(world.item_probabilities)).float() * loud
    learned = learned_of(log, logits, torch.eye(log.n_items), torch.zeros(log.n_items))
    found = choose_blend(learned, None, None, validation)
    # Not 1: what was consumed is not drawn again, which sharpens the rest.
    assert found.learned * loud == pytest.approx(1.17, rel=0.06)


def test_a_search_goes_on_where_its_answer_lies_on_the_edge(log, validation, monkeypatch):
    """Ranked by how near a blend is to one far outside the grid: that is nearly reached."""
    aim = {"learned": 0.02, "neighbours": 6.0}

    def far(blend: Blend) -> float:
        return sum(abs(np.log((getattr(blend, n) + 1e-3) / to)) for n, to in aim.items())

    def trial(*measured_of: object) -> _Trial:
        return _Trial(1.0, torch.full((4,), -far(measured_of[2])), measured_of[2])

    monkeypatch.setattr(blend_page, "_Trial", trial)
    monkeypatch.setattr(_Cells, "measure", lambda *_: (1.0, torch.zeros(4)))
    monkeypatch.setattr(blend_page, "_loud_enough", lambda *found: found[0])
    learned = learned_of(log, torch.zeros(200, 2), torch.zeros(60, 2), torch.zeros(60))
    found = choose_blend(learned, Ridge.of(log, 4, 0), find_neighbours(log, 20), validation)
    assert found.learned == pytest.approx(aim["learned"], rel=0.5)
    assert found.neighbours == pytest.approx(aim["neighbours"], rel=0.3)
