"""Every candidate whose library is installed, fitted once; the others are skipped."""

from functools import cache

import pytest

from conv4rec.benchmark.adapters import ADAPTERS

SMALL = {
    "implicit-als": {"factors": 8},
    "implicit-bpr": {"factors": 8, "learning_rate": 0.05},
    "irspack-ials": {"n_components": 8},
    "elsa": {"n_dims": 16, "epochs": 20, "batch_size": 16},
    "cornac-vaecf": {"batch_size": 16, "learning_rate": 0.01},
    "cornac-recvae": {"hidden_dim": 32, "latent_dim": 8, "n_epochs": 20, "batch_size": 16},
    "surprise-svd": {"n_epochs": 60, "lr_all": 0.02},
    "surprise-svdpp": {"n_epochs": 60, "lr_all": 0.02},
    "myfm": {"rank": 4, "n_iter": 60},
    "myfm-probit": {"rank": 4, "n_iter": 60},
    "cmfrec": {"k": 8, "lambda_": 2.0},
}
"""Settings that fit a small world in a fraction of a second."""

RANKERS = [name for name, candidate in ADAPTERS.items() if "rank" in candidate.tasks]
RATERS = [name for name, candidate in ADAPTERS.items() if "rate" in candidate.tasks]


def make(name: str, **settings):
    """An adapter, not yet fitted; skips the test where its library is not installed."""
    candidate = ADAPTERS[name]
    if not candidate.is_installed():
        pytest.skip(candidate.how_to_install())
    return candidate.make(**{**candidate.defaults, **SMALL.get(name, {}), **settings})


@pytest.fixture(scope="session")
def fitted(mixed):
    """Ask for an adapter fitted to `mixed`: for reading only, as all tests share it."""
    return cache(lambda name: make(name).fit(mixed, seed=0))


def pytest_generate_tests(metafunc):
    """A test that takes a `ranker`, a `rater` or a `peer` runs for each."""
    for argument, names in (("ranker", RANKERS), ("rater", RATERS), ("peer", list(ADAPTERS))):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, names)


@pytest.fixture(scope="session")
def make_peer():
    """The maker of adapters, for tests that fit their own."""
    return make
