"""SLIM: the regression is solved, and a history is scored as the formula says."""

import numpy as np
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array

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
    monkeypatch.setattr(module, "SWEEPS", 600)
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


def test_candidates_are_the_nearest_items_by_cosine_consumed_together_more_than_once(mixed):
    x = mixed.to_csr().toarray().astype(float)
    together, count = x.T @ x, x.sum(0)
    gram = module._gram(csr_array(mixed.to_csr(), dtype=np.float32))
    cosine = together / np.sqrt(np.maximum(np.outer(count, count), 1e-9))
    possible = (together > L1) & ~np.eye(len(x.T), dtype=bool)
    for block in module._blocks(gram, 3):
        for item, mine in zip(block, module._candidates(gram, count, block, 3)[0], strict=True):
            best = np.sort(cosine[item, possible[item]])[::-1][:3]
            mine = mine[mine != item]
            np.testing.assert_allclose(np.sort(cosine[item, mine])[::-1], best, rtol=1e-5)
    solved = np.concatenate(module._blocks(gram, 3))
    np.testing.assert_array_equal(np.sort(solved), np.nonzero(possible.any(1))[0])


def test_a_crowded_gram_matrix_keeps_the_largest_cosines_of_each_item(mixed, monkeypatch):
    consumed = csr_array(mixed.to_csr(), dtype=np.float32)
    whole = module._gram(consumed).toarray()
    monkeypatch.setattr(module, "GRAM_ENTRIES", 9 * mixed.n_items)
    monkeypatch.setattr(module, "PRODUCTS", 500)
    kept = module._gram(consumed).toarray()
    cosine = whole / np.sqrt(np.maximum(np.outer(whole.diagonal(), whole.diagonal()), 1e-9))
    for row, mine in enumerate(kept):
        assert ((mine == 0) | (mine == whole[row])).all()
        assert (mine > 0).sum() == min(9, (whole[row] > 0).sum())
        if (mine == 0).any():
            assert cosine[row, mine > 0].min() >= cosine[row, mine == 0].max() - 1e-6
    assert fit_slim(mixed, 5).weights.any()


def test_similarity_follows_the_formula_and_is_one_on_average(mixed, found):
    whole = Batches.from_interactions(mixed).whole
    x = mixed.to_csr().toarray().astype(float)
    lengths = x.sum(1, keepdims=True) + 1
    popularity = x.sum(0) / x.sum(0).mean()
    expected = (mixed.n_items * (x @ dense(found).T) + popularity) / lengths
    similarity = found.similarity(whole.pattern, whole.observed).numpy()
    np.testing.assert_allclose(similarity, expected, rtol=1e-4, atol=1e-5)
    assert similarity.mean() == pytest.approx(1.0, rel=1e-3)


def test_similarity_does_not_depend_on_how_much_is_computed_at_a_time(mixed, found, monkeypatch):
    whole = Batches.from_interactions(mixed).whole
    expected = found.similarity(whole.pattern, whole.observed)
    monkeypatch.setattr("conv4rec.model.slim.PRODUCTS", 100)
    observed = whole.observed.clone().requires_grad_()  # added up by indices, as on an accelerator
    torch.testing.assert_close(found.similarity(whole.pattern, observed).detach(), expected)
    found.weights.mul_(2.0)  # what is kept of the weights is made anew
    assert not torch.allclose(found.similarity(whole.pattern, whole.observed), expected)


@pytest.mark.parametrize("has_mkl", [True, False])
def test_similarity_is_the_formula_with_mkl_and_without(mixed, monkeypatch, has_mkl):
    if has_mkl and not torch.backends.mkl.is_available():
        pytest.skip("this torch has no MKL")
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: has_mkl)
    found, n_items = fit_slim(mixed, 5), mixed.n_items
    consumed = mixed.to_csr().toarray()
    sums = n_items * consumed @ dense(found).T + found.popularity.numpy()
    expected = sums / (consumed.sum(1, keepdims=True) + 1)
    for users in (np.arange(mixed.n_users), np.array([0])):
        history = Batches.from_interactions(mixed.take_users(users)).whole
        similarity = found.similarity(history.pattern, history.observed)
        np.testing.assert_allclose(similarity.numpy(), expected[users], rtol=1e-4)


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


@pytest.mark.parametrize("solved_bytes", [1, 4 * 20**2 * 7])
def test_the_weights_do_not_depend_on_how_many_are_solved_together(
    mixed, found, monkeypatch, solved_bytes
):
    monkeypatch.setattr(module, "SOLVED_BYTES", solved_bytes)
    np.testing.assert_allclose(dense(fit_slim(mixed, mixed.n_items)), dense(found), atol=5e-3)


@pytest.mark.parametrize("size", [3, 8])
def test_a_dense_and_a_sparse_gram_matrix_give_the_same_weights(mixed, monkeypatch, size):
    expected = fit_slim(mixed, size)
    monkeypatch.setattr(module, "DENSE_ITEMS", 0)
    monkeypatch.setattr(module, "DENSE_BYTES", 0)
    np.testing.assert_array_equal(dense(fit_slim(mixed, size)), dense(expected))


def test_items_never_consumed_together_give_no_slim():
    alone = Interactions.from_frame(pl.DataFrame({"user_id": range(30), "item_id": range(30)}))
    assert fit_slim(alone, 5) is None
