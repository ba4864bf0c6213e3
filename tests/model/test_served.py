"""The served model is the network with its components added, and the network alone without."""

import pytest
import torch

from conv4rec.model import ServedConfig, ServedModel
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.slim import SLIM

N_USERS, N_ITEMS, N_LEVELS = 7, 11, 5


@pytest.fixture
def parts(make_network, make_history):
    network, side = make_network()
    network = network.requires_grad_(False)
    g = torch.Generator().manual_seed(0)
    slim = SLIM(N_ITEMS, 3)
    slim.get_buffer("items").random_(0, N_ITEMS, generator=g)
    for table in slim.parameters():
        table.exponential_(generator=g)
    mf = BayesianMF(N_ITEMS, N_LEVELS, 2, 3, 2)
    for table in mf.parameters():
        table.normal_(generator=g).abs_()
    mf.precision.copy_(torch.eye(3))
    mf.response_style_precision.copy_(torch.eye(N_LEVELS))
    mf.thresholds.copy_(torch.linspace(-1, 1, N_LEVELS - 1))
    mf.share.fill_(0.5)
    history = make_history(N_USERS, N_ITEMS, N_LEVELS)
    return network, slim.double(), mf.double(), history, side


def test_consume_logits_are_the_sum_of_network_and_slim(parts):
    network, slim, _, history, side = parts
    model = ServedModel(network, slim)
    expected = network.consume_logits(network.encode(history, side))
    expected = expected + slim.score(history.pattern, history.observed)
    torch.testing.assert_close(model.consume_logits(model.encode(history, side)), expected)


def test_ratings_are_the_mixture_of_network_and_bayesian_mf(parts):
    network, _, mf, history, side = parts
    model = ServedModel(network, None, mf)
    encoding = model.encode(history, side)
    logits = network.all_rating_logits(network.encode(history, side))
    encoded = mf.encode(history)
    style, ratio = mf.response_style(encoded)[:, None], mf.uncertainty_ratio
    expected = mf.mix(logits, mf.score_all(encoded), style, ratio)
    torch.testing.assert_close(model.all_rating_probabilities(encoding), expected.exp())
    users, items = torch.tensor([0, 6, 3]), torch.tensor([10, 2, 2])
    pairs = model.rating_logits(encoding, users, items)
    torch.testing.assert_close(pairs, expected[users, items])
    whole, some = model.all_rated(encoding)[1], model.rated(encoding, users, items)[1]
    torch.testing.assert_close(some.mean, whole.mean[users, items])
    torch.testing.assert_close(some.standard_error, whole.standard_error[users, items])


def test_the_neural_component_is_the_network_alone(parts):
    network, slim, mf, history, side = parts
    alone = ServedModel(network, slim, mf).neural_component()
    encoding, expected = alone.encode(history, side), network.encode(history, side)
    assert torch.equal(alone.consume_logits(encoding), network.consume_logits(expected))
    logits = network.all_rating_logits(expected)
    torch.testing.assert_close(alone.all_rating_probabilities(encoding), logits.softmax(2))
    assert alone.all_rated(encoding)[1] is None


def test_without_ratings_no_user_is_solved(parts, monkeypatch):
    network, slim, mf, history, side = parts
    monkeypatch.setattr(BayesianMF, "encode", lambda *_: pytest.fail("users were solved"))
    model = ServedModel(network, slim, mf)
    assert model.encode(history, side, with_ratings=False).user_posterior is None


@pytest.mark.parametrize("with_slim", [True, False])
@pytest.mark.parametrize("with_mf", [True, False])
def test_a_model_for_loading_has_the_shapes_of_its_configuration(parts, with_slim, with_mf):
    network, slim, mf, history, side = parts
    network.rater_in = None  # a served network has none
    model = ServedModel(network, slim if with_slim else None, mf if with_mf else None)
    sizes = (3 if with_slim else 0, *((2, 3, 2) if with_mf else (0, 0, 0)))
    assert model.config == ServedConfig(*sizes)
    loaded = ServedModel.for_loading(network.config, model.config)
    loaded.load_state_dict(model.state_dict(), strict=True, assign=True)
    for ask in (ServedModel.consume_logits, ServedModel.all_rating_probabilities):
        ours, theirs = (ask(each, each.encode(history, side)) for each in (model, loaded))
        torch.testing.assert_close(ours, theirs)


def test_pairs_of_one_history_are_read_as_among_many(parts):
    network, _, mf, history, side = parts
    model, user = ServedModel(network, None, mf), 2
    many = model.encode(history, side)
    posterior = many.user_posterior
    assert posterior is not None
    alone = model.encode(
        history.of_rows(torch.tensor([user])), side, user_posterior=posterior[[user]]
    )
    items = torch.tensor([3, 0, 3, 10])
    (logits, latent), (own_logits, own_latent) = (
        model.rated(encoding, torch.full((4,), row), items)
        for encoding, row in ((many, user), (alone, 0))
    )
    assert latent is not None
    assert own_latent is not None
    torch.testing.assert_close(own_logits, logits)
    torch.testing.assert_close(own_latent.mean, latent.mean)
    torch.testing.assert_close(own_latent.standard_error, latent.standard_error)
