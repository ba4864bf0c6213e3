"""Masking, and that masked interactions are predicted without being observed."""

import pytest
import torch
from torch.nn import functional

from conv4rec.data.synthetic import two_tribes
from conv4rec.model.likelihood import consume_log_probabilities
from conv4rec.train import TrainSettings
from conv4rec.train.batches import Batches
from conv4rec.train.initialise import new_network
from conv4rec.train.item_side import ItemSums
from conv4rec.train.objective import MOST, losses, mask_history, rarity_weights, user_weights

SETTINGS = TrainSettings(mask_low=0.2, mask_high=0.6)
SHAPE = {"consume_size": 8, "rate_size": 4}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def random_network(mixed):
    """A network with all weights away from their start."""
    network = new_network(mixed, SHAPE, SETTINGS, seed=0)
    with torch.no_grad():
        for weights in network.parameters():
            weights += 0.2 * torch.randn(weights.shape, generator=generator(1))
    return network.requires_grad_(False)


def test_the_masked_share_is_drawn_for_each_user_between_low_and_high(rng):
    log = two_tribes(50, 4000, crossing=0.4).sample(3000, rng)
    history = mask_history(Batches.from_interactions(log).whole, SETTINGS, generator())
    masked = history.pattern.row_sums(1 - history.observed) / history.pattern.row_starts.diff()
    assert 0.17 < masked.min() < 0.28
    assert 0.52 < masked.max() < 0.63
    again = mask_history(history, SETTINGS, generator())
    other = mask_history(history, SETTINGS, generator(1))
    assert torch.equal(again.observed, history.observed)
    assert not torch.equal(other.observed, history.observed)


def test_a_masked_rating_does_not_change_the_encoding(mixed, with_type, random_network):
    """A model that observes its targets would learn to copy them."""
    users = torch.arange(mixed.n_users)
    history = mask_history(Batches.from_interactions(mixed).whole, SETTINGS, generator())
    masked = torch.nonzero(history.observed == 0).squeeze(1).tolist()
    rated = [e for e in masked if mixed.level_numbers[e] >= 0][:10]
    for entry in rated:
        encodings = []
        for level in (-1, 0, 4):
            batches = Batches.from_interactions(with_type(mixed, entry, level))
            observed = mask_history(batches.whole, SETTINGS, generator())
            side = ItemSums(batches).without_masked(random_network, users, observed)
            encodings.append(random_network.encode(observed, side))
        for other in encodings[1:]:
            for part in ("consume", "rate", "user_mean", "item_mean", "liked"):
                ours, theirs = getattr(encodings[0], part), getattr(other, part)
                assert torch.equal(ours, theirs), part


def test_a_masked_item_changes_its_own_likelihood_alone(mixed, random_network):
    """Masking an entry equals deleting it: not even that it was consumed is observed."""
    whole = Batches.from_interactions(mixed)
    history = mask_history(whole.whole, SETTINGS, generator())
    users = torch.arange(mixed.n_users)
    side = ItemSums(whole).without_masked(random_network, users, history)
    shown = Batches.from_interactions(mixed.select((history.observed > 0).numpy()))
    short_side = ItemSums(shown).without_masked(random_network, users, shown.whole)
    ours = random_network.encode(history, side)
    theirs = random_network.encode(shown.whole, short_side)
    for part in ("consume", "rate", "user_mean", "item_mean", "liked"):
        torch.testing.assert_close(getattr(ours, part), getattr(theirs, part))


def test_the_losses_are_means_over_masked_interactions_given_the_rest(mixed, random_network):
    batches = Batches.from_interactions(mixed)
    history = mask_history(batches.whole, SETTINGS, generator())
    side = ItemSums(batches).without_masked(random_network, torch.arange(60), history)
    found = losses(
        random_network,
        random_network.encode(history, side),
        history,
        TrainSettings(user_weight_power=0.0),
    )

    encoding = random_network.encode(history, side)
    pattern, masked = history.pattern, history.observed == 0
    probabilities = consume_log_probabilities(
        random_network.consume_logits(encoding), pattern.rows[~masked], pattern.columns[~masked]
    )
    chosen = probabilities[pattern.rows[masked], pattern.columns[masked]]
    torch.testing.assert_close(found.consume, -chosen.mean())

    rated = masked & (history.types < 5)
    assert 0 < rated.sum() < masked.sum()  # unrated ones are in the first mean alone
    logits = random_network.all_rating_logits(encoding)[pattern.rows[rated], pattern.columns[rated]]
    expected = functional.cross_entropy(logits, history.types[rated])
    torch.testing.assert_close(found.rate, expected)


