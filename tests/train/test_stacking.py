"""Stacking is fitted to what the components have not seen, and helps where a sum does not."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from conv4rec import Conv4Rec
from conv4rec.data.synthetic import low_rank_world
from conv4rec.errors import SavedModelError
from conv4rec.model.stacking import LENGTH
from conv4rec.train import ensemble_scores as scores_module
from conv4rec.train import stacking as module
from conv4rec.train.batches import Batches
from conv4rec.train.ensemble_scores import EnsembleScores, EnsembleWeights, NeuralScores
from conv4rec.train.settings import TrainSettings
from conv4rec.train.slim import fit_slim
from conv4rec.train.stacking import fit_stacking
from conv4rec.train.validation import held_out

SUM = EnsembleWeights(neural=1.0, slim=0.5)
SETTINGS = TrainSettings()


@pytest.fixture(scope="module")
def log():
    return low_rank_world(300, 60, popularity=0.7, seed=5).sample(20, np.random.default_rng(5))


@pytest.fixture(scope="module")
def scores(log):
    """Of a neural component that is far too sure of itself."""
    hidden = held_out(log, 0.1, 0)
    observed = torch.from_numpy(~hidden).float()
    history = replace(Batches.from_interactions(log).whole, observed=observed)
    seen = log.select(~hidden)
    counts = torch.from_numpy(np.bincount(seen.item_numbers, minlength=log.n_items)).float()
    neural = NeuralScores(
        torch.zeros(log.n_users, 2), torch.zeros(log.n_items, 2),
        3.0 * counts.log1p(), torch.ones(log.n_levels + 1),
    )  # fmt: skip
    return EnsembleScores(neural, None, fit_slim(seen, 20), history, SUM)


def nll(scores, stacking):
    total, slim_part = scores.weighted(SUM), scores.slim_part(SUM)
    if stacking is not None:
        n_consumed = scores.part.pattern.row_starts.diff().float()
        stacking.corrected(total, slim_part, n_consumed)
    return scores.cells.nll(total)


def test_gradients_are_those_of_the_likelihood(scores):
    """Against automatic differentiation of the formula in `conv4rec.model.stacking`."""
    rng = np.random.default_rng(0)
    found = module._candidates(scores, SUM, 0.5, rng)
    stacking = module._start(found, scores.popularity(), 3, 0).double()
    for p in (stacking.linear, stacking.bias, stacking.out):
        p.copy_(torch.from_numpy(rng.normal(size=p.shape)))
    parts = {name: value.double() for name, value in vars(found).items() if name != "masked"}
    found = replace(found, **parts)
    trained = [stacking.linear, stacking.first, stacking.out, stacking.bias]
    for p in trained:
        p.requires_grad_()
    gradients = module._gradients(found, stacking, trained)

    length = found.length[None, :, None].expand(1, *found.masked.shape)
    channels = torch.cat([found.channels, length])
    cut = (channels.permute(1, 2, 0).clamp(*stacking.range) - stacking.mean) / stacking.deviation
    inner = cut @ stacking.first.T + stacking.bias
    bent = torch.where(inner > 1, inner, ((inner.clamp(-1, 1) + 1) / 2).square())
    score = found.channels[0] + cut @ stacking.linear + bent @ stacking.out
    log_p = torch.log_softmax(score + found.log_weights, 1)
    weights = (found.masked * found.weight[:, None])[found.masked]
    loss = -(weights * log_p[found.masked]).sum() / weights.sum()
    expected = torch.autograd.grad(loss, trained)
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-8, atol=1e-10)


def test_a_sum_that_is_too_sure_is_bent_down(scores):
    found = fit_stacking(scores, SUM, SETTINGS, 0)
    assert found is not None
    assert nll(scores, found) < nll(scores, None) - 0.1
    assert not any(p.requires_grad for p in found.parameters())


def test_the_same_seed_gives_the_same_weights(scores):
    first, same, other = (fit_stacking(scores, SUM, SETTINGS, seed) for seed in (0, 0, 1))
    assert first is not None
    assert same is not None
    assert other is not None
    assert all(a.equal(b) for a, b in zip(first.parameters(), same.parameters(), strict=True))
    assert not first.out.equal(other.out)


def test_a_part_of_the_correction_is_kept(scores, monkeypatch):
    share, part = module.KEPT, fit_stacking(scores, SUM, SETTINGS, 0)
    monkeypatch.setattr(module, "KEPT", 1.0)
    whole = fit_stacking(scores, SUM, SETTINGS, 0)
    total, slim_part = scores.weighted(SUM), scores.slim_part(SUM)
    n_consumed = scores.part.pattern.row_starts.diff().float()
    corrections = [
        found.corrected(total.clone(), slim_part, n_consumed) - total for found in (part, whole)
    ]
    torch.testing.assert_close(corrections[0], share * corrections[1], rtol=1e-4, atol=1e-4)
    assert corrections[1].abs().max() > 0.1
    assert nll(scores, whole) < nll(scores, part) < nll(scores, None)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_users_count_as_in_the_consume_loss(scores, power):
    found = module._candidates(scores, SUM, power, np.random.default_rng(0))
    correction = torch.zeros_like(found.log_weights, requires_grad=True)
    losses, weights = [], []
    for user in range(len(found.length)):
        scored = (found.channels[0] + found.log_weights + correction)[user]
        log_p = torch.log_softmax(scored, 0)[found.masked[user]]
        losses += list(-log_p)
        weights += [len(log_p) ** -power] * len(log_p)
    loss = (torch.stack(losses) * torch.tensor(weights)).sum() / sum(weights)
    (expected,) = torch.autograd.grad(loss, correction)
    found = found.slope(torch.zeros_like(correction))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-7)


def test_a_high_penalty_leaves_the_sum_nearly_alone(scores, monkeypatch):
    plain = fit_stacking(scores, SUM, SETTINGS, 0)
    monkeypatch.setattr(module, "PENALTY", 1e6)
    held = fit_stacking(scores, SUM, SETTINGS, 0)
    for name in ("linear", "out"):
        sizes = [float(getattr(found, name).abs().max()) for found in (held, plain)]
        assert sizes[0] < 0.1 * sizes[1]


def test_the_weight_of_users_is_that_of_the_settings(scores):
    found = [
        fit_stacking(scores, SUM, TrainSettings(user_weight_power=power), 0) for power in (0.0, 1.0)
    ]
    assert all(one is not None for one in found)
    assert not found[0].out.equal(found[1].out)


def test_rounding_moves_the_scores_as_little(scores):
    """Two processes add up in another order than one."""
    corrected = []
    for noise in (0.0, 1e-7):
        rounded = copy.copy(scores)
        rng = torch.Generator().manual_seed(0)
        rounded.neural = scores.neural * (
            1 + noise * torch.randn(scores.neural.shape, generator=rng)
        )
        total, slim_part = scores.weighted(SUM), scores.slim_part(SUM)
        n_consumed = scores.part.pattern.row_starts.diff().float()
        found = fit_stacking(rounded, SUM, SETTINGS, 0)
        assert found is not None
        corrected.append(found.corrected(total, slim_part, n_consumed).log_softmax(1))
    assert not corrected[0].equal(corrected[1])
    torch.testing.assert_close(*corrected, rtol=0, atol=1e-3)


def test_a_sample_of_the_other_items_stands_for_all(scores, monkeypatch):
    whole = fit_stacking(scores, SUM, SETTINGS, 0)
    monkeypatch.setattr(module, "LISTED", 5)
    monkeypatch.setattr(module, "SAMPLED", 20)
    sampled = fit_stacking(scores, SUM, SETTINGS, 0)
    assert nll(scores, sampled) == pytest.approx(nll(scores, whole), abs=0.02)


@pytest.mark.parametrize(("listed", "sampled"), [(200, 200), (5, 20), (3, 4)])
def test_candidates_weigh_as_much_as_all_items(scores, monkeypatch, listed, sampled):
    monkeypatch.setattr(module, "LISTED", listed)
    monkeypatch.setattr(module, "SAMPLED", sampled)
    found = module._candidates(scores, SUM, 0.5, np.random.default_rng(0))
    n_observed = scores.part.pattern.row_sums(scores.part.observed)
    weights = found.log_weights.exp()
    torch.testing.assert_close(weights.sum(1), 60 - n_observed)
    torch.testing.assert_close((weights * found.masked).sum(1), scores.cells.n_masked.float())


def test_a_shortlist_of_a_large_log_gives_nearly_the_same(log, scores, monkeypatch):
    whole = fit_stacking(scores, SUM, SETTINGS, 0)
    monkeypatch.setattr(scores_module, "CELLS", 0)
    monkeypatch.setattr(scores_module, "BLOCK_BYTES", 4 * log.n_items * 7)
    monkeypatch.setattr(scores_module, "LISTED", 25)
    monkeypatch.setattr("conv4rec.train.item_sampling.N_ITEMS", 40)
    short = EnsembleScores(scores.of_neural, None, scores.slim, scores.part, SUM)
    assert short.columns is not None
    assert nll(scores, fit_stacking(short, SUM, SETTINGS, 0)) == pytest.approx(
        nll(scores, whole), abs=0.03
    )


def test_with_few_masked_interactions_scores_are_added_up(scores, monkeypatch):
    monkeypatch.setattr(module, "FEWEST", int(scores.cells.n_masked.sum()) + 1)
    assert fit_stacking(scores, SUM, SETTINGS, 0) is None


@pytest.fixture(scope="module")
def model(log):
    found = Conv4Rec(seed=0, n_steps=15, mf_draws=0, slim_neighbours=10).fit(log)
    assert found.scoring_.model.stacking is not None
    return found


def test_the_whole_log_says_how_popular_items_are(log, model):
    counts = torch.from_numpy(np.bincount(log.item_numbers, minlength=log.n_items)).float()
    expected = (counts.log1p() - counts.mean().log1p()).numpy()
    np.testing.assert_allclose(
        model.scoring_.model.stacking.popularity.numpy(), expected, atol=1e-6
    )


def test_it_is_saved_and_loaded_bit_for_bit(model, log, tmp_path):
    model.save(tmp_path / "model")
    same, users = Conv4Rec.load(tmp_path / "model"), log.users.to_series()[:5].to_list()
    assert same.recommend(users, k=5).equals(model.recommend(users, k=5))


@pytest.mark.parametrize(
    ("name", "change"), [("deviation", torch.neg), ("range", lambda t: t.flip(0))]
)
def test_numbers_that_no_training_leaves_are_refused(model, tmp_path, name, change):
    table = getattr(model.scoring_.model.stacking, name)
    original = table.clone()
    table.copy_(change(original))
    try:
        model.save(tmp_path / "model")
    finally:
        table.copy_(original)
    with pytest.raises(SavedModelError, match=f"stacking.{name}"):
        Conv4Rec.load(tmp_path / "model")


def test_without_units_there_is_none(log):
    model = Conv4Rec(seed=0, n_steps=5, mf_draws=0, stacking_units=0).fit(log)
    assert model.scoring_.model.stacking is None


def test_histories_that_are_as_long_as_later_say_nothing(scores):
    """All users have 20 interactions; those that are masked are no sign of a short history."""
    found = fit_stacking(scores, SUM, SETTINGS, 0)
    assert found is not None
    np.testing.assert_allclose(found.range[:, LENGTH].numpy(), np.log1p(20), rtol=1e-6)
