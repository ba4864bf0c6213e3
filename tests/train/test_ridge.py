"""The ridge component: its closed form, and the scale of its scores."""

import numpy as np
import pytest
import torch

from conv4rec.train.batches import Batches
from conv4rec.train.ridge import Ridge, user_vectors


def test_ridge_is_the_ridge_regression_on_normalised_histories(mixed):
    rank, penalty = 37, 3.0
    ridge = Ridge.of(mixed, rank, 0)
    x = mixed.to_csr().toarray().astype(float)
    weighted = x * (x.sum(0) + 1.0) ** -0.25
    y = weighted / np.linalg.norm(weighted, axis=1, keepdims=True)
    expected = y @ np.linalg.solve(y.T @ y + penalty * np.eye(len(y.T)), y.T @ x)
    encoder, decoder = ridge.tables(penalty)
    found = (torch.from_numpy(x).float() @ encoder @ decoder.T).numpy()
    for found_row, expected_row in zip(
        found, expected - expected.mean(1, keepdims=True), strict=True
    ):
        found_row = found_row - found_row.mean()
        # The same up to a user's length and the common scale.
        assert np.corrcoef(found_row, expected_row)[0, 1] == pytest.approx(1.0, abs=1e-4)


def test_ridge_scores_are_centred_and_spread_by_one(mixed):
    ridge = Ridge.of(mixed, 8, 0)
    encoder, decoder = ridge.tables(4.0)
    scores = user_vectors(encoder, Batches.from_interactions(mixed).whole) @ decoder.T
    assert float(scores.std(1, correction=0).mean()) == pytest.approx(1.0, rel=1e-4)
    assert float(scores.mean(1).abs().max()) < 1e-4
