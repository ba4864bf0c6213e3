"""The norms are those of the trained network: its logits are the sum of the chains."""

import numpy as np
import pytest
import torch

from conv4rec import Conv4Rec
from conv4rec.data.synthetic import low_rank_world
from conv4rec.model.history import PRIOR_COUNT
from conv4rec.recommender.guarantees.bounds import all_bounds
from conv4rec.recommender.guarantees.generalization_gap import measured_gaps
from conv4rec.recommender.guarantees.network_norms import (
    network_norms,
    reference_weights,
    weights_of,
)

SMALL = {
    **{"n_steps": 12, "consume_size": 8, "rate_size": 4, "consume_reg_factors": (1.0,)},
    **{"mf_sweeps": 20, "mf_draws": 4},
}


def by_chains(model, log):
    """The consume logits of the three chains in dense matrices: kernel, item means, biases."""
    network = model.scoring_.network
    weights, n, n_types = weights_of(network), log.n_items, log.n_levels + 1
    kernel = network.consume_kernel[:, : len(network.consume_in)]
    means = network.item_mean(model.scoring_.item_side.type_counts, kernel).double().numpy()
    prior = float(network.shrinkage[0].exp())
    levels = np.where(log.level_numbers < 0, log.n_levels, log.level_numbers)
    encoder = weights.encoder.reshape(len(weights.encoder), -1, n)  # size x channels x items
    logits = np.zeros((log.n_users, n))
    for user in range(log.n_users):
        cells = slice(log.starts[user], log.starts[user + 1])
        observed = np.zeros((n, n_types))
        observed[log.item_numbers[cells], levels[cells]] = 1.0
        rated = observed[:, :-1].sum(1)
        channels = observed @ weights.kernel.T
        for c in range(1, channels.shape[1]):
            excess = channels[:, c] * (1 - observed[:, -1]) - means[:, c - 1] * rated
            excess -= rated * excess.sum() / (rated.sum() + prior)
            channels[:, c] = excess + observed[:, -1] * weights.kernel[c, -1]
        latent = np.einsum("dcn,nc->d", encoder, channels) / np.sqrt(observed.sum() + PRIOR_COUNT)
        logits[user] = weights.decoder @ latent + weights.bias[:, 0]
    return logits


def test_the_chains_add_up_to_the_trained_logits(mixed, fitted_model):
    encoding, _ = fitted_model.scoring_.encode(mixed, np.arange(mixed.n_users))
    logits = fitted_model.scoring_.network.consume_logits(encoding).double().numpy()
    logits -= logits.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(by_chains(fitted_model, mixed), logits, atol=1e-4)


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_the_spread_of_the_logits_is_within_the_norms(mixed, preset):
    model = Conv4Rec(preset=preset, seed=1, **SMALL).fit(mixed)
    norms = network_norms(model)
    assert len(norms.chains) == 3  # observed types, centring, popularity
    encoding, _ = model.scoring_.encode(mixed, np.arange(mixed.n_users))
    logits = model.scoring_.network.consume_logits(encoding).double().numpy()
    spread = sum(chain.spread for chain in norms.chains)
    assert (logits.max(axis=1) - logits.min(axis=1)).max() <= spread
    assert norms.loss_range == pytest.approx(np.log(mixed.n_items) + spread)


def test_every_trained_weight_of_the_consume_side_is_counted(fitted_model):
    network = fitted_model.scoring_.network
    counted = {layer.name: layer.n_parameters for layer in network_norms(fitted_model).layers}
    channels, n, size = network.consume_in.shape
    assert counted["kernel_in"] == channels * len(network.kernel_in)
    assert counted["consume_in"] == channels * n * size
    assert counted["consume_out"] == n * size
    assert counted["consume_bias"] == n
    assert counted["item means"] == n * (channels - 1)
    paid = network_norms(fitted_model).union_cost  # the prior of the users' means: 32 bits
    assert paid == pytest.approx(32 * np.log(2))