def test_a_task_that_is_switched_off_has_loss_0(mixed, random_network):
    batches = Batches.from_interactions(mixed)
    history = mask_history(batches.whole, SETTINGS, generator())
    side = ItemSums(batches).without_masked(random_network, torch.arange(60), history)
    encoding = random_network.encode(history, side)
    both = losses(random_network, encoding, history, SETTINGS)
    for tasks in ((True, False), (False, True)):
        found = losses(
            random_network, random_network.encode(history, side), history, SETTINGS, tasks
        )
        assert found.consume == (both.consume if tasks[0] else 0)
        assert found.rate == (both.rate if tasks[1] else 0)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_the_weight_of_a_user_is_its_masked_count_to_the_one_minus_power(mixed, power):
    history = mask_history(Batches.from_interactions(mixed).whole, SETTINGS, generator())
    masked = history.observed == 0
    weights = user_weights(history, masked, power)
    assert weights.sum().item() == pytest.approx(1.0)
    assert (weights[~masked] == 0).all()
    n_hidden = history.pattern.row_sums(masked.float())
    by_user = history.pattern.row_sums(weights)
    expected = torch.where(n_hidden > 0, n_hidden ** (1 - power), 0.0)
    torch.testing.assert_close(by_user, expected / expected.sum())


def test_ratings_are_weighted_by_inverse_propensities(mixed, random_network):
    """w ~ P(i | observed) ** -power, P over items not observed, clipped at MOST times the mean."""
    batches = Batches.from_interactions(mixed)
    history = mask_history(batches.whole, SETTINGS, generator())
    side = ItemSums(batches).without_masked(random_network, torch.arange(mixed.n_users), history)
    encoding = random_network.encode(history, side)
    entries = torch.nonzero((history.observed == 0) & (history.types < mixed.n_levels)).squeeze(1)
    rows, items = history.pattern.rows[entries], history.pattern.columns[entries]
    observed = history.observed > 0
    log_p = consume_log_probabilities(
        random_network.consume_logits(encoding),
        history.pattern.rows[observed],
        history.pattern.columns[observed],
    )[rows, items]
    weights = rarity_weights(random_network, encoding, history, entries, 0.5)
    wanted = (-0.5 * log_p).exp()
    wanted = wanted.clamp(max=MOST * float(wanted.log().mean().exp()))
    torch.testing.assert_close(weights, wanted / wanted.sum())
    assert rarity_weights(random_network, encoding, history, entries, 0.0) is None
    weighted = losses(
        random_network, encoding, history, SETTINGS.with_changes(propensity_power=0.5)
    )
    logits = random_network.rating_logits(encoding, rows, items)
    nll = functional.cross_entropy(logits, history.types[entries], reduction="none")
    torch.testing.assert_close(weighted.rate, (weights * nll).sum())


def test_the_weight_of_one_very_unlikely_item_is_clipped(mixed, random_network):
    with torch.no_grad():
        random_network.consume_bias[0] = -50.0
    batches = Batches.from_interactions(mixed)
    history = mask_history(batches.whole, SETTINGS, generator())
    side = ItemSums(batches).without_masked(random_network, torch.arange(mixed.n_users), history)
    encoding = random_network.encode(history, side)
    entries = torch.nonzero(history.observed == 0).squeeze(1)
    weights = rarity_weights(random_network, encoding, history, entries, 1.0)
    assert torch.isclose(weights.sum(), torch.tensor(1.0))
    first = history.pattern.columns[entries] == 0
    assert first.any()
    assert weights[first].max() < 3 * MOST * weights.median()
