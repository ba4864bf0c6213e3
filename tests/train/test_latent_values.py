"""Thresholds, noise and user noise precision are recovered; latent values stay in range."""

import numpy as np
import pytest
import torch
from scipy.stats import truncnorm

from conv4rec.model.sparse import SparsePattern
from conv4rec.train.latent_values import PROPOSALS, Latent

N_USERS, EACH = 60, 80
THRESHOLDS = torch.tensor([-1.6, -0.8, 0.0, 0.2, 1.0])
START = torch.tensor(
    [-2.0, -1.2, -0.4, 0.0, 0.4, 1.6]
)  # the second and the last threshold are fixed at their true values


def simulate(
    noise: float, user_precision: np.ndarray, seed: int = 0
) -> tuple[Latent, torch.Tensor]:
    """Ratings drawn around given means: their sampler, and the means."""
    rng = np.random.default_rng(seed)
    pattern = SparsePattern(
        torch.arange(N_USERS + 1) * EACH, torch.arange(EACH).repeat(N_USERS), EACH
    )
    mean = torch.from_numpy(rng.standard_normal(N_USERS * EACH)).float()
    spread = 1 / np.sqrt(noise * np.repeat(user_precision, EACH))
    x = mean + torch.from_numpy(rng.standard_normal(len(mean)) * spread)
    return Latent(pattern, torch.bucketize(x.float(), THRESHOLDS), START), mean


def test_thresholds_and_noise_are_recovered():
    latent, mean = simulate(4.0, np.ones(N_USERS))
    rng, found, accepted = np.random.default_rng(1), [], 0
    for sweep in range(300):
        accepted += latent.draw_scale(mean, rng, adapt=sweep < 60)[1]
        found.append(torch.cat([latent.thresholds, torch.tensor([latent.noise])]))
    center, spread = torch.stack(found[100:]).mean(0), torch.stack(found[100:]).std(0)
    expected = torch.cat([THRESHOLDS.double(), torch.tensor([4.0]).double()])
    assert ((center - expected).abs() < 4 * spread + 1e-6).all()
    assert (spread[:-1] == 0).sum() == 2  # two are fixed
    assert 0.2 < accepted / (300 * PROPOSALS) < 0.7


def test_two_levels_leave_no_free_threshold():
    pattern = SparsePattern(torch.tensor([0, 4]), torch.arange(4), 4)
    latent = Latent(pattern, torch.tensor([0, 1, 1, 0]), torch.tensor([-1.0, 1.0]))
    assert latent.draw_scale(torch.zeros(4), np.random.default_rng(0), True)[1] == 0
    assert latent.thresholds.tolist() == [0.0]


@pytest.mark.parametrize("n_levels", range(2, 12))
def test_levels_may_be_few_many_or_never_given(n_levels):
    pattern = SparsePattern(torch.tensor([0, 6]), torch.arange(6), 6)
    levels = torch.tensor([0, 0, 0, 0, 1, 1])
    latent = Latent(pattern, levels, torch.linspace(-2, 2, n_levels))
    rng, mean = np.random.default_rng(0), torch.zeros(6)
    for sweep in range(20):
        log_p, _ = latent.draw_scale(mean, rng, sweep < 10)
        latent.draw_user_precision(mean, log_p, 4.0, rng)
        assert torch.isfinite(latent.draw_values(mean, rng)[0]).all()
    assert (latent.thresholds.diff() > 0).all()


def test_latent_values_are_truncated_normals():
    latent, mean = simulate(2.0, np.ones(N_USERS))
    latent.noise, rng = 2.0, np.random.default_rng(3)
    draws = torch.stack([latent.draw_values(mean, rng)[0] - mean for _ in range(400)]).numpy()
    edges = np.concatenate([[-np.inf], latent.thresholds.numpy(), [np.inf]])
    for entry in range(0, len(mean), 577):
        level, m = int(latent.levels[entry]), float(mean[entry])
        interval = (edges[level] - m, edges[level + 1] - m)
        assert (draws[:, entry] >= interval[0] - 1e-6).all()
        assert (draws[:, entry] <= interval[1] + 1e-6).all()
        expected = truncnorm(*(np.array(interval) * 2**0.5), scale=2**-0.5)
        assert draws[:, entry].mean() == pytest.approx(expected.mean(), abs=5 * expected.std() / 20)


def test_users_who_rate_at_random_have_a_low_noise_precision():
    user_precision = np.where(np.arange(N_USERS) % 2, 3.0, 0.3)
    latent, mean = simulate(4.0, user_precision)
    rng, total = np.random.default_rng(1), 0.0
    for sweep in range(150):
        log_p, _ = latent.draw_scale(mean, rng, sweep < 50)
        latent.draw_user_precision(mean, log_p, 1.0, rng)
        total += latent.user_precision.numpy() * (sweep >= 50)
    assert total[user_precision > 1].mean() > 4 * total[user_precision < 1].mean()


def test_a_threshold_next_to_a_level_that_nobody_gave_does_not_drift():
    """The ratings have no information about it, its prior has."""
    rng = np.random.default_rng(0)
    pattern = SparsePattern(
        torch.arange(N_USERS + 1) * EACH, torch.arange(EACH).repeat(N_USERS), EACH
    )
    levels = torch.from_numpy(rng.integers(2, 5, N_USERS * EACH))  # of 0 to 4
    latent = Latent(pattern, levels, torch.linspace(-2.0, 2.0, 5))
    mean, lowest = torch.zeros(N_USERS * EACH), []
    for sweep in range(600):
        latent.draw_scale(mean, rng, adapt=sweep < 60 and sweep % 5 == 0)
        lowest.append(float(latent.thresholds[0]))
    assert min(lowest) > -20
    assert abs(np.mean(lowest[300:]) - np.mean(lowest[100:300])) < 6
