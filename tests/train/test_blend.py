"""The blend: likelihood first, ranking where it is sure."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from conv4rec.data.worlds import low_rank_world
from conv4rec.train.batches import Batches
from conv4rec.train.blend import Blend, Learned, _Cells, _users, choose_blend
from conv4rec.train.rehearsal import held_out, hidden_ndcg
from conv4rec.train.ridge import Ridge


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
    assert choose_blend(learned, Ridge.of(shown, 16, 0), validation).closed > 0


def test_a_closed_form_that_knows_nothing_is_not_listened_to(log, validation):
    world = low_rank_world(200, 60, popularity=0.7, seed=5)
    logits = torch.from_numpy(np.log(world.item_probabilities)).float()
    learned = learned_of(log, logits, torch.eye(log.n_items), torch.zeros(log.n_items))
    ridge = Ridge.of(log.select(~held_out(log, 0.1, 0)), 16, 0)
    rng = np.random.default_rng(0)
    noise = replace(ridge, out=rng.standard_normal(ridge.out.shape).astype(np.float32))
    assert choose_blend(learned, noise, validation) in (Blend(), replace(Blend(), closed=0.0))


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
    everyone, some = _users(validation, 60), _users(validation, 100_000)
    assert 0 < len(some) <= 40 < len(everyone)
    assert set(some.tolist()) < set(everyone.tolist())


@pytest.mark.parametrize(("nll", "listened_to"), [(1.01, True), (1.03, False)])
def test_a_better_ranking_is_worth_two_hundredths_of_the_likelihood_and_no_more(
    log, validation, monkeypatch, nll, listened_to
):
    said = iter([(1.0, torch.zeros(9))])  # the trained half alone, then every blend
    monkeypatch.setattr(_Cells, "measure", lambda *_: next(said, (nll, torch.ones(9))))
    learned = learned_of(log, torch.zeros(200, 2), torch.zeros(60, 2), torch.zeros(60))
    found = choose_blend(learned, Ridge.of(log, 4, 0), validation)
    assert (found.closed > 0) == listened_to
