"""Ensemble weights: the default in doubt, a better ranking where that is clear."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from conv4rec.data.synthetic import low_rank_world
from conv4rec.evaluate import ranking
from conv4rec.model.slim import SLIM
from conv4rec.train import ensemble
from conv4rec.train import ensemble_scores as module
from conv4rec.train.batches import Batches
from conv4rec.train.ensemble import (
    DEFAULT_WEIGHTS,
    WITHOUT_RIDGE,
    _best,
    _grid,
    _Trial,
    choose_ensemble_weights,
    weights_in_doubt,
)
from conv4rec.train.ensemble_scores import (
    CELLS,
    Cells,
    EnsembleScores,
    EnsembleWeights,
    NeuralScores,
)
from conv4rec.train.ridge import Ridge
from conv4rec.train.slim import fit_slim
from conv4rec.train.validation import held_out


@pytest.fixture(scope="module")
def log():
    return low_rank_world(200, 60, popularity=0.7, seed=5).sample(20, np.random.default_rng(5))


@pytest.fixture(scope="module")
def validation(log):
    observed = torch.from_numpy(~held_out(log, 0.1, 0)).float()
    return replace(Batches.from_interactions(log).whole, observed=observed)


def scores(log, users, items, bias):
    return NeuralScores(users, items, bias, torch.ones(log.n_levels + 1))


def chosen(neural, ridge, slim, validation):
    doubt = weights_in_doubt(ridge is not None, slim is not None)
    return choose_ensemble_weights(EnsembleScores(neural, ridge, slim, validation, doubt))


def test_an_uninformative_neural_component_lets_the_others_have_weight(log, validation):
    users, items = torch.zeros(log.n_users, 4), torch.zeros(log.n_items, 4)
    observed = log.select(~held_out(log, 0.1, 0))
    counts = torch.from_numpy(observed.to_csr().sum(0)).float() + 1
    neural = scores(log, users, items, (counts / counts.sum()).log())
    assert chosen(neural, Ridge.of(observed, 16, 0), None, validation).ridge > 0
    assert chosen(neural, None, fit_slim(observed, 20), validation).slim > 0


def test_uninformative_components_have_no_weight(log, validation):
    world = low_rank_world(200, 60, popularity=0.7, seed=5)
    logits = torch.from_numpy(np.log(world.item_probabilities)).float()
    neural = scores(log, logits, torch.eye(log.n_items), torch.zeros(log.n_items))
    rng = np.random.default_rng(0)
    ridge = Ridge.of(log.select(~held_out(log, 0.1, 0)), 16, 0)
    noise = replace(ridge, decoder=rng.standard_normal(ridge.decoder.shape).astype(np.float32))
    assert chosen(neural, noise, None, validation).ridge == 0
    random_slim = SLIM(log.n_items, 5)
    random_slim.get_buffer("items").copy_(torch.from_numpy(rng.integers(0, 60, (60, 5))))
    random_slim.weights.copy_(torch.from_numpy(rng.exponential(size=(60, 5))))
    assert chosen(neural, ridge, random_slim, validation).slim == 0


def test_it_measures_the_ndcg_of_evaluate_and_the_likelihood(validation, rng):
    users, items = (torch.from_numpy(rng.standard_normal((n, 3))).float() for n in (200, 60))
    rows = validation.rows_to_score(CELLS)
    cells = Cells.of(validation.of_rows(rows))
    nll, ndcg = cells.nll(users[rows] @ items.T), cells.ndcg(users[rows] @ items.T)
    logits = users @ items.T
    observed = validation.observed > 0
    logits[validation.pattern.rows[observed], validation.pattern.columns[observed]] = -torch.inf
    relevant = np.zeros(logits.shape, dtype=bool)
    relevant[validation.pattern.rows[~observed], validation.pattern.columns[~observed]] = True
    theirs = ranking.ndcg(
        ranking.hits(ranking.top_k(logits.numpy(), 20), relevant), relevant.sum(1)
    )
    assert float(ndcg.mean()) == pytest.approx(float(np.nanmean(theirs)), rel=1e-5)
    probabilities = torch.log_softmax(logits, 1)
    at = (validation.pattern.rows[~observed], validation.pattern.columns[~observed])
    assert nll == pytest.approx(-float(probabilities[at].mean()), rel=1e-5)


def test_of_a_large_log_some_users_are_scored(validation):
    all_users, some = validation.rows_to_score(CELLS), validation.rows_to_score(40 * 60)
    assert 0 < len(some) <= 40 < len(all_users)
    assert set(some.tolist()) < set(all_users.tolist())


def test_the_histories_of_some_users_are_those_of_the_users(log, validation):
    rows = validation.rows_to_score(40 * 60)
    part, expected = validation.of_rows(rows), Batches.from_interactions(log).of_users(rows)
    assert torch.equal(part.types, expected.types)
    for name in ("row_starts", "columns", "column_starts", "rows_by_column", "rows"):
        assert torch.equal(getattr(part.pattern, name), getattr(expected.pattern, name)), name
    assert (part.pattern.row_sums(1 - part.observed) > 0).all()


def trial(nll: float, ndcg: torch.Tensor, weights: EnsembleWeights) -> _Trial:
    return _Trial(nll, weights, lambda _: ndcg)


@pytest.mark.parametrize(("nll", "taken"), [(1.01, True), (1.03, False)])
def test_a_better_ranking_may_cost_two_hundredths_of_the_likelihood_and_no_more(nll, taken):
    default = trial(1.0, torch.zeros(9), EnsembleWeights())
    better = trial(nll, torch.ones(9), EnsembleWeights(ridge=0.5))
    assert (_best([default, better], [default]).ridge > 0) == taken


@pytest.mark.parametrize("clear", [True, False])
def test_in_doubt_the_default_weights_are_taken(clear):
    default = torch.tensor([0.2, 0.3, 0.4, 0.5])
    better = default + (0.01 if clear else torch.tensor([0.5, -0.4, 0.3, -0.3]))
    trials = [
        trial(5.0, torch.zeros(4), EnsembleWeights()),
        trial(5.01, default, DEFAULT_WEIGHTS),
        trial(5.02, better, EnsembleWeights(ridge=0.5)),
    ]
    found = _best(trials, trials[1:2])
    assert found == (EnsembleWeights(ridge=0.5) if clear else DEFAULT_WEIGHTS)


@pytest.mark.parametrize(
    ("with_ridge", "without", "taken"), [(5.05, 5.05, 0), (5.2, 5.05, 1), (5.2, 5.2, 2)]
)
def test_what_stands_in_is_near_the_best_likelihood(with_ridge, without, taken):
    likeliest = trial(5.0, torch.zeros(4), EnsembleWeights(slim=0.2))
    in_doubt = [
        trial(with_ridge, torch.zeros(4), DEFAULT_WEIGHTS),
        trial(without, torch.zeros(4), WITHOUT_RIDGE),
    ]
    assert _best([likeliest], in_doubt) == [*in_doubt, likeliest][taken].weights


def test_weights_too_sure_of_themselves_are_judged_at_their_best_scale(log, validation):
    # Twelve times as sure as they should be: nothing that the grid holds is as far off.
    world = low_rank_world(200, 60, popularity=0.7, seed=5)
    logits = torch.from_numpy(np.log(world.item_probabilities)).float() * 12
    neural = scores(log, logits, torch.eye(log.n_items), torch.zeros(log.n_items))
    slim = fit_slim(log.select(~held_out(log, 0.1, 0)), 20)
    found = chosen(neural, None, slim, validation)
    assert found.neural / found.slim == pytest.approx(WITHOUT_RIDGE.neural / WITHOUT_RIDGE.slim)


def test_a_missing_component_has_no_weight():
    assert all(not (w.slim or w.ridge) for w in _grid(False, False))
    assert all(not w.ridge for w in _grid(False, True))
    assert DEFAULT_WEIGHTS in _grid(True, True)
    assert len(set(_grid(True, True))) == len(_grid(True, True))


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.8])
def test_the_scale_of_the_logits_is_corrected(log, validation, scale):
    world = low_rank_world(200, 60, popularity=0.7, seed=5)
    logits = torch.from_numpy(np.log(world.item_probabilities)).float() * scale
    neural = scores(log, logits, torch.eye(log.n_items), torch.zeros(log.n_items))
    found = chosen(neural, None, None, validation)
    # Not 1: consumed items are not drawn again, which sharpens the distribution of the rest.
    assert found.neural * scale == pytest.approx(1.17, rel=0.06)


def test_the_search_goes_beyond_the_edge_of_the_grid(log, validation, monkeypatch):
    """With a ranking that is best far outside the grid, the search comes close to it."""
    aim = {"neural": 0.02, "slim": 6.0}

    def far(weights: EnsembleWeights) -> float:
        return sum(abs(np.log((getattr(weights, n) + 1e-3) / to)) for n, to in aim.items())

    def tried(_nll: float, weights: EnsembleWeights, _rank: object) -> _Trial:
        return trial(1.0, torch.full((4,), -far(weights)), weights)

    monkeypatch.setattr(ensemble, "_Trial", tried)
    monkeypatch.setattr(ensemble, "_best_scale", lambda weights, tried: tried(weights))
    neural = scores(log, torch.zeros(200, 2), torch.zeros(60, 2), torch.zeros(60))
    found = chosen(neural, Ridge.of(log, 4, 0), fit_slim(log, 20), validation)
    assert found.neural == pytest.approx(aim["neural"], rel=0.5)
    assert found.slim == pytest.approx(aim["slim"], rel=0.3)


@pytest.mark.parametrize("n_users", [3_000, 60])
def test_of_a_large_log_shortlists_and_a_sample_measure_nearly_the_same(
    log, validation, monkeypatch, n_users
):
    observed = log.select(~held_out(log, 0.1, 0))
    rng = torch.Generator().manual_seed(0)
    users, items = (torch.randn(n, 3, generator=rng) for n in (log.n_users, log.n_items))
    neural = scores(log, users, items, torch.zeros(log.n_items))
    parts = (neural, Ridge.of(observed, 16, 0), fit_slim(observed, 20), validation)
    monkeypatch.setattr(module, "MOST_USERS", n_users)
    whole = EnsembleScores(*parts, DEFAULT_WEIGHTS)
    monkeypatch.setattr(module, "CELLS", 0)
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * log.n_items * 7)
    monkeypatch.setattr(module, "LISTED", 35)
    monkeypatch.setattr("conv4rec.train.item_sampling.N_ITEMS", 30)
    short = EnsembleScores(*parts, DEFAULT_WEIGHTS)

    def measured(of: EnsembleScores):
        assert of.log_similarity is not None
        total = of.neural * 0.3 + of.ridge(2.0) + of.log_similarity * 0.8
        return of.cells.nll(total.clone()), float(of.cells.ndcg(total).mean())

    assert short.columns is not None
    assert measured(short) == pytest.approx(measured(whole), rel=0.01)
    assert len(short.users) <= n_users
