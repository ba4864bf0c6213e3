"""A small world cut by users: a model fitted to one part, and new users."""

import numpy as np
import pytest

from conv4rec import Conv4Rec
from conv4rec.data.synthetic import low_rank_world

SMALL = {
    **{"n_steps": 12, "consume_size": 8, "rate_size": 4, "consume_reg_factors": (1.0,)},
    **{"mf_sweeps": 20, "mf_draws": 4},
}


@pytest.fixture(scope="session")
def people():
    """240 users with 16 of 50 items each."""
    return low_rank_world(240, 50, popularity=0.5, seed=4).sample(16, np.random.default_rng(4))


@pytest.fixture(scope="session")
def trained(people):
    return Conv4Rec(seed=0, **SMALL).fit(people.take_users(np.arange(120)))


@pytest.fixture(scope="session")
def new_users(people):
    return people.take_users(np.arange(120, 240))
