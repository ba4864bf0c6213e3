"""The rating side's norms are those of the trained network, chain by chain."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from conv4rec import Conv4Rec
from conv4rec.model.history import PRIOR_COUNT
from conv4rec.recommender.guarantees.network_norms import reference_network
from conv4rec.recommender.guarantees.rating_norms import rating_norms, rating_weights

SMALL = {"n_steps": 12, "consume_size": 8, "rate_size": 4, "consume_reg_factors": (1.0,)}


def by_chains(model, log):
    """Each chain's logits in dense matrices: chains x users x items x levels."""
    network = model.scoring_.network
    encoding, _ = model.scoring_.encode(log, np.arange(log.n_users))
    weights, n, n_types = rating_weights(network, encoding), log.n_items, log.n_levels + 1
    means = encoding.item_mean.double().numpy()
    prior = float(network.shrinkage[0].exp())
    levels = np.where(log.level_numbers < 0, log.n_levels, log.level_numbers)
    encode = weights.encoder.shape[1] // n
    encoder = weights.encoder.reshape(-1, encode, n)
    centred = network.config.centred
    logits = np.zeros((6, log.n_users, n, log.n_levels))
    for user in range(log.n_users):
        cells = slice(log.starts[user], log.starts[user + 1])
        observed = np.zeros((n, n_types))
        observed[log.item_numbers[cells], levels[cells]] = 1.0
        rated = observed[:, :-1].sum(1)
        share = observed[:, :-1].sum(0) / (rated.sum() + prior)
        consume_input = observed @ weights.kernel_in.T
        centring = np.zeros_like(consume_input)
        centring[:, 1:] = -means * rated[:, None]
        for number, channels in enumerate((consume_input, centring)):
            contribution = channels[:, :encode].copy()
            if centred:
                mean = (channels * rated[:, None]).sum(0)[:encode] / (rated.sum() + prior)
                contribution[:, 1:] -= rated[:, None] * mean[1:]
            elif number == 1:
                contribution[:] = 0
            latent = np.einsum("dcn,nc->d", encoder, contribution) / np.sqrt(
                observed.sum() + PRIOR_COUNT
            )
            logits[number, user] = weights.decoder @ latent @ weights.kernel_out.T
        logits[2, user] = weights.offsets.T @ weights.kernel_out.T
        generous = weights.user_map @ (weights.kernel_in[1:, :-1] @ share)
        logits[3, user] = weights.kernel_out @ generous
        centring_mean = -means.T @ (rated / (rated.sum() + prior))
        logits[4, user] = weights.kernel_out @ (weights.user_map @ centring_mean)
        logits[5, user] = weights.level_bias[:, 0]
    return logits


@pytest.fixture(scope="module", params=["default", "paper"])
def model(request, mixed):
    return Conv4Rec(preset=request.param, seed=1, mf_draws=0, **SMALL).fit(mixed)


def test_the_chains_add_up_to_the_trained_ratings(mixed, model):
    encoding, _ = model.scoring_.encode(mixed, np.arange(mixed.n_users))
    wanted = np.log(model.scoring_.all_rating_probabilities(encoding).astype(np.float64))
    found = log_softmax(by_chains(model, mixed).sum(axis=0), axis=-1)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_spread_of_each_chain_is_within_its_norms(mixed, model):
    norms = rating_norms(model)
    chains = list(norms.chains)
    logits = by_chains(model, mixed)
    if len(chains) == 5:  # the paper's network centres nothing: no second chain
        assert np.abs(logits[1]).max() == 0
        logits = logits[[0, 2, 3, 4, 5]]
    for chain, added in zip(chains, logits, strict=True):
        spread = added.max(axis=-1) - added.min(axis=-1)
        assert spread.max() <= chain.spread
        assert spread.max() > 0
        assert np.linalg.norm(added, axis=-1).max() <= chain.logit_norm * (1 + 1e-9)
    assert norms.n_outputs == mixed.n_levels
    assert norms.n_softmaxes == mixed.n_items


