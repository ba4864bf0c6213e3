"""One history is solved in NumPy, several in torch: the posterior is the same."""

from pathlib import Path

import numpy as np
import pytest
import torch

from conv4rec import Conv4Rec
from conv4rec.model.posterior_draws import AVERAGED
from conv4rec.train.batches import Batches

MODEL = Path(__file__).parents[1] / "golden" / "schema-3" / "model"


@pytest.fixture(scope="module")
def golden():
    return Conv4Rec.load(MODEL)


def both(model, history):
    mf = model.scoring_.model.bayesian_mf
    with torch.no_grad():
        return mf.encode(history), mf.encode_many(history)


@pytest.mark.parametrize("user", [0, 1, 2, 7])
def test_one_user_is_solved_as_among_many(golden, user):
    own = golden.interactions_.take_users(np.array([user]))
    one, many = both(golden, Batches.from_interactions(own).whole)
    torch.testing.assert_close(one, many, rtol=1e-4, atol=1e-5)


def test_entries_that_are_masked_or_not_rated_are_no_ratings(golden):
    log = golden.interactions_
    history = Batches.from_interactions(log.take_users(np.array([3]))).whole
    history.types[0] = log.n_levels
    history.observed[1] = 0.0
    one, many = both(golden, history)
    torch.testing.assert_close(one, many, rtol=1e-4, atol=1e-5)
    history.types[:] = log.n_levels  # nothing is rated: the prior alone
    one, many = both(golden, history)
    torch.testing.assert_close(one, many, rtol=1e-4, atol=1e-5)


def test_later_draws_start_from_the_mean_of_several(mixed, small):
    """As many draws as make three groups: the first, those averaged, and the rest."""
    model = Conv4Rec(**{**small, "mf_draws": 9, "mf_sweeps": 24}).fit(mixed)
    assert len(model.scoring_.model.bayesian_mf.items) > AVERAGED[-1]
    for user in (0, 5):
        own = mixed.take_users(np.array([user]))
        one, many = both(model, Batches.from_interactions(own).whole)
        torch.testing.assert_close(one, many, rtol=1e-4, atol=1e-5)
