"""Dense systems of SLIM, as on a GPU: the weights of the sparse ones."""

import numpy as np
import polars as pl
import pytest
import torch

from conv4rec.data import Interactions
from conv4rec.train import slim, slim_on_device
from conv4rec.train.slim_on_device import DenseGram


def weights(log, size):
    """Items x items; in a block an item's system is solved as on any device."""
    full = torch.zeros(log.n_items, log.n_items)
    for items, candidates, target, system in DenseGram.of(log, "cpu").systems(size, slim.L1):
        full[items[:, None], candidates] += slim._solve(system, target)
    return full


def sparse_weights(log, size):
    full = torch.zeros(log.n_items, log.n_items)
    for items, candidates, target, system in slim._sparse_systems(log, size):
        full[items[:, None], candidates.long()] += slim._solve(system, target)
    return full


@pytest.mark.parametrize("at_a_time", [4 * 37**2 * 7, 10**9])
def test_the_weights_are_those_of_the_sparse_systems(mixed, monkeypatch, at_a_time):
    monkeypatch.setattr(slim_on_device, "SYSTEM_BYTES", at_a_time)
    monkeypatch.setattr(slim_on_device, "HISTORY_BYTES", at_a_time)
    monkeypatch.setattr(slim, "CONVERGED", 0.0)
    monkeypatch.setattr(slim, "SWEEPS", 100)
    expected = sparse_weights(mixed, mixed.n_items)
    assert (expected > 0).sum() > 100
    found = weights(mixed, mixed.n_items)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_the_candidates_are_the_nearest_by_cosine_without_the_item_itself(mixed):
    gram = torch.from_numpy(mixed.to_csr().toarray()).float()
    gram = gram.T @ gram
    cosine = gram**2 / gram.diagonal()
    cosine[(gram <= slim.L1) | torch.eye(len(gram), dtype=torch.bool)] = -1.0
    for items, candidates, target, system in DenseGram.of(mixed, "cpu").systems(3, slim.L1):
        for item, own, with_item, among in zip(items, candidates, target, system, strict=True):
            real = own[own != item]
            least = cosine[item].topk(len(real)).values.min()
            assert (cosine[item, real] >= least - 1e-5).all()
            torch.testing.assert_close(with_item[own != item], gram[item, real])
            torch.testing.assert_close(among, gram[own][:, own])


def test_items_that_nobody_consumed_together_have_no_system():
    log = Interactions.from_frame(pl.DataFrame({"user_id": range(9), "item_id": range(9)}))
    assert not list(DenseGram.of(log, "cpu").systems(3, slim.L1))


def test_a_catalogue_too_large_for_the_matrix_is_known():
    assert DenseGram.fits(31_000)
    assert not DenseGram.fits(np.int64(41_000))