def test_the_decoder_norm_is_the_largest_of_the_items(mixed, model):
    encoding, _ = model.scoring_.encode(mixed, np.array([0]))
    blocks = rating_weights(model.scoring_.network, encoding).decoder
    by_name = {layer.name: layer for layer in rating_norms(model).layers}
    stretches = [np.linalg.norm(block, 2) for block in blocks]
    assert by_name["1. decoder"].spectral_norm == pytest.approx(max(stretches))
    offsets = rating_weights(model.scoring_.network, encoding).offsets
    largest = max(np.linalg.norm(column) for column in offsets.T)
    assert next(v for k, v in by_name.items() if k.endswith(". offsets")).spectral_norm == (
        pytest.approx(largest)
    )


def test_no_rating_loses_more_than_the_range(mixed, model):
    p = model.scoring_.all_rating_probabilities(
        model.scoring_.encode(mixed, np.arange(mixed.n_users))[0]
    )
    assert -np.log(p.min()) <= rating_norms(model).loss_range


def test_a_rating_layer_moves_no_loss_faster_than_its_sensitivity(mixed):
    """Perturb each trained table at random and along the gradient; compare every user's losses."""
    model = Conv4Rec(seed=0, **SMALL).fit(mixed)
    network = model.scoring_.network
    everyone = np.arange(mixed.n_users)
    steepness = {layer.name: 0.0 for layer in rating_norms(model).layers}
    for chain in rating_norms(model).chains:
        for layer, each in zip(chain.layers, chain.sensitivities(), strict=True):
            steepness[layer.name] = each
    scale = 3.0 / np.sqrt(network.rate_out.shape[2])  # a step of the table is one of the decoder
    tables = {
        "rate_in": steepness["1. encoder"] + steepness["2. encoder of ratings"],
        "rate_out": scale * (steepness["1. decoder"] + steepness["2. decoder"]),
        "rate_bias": steepness["3. offsets"],
        "level_bias": steepness["6. level_bias"],
    }

    def losses():
        encoding, _ = model.scoring_.encode(mixed, everyone)
        return -np.log(model.scoring_.all_rating_probabilities(encoding).astype(np.float64))

    before, rng = losses(), torch.Generator().manual_seed(0)
    for name, limit in tables.items():
        table = getattr(network, name)
        kept, best = table.clone(), 0.0
        step = torch.randn(table.shape, generator=rng)
        for _ in range(30):
            tried = step + torch.randn(table.shape, generator=rng) * step.abs().mean()
            tried *= 0.01 / tried.norm()
            table.copy_(kept + tried)
            rise = float(np.abs(losses() - before).max()) / 0.01
            if rise > best:
                best, step = rise, tried
        table.copy_(kept)
        assert 0 < best <= limit * 1.02, name


def test_every_weight_that_a_rating_depends_on_is_counted(fitted_model):
    network, config = fitted_model.scoring_.network, fitted_model.scoring_.network.config
    counted = {layer.name: layer.n_parameters for layer in rating_norms(fitted_model).layers}
    assert counted["1. kernel_in"] == network.kernel_in.numel()
    assert counted["1. encoder"] == network.rate_in.numel()
    assert counted["1. decoder"] == network.rate_out.numel()
    assert counted["1. kernel_out"] == network.kernel_out.numel()
    assert counted["3. offsets"] == network.rate_bias.numel()
    assert counted["4. user_map"] == network.from_user_mean.numel()
    assert counted["6. level_bias"] == config.n_levels
    assert rating_norms(fitted_model).union_cost == pytest.approx(32 * np.log(2))


def test_rating_distances_are_from_a_point_independent_of_the_data(mixed):
    few_steps = Conv4Rec(**SMALL, rate_steps_ratio=0.5).fit(mixed)  # so that it is near its start
    network = few_steps.scoring_.network
    trained = few_steps.fitted_.trained
    start = rating_weights(reference_network(trained, network.config, few_steps.seed))
    assert np.abs(start.offsets).max() == np.abs(start.level_bias).max() == 0
    first = {layer.name: layer for layer in rating_norms(few_steps).chains[0].layers}
    moved = (
        network.rate_in.double().numpy().transpose(0, 1, 2).reshape(-1, network.rate_in.shape[2]).T
        - start.encoder
    )
    assert first["1. encoder"].frobenius_distance == pytest.approx(np.linalg.norm(moved))
    assert np.linalg.norm(moved) < 0.5 * np.linalg.norm(start.encoder)  # it is this model's start


def test_one_level_has_no_bound_on_ratings(mixed):
    frame = mixed.to_frame().with_columns(rating=1.0)
    model = Conv4Rec(**SMALL).fit(frame)
    assert rating_norms(model) is None
