"""The Gibbs sampler leaves the joint distribution of parameters and ratings unchanged.

Parameters are drawn from the prior, ratings given the parameters, and then a few sweeps are run
from the parameters that made the ratings. If every conditional is right, the parameters after the
sweeps have the prior distribution again, whatever the mixing (Geweke, "Getting it right: joint
distribution tests of posterior simulators", JASA 2004, with independent replicates).
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.stats import wishart

from conv4rec.train import factor_draws
from conv4rec.train.factor_draws import CONSTANT_RIDGE, NU_GRID, PRIOR_ROWS, Side
from conv4rec.train.gibbs import FIRST_SWEEPS, Chain
from conv4rec.train.latent_values import WIDE, Latent

N_USERS, N_ITEMS, SIZE, N_FEATURES = 5, 4, 2, 2
START = torch.tensor([-1.5, -0.5, 0.5, 1.5])  # of four levels: the first and last threshold fixed
FREE = [1, 3]  # the second threshold, and the noise
EXTRA_FREEDOM = 8  # the sampler has 0, with which the factors of a small world have infinite mean
N_REPLICATES, N_SWEEPS = 500, 5


@dataclass
class World:
    """Which cells are rated, and the features: the same in all replicates."""

    rated: sparse.csr_array
    of_users: np.ndarray
    of_items: np.ndarray


@pytest.fixture(scope="module")
def world() -> World:
    rng = np.random.default_rng(0)
    cells = np.ones((N_USERS, N_ITEMS)) * (rng.random((N_USERS, N_ITEMS)) < 0.8)
    features = (0.5 * rng.standard_normal((n, N_FEATURES)) for n in (N_USERS, N_ITEMS))
    return World(sparse.csr_array(cells), *features)


def draw_side(matrix: sparse.csr_array, features: np.ndarray, rng: np.random.Generator) -> Side:
    """Ridge, precision, B and factors from their priors."""
    side = Side.start(matrix, features, SIZE, rng)
    side.ridge = float(rng.exponential(PRIOR_ROWS))
    precision = wishart(SIZE + EXTRA_FREEDOM, np.eye(SIZE)).rvs(random_state=rng)
    root = np.linalg.inv(np.linalg.cholesky(precision))  # root' root is the covariance
    ridge = np.array([CONSTANT_RIDGE, *[side.ridge] * N_FEATURES])
    b = rng.standard_normal((1 + N_FEATURES, SIZE)) / np.sqrt(ridge)[:, None] @ root
    factors = side.features.numpy() @ b + rng.standard_normal(side.factors.shape) @ root
    side.prior, side.precision, side.factors = (
        torch.from_numpy(part).float() for part in (b, precision, factors)
    )
    return side


def draw_chain(world: World, rng: np.random.Generator) -> Chain:
    """Everything from the prior, then ratings: a chain at the parameters that made them."""
    users = draw_side(world.rated, world.of_users, rng)
    items = draw_side(sparse.csr_array(world.rated.T), world.of_items, rng)
    items.order = users.pattern.to_column_order
    zeros = torch.zeros(len(items.order))
    latent = Latent(users.pattern, zeros.long(), START)
    latent.free, latent.proposal_root = FREE, 0.5 * torch.eye(2, dtype=torch.float64)
    low, high = latent.thresholds[[0, 2]].tolist()
    while not low < (middle := WIDE * rng.standard_normal()) < high:
        pass
    latent.thresholds[1], latent.noise = middle, float(rng.exponential())
    chain = Chain(users, items, latent, zeros)
    chain.n_sweeps = FIRST_SWEEPS
    chain.nu = float(rng.choice(NU_GRID))
    w = rng.gamma(chain.nu / 2, 2 / chain.nu, N_USERS)
    latent.user_precision = torch.from_numpy(w).float()
    chain.mean = chain.predicted()
    deviation = 1 / (latent.noise * latent.user_precision).sqrt()[users.pattern.rows]
    x = chain.mean + deviation * torch.from_numpy(rng.standard_normal(len(deviation))).float()
    latent.levels = torch.bucketize(x.double(), latent.thresholds)
    chain.values = x
    return chain


def statistics(chain: Chain) -> dict[str, float]:
    """Functions of the parameters, with logs where tails are heavy."""
    users, items, latent = chain.users, chain.items, chain.latent
    found = {
        "threshold": float(latent.thresholds[1]),
        "log noise": np.log(latent.noise),
        "log nu": np.log(chain.nu),
        "log user noise precision": float(latent.user_precision.log().mean()),
        "its spread": float(latent.user_precision.log().std().log()),
        "mean latent value": float(torch.tanh(chain.mean / 3).mean()),
    }
    for name, side in (("users", users), ("items", items)):
        residual = side.factors - side.features.float() @ side.prior
        found |= {
            f"log ridge of {name}": np.log(side.ridge),
            f"log precision of {name}": float(side.precision.logdet()),
            f"log B of {name}": float(side.prior[1:].square().mean().log()),
            f"log factors of {name}": float(side.factors.square().mean().log()),
            f"log residuals of {name}": float(residual.square().mean().log()),
        }
    return found


def z_scores(world: World) -> dict[str, float]:
    """Mean change of each statistic over the sweeps, in standard errors."""
    rng, changes = np.random.default_rng(1), []
    for _ in range(N_REPLICATES):
        chain = draw_chain(world, rng)
        before = statistics(chain)
        for _ in range(N_SWEEPS):
            chain.sweep(adapt=False, rng=rng)
        after = statistics(chain)
        changes.append([after[name] - before[name] for name in before])
    changes = np.array(changes)
    scores = changes.mean(0) / (changes.std(0) / np.sqrt(N_REPLICATES))
    return dict(zip(before, scores.tolist(), strict=True))


def test_sweeps_keep_the_prior_distribution(world, monkeypatch):
    monkeypatch.setattr(factor_draws, "EXTRA_FREEDOM", EXTRA_FREEDOM)
    monkeypatch.setattr(factor_draws, "few_entries", lambda _: 3)  # some rows have more
    scores = z_scores(world)
    assert max(map(abs, scores.values())) < 4, scores
