"""SLIM: the regression is solved, and a history is scored as the formula says."""

import numpy as np
import polars as pl
import pytest
import torch

from conv4rec import Interactions
from conv4rec.train import slim as module
from conv4rec.train.batches import Batches
from conv4rec.train.slim import L1, L2, fit_slim


def dense(found):
    """items x items: row i holds the weights that predict i from the others."""
    n_items = len(found.weights)
    full = np.zeros((n_items, n_items))
    np.add.at(
        full,
        (np.arange(n_items)[:, None], found.get_buffer("items").numpy()),
        found.weights.numpy().astype(float),
    )
    return full


@pytest.fixture
def found(mixed):
    return fit_slim(mixed, mixed.n_items)


def test_the_weights_are_the_optimum_of_the_regression(mixed, monkeypatch):
    monkeypatch.setattr(module, "CONVERGED", 0.0)
    monkeypatch.setattr(module, "SWEEPS", 2000)
    monkeypatch.setattr(module, "_mean_similarity", lambda *_: 1.0)
    w = dense(fit_slim(mixed, mixed.n_items))
    x = mixed.to_csr().toarray().astype(float)
    gradient = w @ (x.T @ x) - x.T @ x + L2 * w + L1
    other = ~np.eye(len(w), dtype=bool)
    assert (w[~other] == 0).all()
    assert (w >= 0).all()
    assert (w > 0).sum() > len(w)  # the optimum is not 0
    assert np.abs(gradient[w > 1e-6]).max() < 1e-3
    assert gradient[other & (w == 0)].min() > -1e-3


def test_candidates_are_the_nearest_items_by_cosine(mixed):
    neighbours = fit_slim(mixed, 3).get_buffer("items").numpy()
    x = mixed.to_csr().toarray().astype(float)
    cosine = x.T @ x / np.sqrt(np.maximum(np.outer(x.sum(0), x.sum(0)), 1e-9))
    np.fill_diagonal(cosine, -1.0)
    for item, mine in enumerate(neighbours):
        best = np.sort(cosine[item])[::-1][:3]
        np.testing.assert_allclose(np.sort(cosine[item, mine])[::-1], best, rtol=1e-5)


def test_similarity_follows_the_formula_and_is_one_on_average(mixed, found):
    whole = Batches.from_interactions(mixed).whole
    x = mixed.to_csr().toarray().astype(float)
    lengths = x.sum(1, keepdims=True) + 1
    popularity = x.sum(0) / x.sum(0).mean()
    expected = (mixed.n_items * (x @ dense(found).T) + popularity) / lengths
    similarity = found.similarity(whole.pattern, whole.observed).numpy()
    np.testing.assert_allclose(similarity, expected, rtol=1e-4, atol=1e-5)
    assert similarity.mean() == pytest.approx(1.0, rel=1e-3)


def test_masked_interactions_add_no_similarity(mixed, found):
    whole = Batches.from_interactions(mixed).whole
    observed = (torch.arange(len(whole.observed)) % 3 > 0).float()
    part = Batches.from_interactions(mixed.select(observed.numpy() > 0)).whole
    torch.testing.assert_close(
        found.similarity(whole.pattern, observed), found.similarity(part.pattern, part.observed)
    )


def test_an_empty_history_is_similar_to_popular_items(mixed, found):
    whole = Batches.from_interactions(mixed).whole
    similarity = found.similarity(whole.pattern, torch.zeros_like(whole.observed))
    counts = mixed.to_csr().toarray().sum(0)
    np.testing.assert_allclose(similarity[0].numpy(), counts / counts.mean(), rtol=1e-5)


def test_items_consumed_together_are_neighbours(rng):
    pairs = [(u, 2 * p + side) for u in range(200) for p in rng.choice(10, 3) for side in (0, 1)]
    users, items = np.array(sorted(set(pairs))).T
    log = Interactions.from_frame(pl.DataFrame({"user_id": users, "item_id": items}))
    w = dense(fit_slim(log, 5))
    ids = log.items.ids(np.arange(20)).to_numpy()
    assert (ids[w.argmax(1)] == ids ^ 1).all()


def test_too_many_items_give_no_slim(mixed, monkeypatch):
    monkeypatch.setattr(module, "MOST_ITEMS", mixed.n_items - 1)
    assert fit_slim(mixed, 5) is None


def test_items_never_consumed_together_give_no_slim():
    alone = Interactions.from_frame(pl.DataFrame({"user_id": range(30), "item_id": range(30)}))
    assert fit_slim(alone, 5) is None