def test_distances_are_from_a_point_independent_of_the_data(mixed, fitted_model):
    """The spectral start depends on the log, so it must not be the reference."""
    weights = weights_of(fitted_model.scoring_.network)
    by_name = {layer.name: layer for layer in network_norms(fitted_model).layers}
    decoder = np.linalg.norm(weights.decoder)
    assert by_name["consume_out"].frobenius_distance == pytest.approx(decoder)
    free = Conv4Rec(seed=3, spectral_init=0.0, ridge_rank=0, **SMALL).fit(mixed)
    shapes = (free.fitted_.trained, free.scoring_.network.config)
    start = reference_weights(*shapes, 3, spectral=False)
    again = reference_weights(*shapes, 3, spectral=False)
    np.testing.assert_array_equal(start.encoder, again.encoder)
    moved = np.linalg.norm(weights_of(free.scoring_.network).encoder - start.encoder)
    other = reference_weights(*shapes, 4, spectral=False)
    assert moved < 0.5 * np.linalg.norm(weights_of(free.scoring_.network).encoder - other.encoder)


def test_the_users_mean_only_ever_shrinks_what_it_centres():
    """r -> r - 1 (1·r) / (n + prior) has all singular values in [0, 1], for every n and prior."""
    for n in (1, 2, 7, 40):
        for prior in (1e-6, 1.0, 50.0):
            values = np.linalg.svd(np.eye(n) - np.ones((n, n)) / (n + prior), compute_uv=False)
            assert values.max() <= 1 + 1e-12


def test_every_bound_is_at_least_the_measured_gap(trained, new_users):
    gaps = measured_gaps(trained, new_users)
    lines = all_bounds(trained, gaps)
    assert len(lines) == 17
    neural = [line for line in lines if line.unit == "nats"]
    assert {line.side for line in neural} == set(gaps) == {"consume", "rating"}
    assert all(line.n == 120 for line in neural)
    assert all(line.value >= gaps[line.side].value for line in neural)
    named = {line.name: line for line in lines}
    kernels = {"consume": "layer_log_cover: kernel_in", "rating": "layer_log_cover: 1. kernel_out"}
    for side, kernel in kernels.items():
        for kind in ("parameter count", "norms"):
            once, each = (named[f"{side}: {kind}, kernel counted {how}"]
                          for how in ("once", "per item"))  # fmt: skip
            assert once.value <= each.value
            if kind == "parameter count":
                assert each.terms[kernel] > 10 * once.terms[kernel]


@pytest.mark.parametrize("seed", range(8))
def test_every_bound_is_at_least_the_gap_whatever_the_world(seed):
    """Worlds, sizes and lengths of training drawn at random; some users have few ratings."""
    rng = np.random.default_rng(seed)
    n_users, n_items = rng.integers(30, 120), rng.integers(12, 60)
    world = low_rank_world(2 * n_users, n_items, rank=int(rng.integers(1, 5)), seed=seed)
    log = world.sample(int(rng.integers(4, 12)), rng)
    settings = {**SMALL, "n_steps": int(rng.integers(5, 60)), "learning_rate": 0.05}
    model = Conv4Rec(seed=seed, **settings).fit(log.take_users(np.arange(n_users)))
    gaps = measured_gaps(model, log.take_users(np.arange(n_users, 2 * n_users)))
    lines = [line for line in all_bounds(model, gaps) if line.unit == "nats"]
    assert len(lines) == 16
    assert all(line.value >= gaps[line.side].value for line in lines)


def test_the_outputs_of_each_side_are_its_own(trained):
    trivial = {line.name: line.trivial for line in all_bounds(trained)}
    assert trivial["consume: norms, kernel counted once"] == pytest.approx(np.log(50))
    assert trivial["rating: norms, kernel counted once"] == pytest.approx(np.log(5))


def test_larger_weights_never_tighten_a_bound(mixed):
    model = Conv4Rec(seed=0, **SMALL).fit(mixed)
    before = all_bounds(model)
    with torch.no_grad():
        model.scoring_.network.consume_out.mul_(2.0)
    after = all_bounds(model)
    pairs = list(zip(before, after, strict=True))[:8]
    assert all(new.value >= old.value for old, new in pairs)
    plain = [(old, new) for old, new in pairs if "smoothed" not in old.name]
    assert all(new.value > old.value for old, new in plain)
