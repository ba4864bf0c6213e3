"""The item side of a step is of all interactions but those that the step masks."""

import pytest
import torch

from conv4rec.train import TrainSettings
from conv4rec.train.batches import Batches, count_types
from conv4rec.train.initialise import new_network
from conv4rec.train.item_side import ItemSums, full_item_side
from conv4rec.train.objective import mask_history

SETTINGS = TrainSettings(mask_low=0.2, mask_high=0.6)


@pytest.fixture
def network(mixed):
    network = new_network(mixed, {"consume_size": 8, "rate_size": 4}, SETTINGS, seed=0)
    with torch.no_grad():
        for weights in network.parameters():
            weights += 0.2 * torch.randn(
                weights.shape, generator=torch.Generator().manual_seed(len(weights))
            )
    return network.requires_grad_(False)


def test_the_histories_of_some_users_are_those_in_the_log(mixed):
    batches = Batches.from_interactions(mixed)
    users = torch.tensor([41, 3, 17])
    history = batches.of_users(users)
    for row, user in enumerate(users.tolist()):
        entries = slice(mixed.starts[user], mixed.starts[user + 1])
        mine = history.pattern.rows == row
        assert history.pattern.columns[mine].tolist() == mixed.item_numbers[entries].tolist()
        levels = [5 if level < 0 else level for level in mixed.level_numbers[entries].tolist()]
        assert history.types[mine].tolist() == levels
    assert history.pattern.shape == (3, mixed.n_items)


def test_types_are_counted_for_each_item():
    counts = count_types(torch.tensor([1, 1, 0, 1]), torch.tensor([2, 2, 0, 1]), 3, 2)
    assert counts.tolist() == [[1, 0, 0], [0, 1, 2], [0, 0, 0]]


def test_a_full_batch_has_the_sums_over_its_observed_interactions(mixed, network):
    batches = Batches.from_interactions(mixed)
    history = mask_history(batches.whole, SETTINGS, torch.Generator().manual_seed(0))
    found = ItemSums(batches).without_masked(network, torch.arange(mixed.n_users), history)
    observed_part = Batches.from_interactions(mixed.select((history.observed > 0).numpy()))
    expected = full_item_side(network, observed_part, observed_part.type_counts())
    assert torch.equal(found.type_counts, expected.type_counts)
    torch.testing.assert_close(found.column, expected.column)


def test_after_a_refresh_a_small_batch_without_masks_has_the_full_sums(mixed, network):
    batches = Batches.from_interactions(mixed)
    sums = ItemSums(batches)
    sums.refresh(network)
    users = torch.tensor([5, 40, 12, 59])
    found = sums.without_masked(network, users, batches.of_users(users))
    expected = full_item_side(network, batches, batches.type_counts())
    assert torch.equal(found.type_counts, expected.type_counts)
    torch.testing.assert_close(found.column, expected.column, atol=1e-5, rtol=1e-5)


def test_a_small_batch_leaves_out_what_it_masks(mixed, network):
    """Exactly in the counts; in the columns up to the mean of the other raters' item means."""
    batches = Batches.from_interactions(mixed)
    sums = ItemSums(batches)
    sums.refresh(network)
    users = torch.tensor([5, 40, 12, 59])
    history = mask_history(batches.of_users(users), SETTINGS, torch.Generator().manual_seed(0))
    found = sums.without_masked(network, users, history)

    keep = torch.ones(len(mixed), dtype=torch.bool)
    for row, user in enumerate(users.tolist()):
        observed = history.observed[history.pattern.rows == row] > 0
        keep[mixed.starts[user] : mixed.starts[user + 1]] = observed
    observed_part = Batches.from_interactions(mixed.select(keep.numpy()))
    expected = full_item_side(network, observed_part, observed_part.type_counts())
    everything = full_item_side(network, batches, batches.type_counts())
    assert torch.equal(found.type_counts, expected.type_counts)
    error = (found.column - expected.column).norm()
    assert error < 0.2 * (everything.column - expected.column).norm()


def test_batches_give_the_raters_the_gradients_of_all_users_on_average(mixed, network):
    batches = Batches.from_interactions(mixed)
    raters = network.requires_grad_().rater_in
    slope = torch.randn(network.rate_out.shape[1:], generator=torch.Generator().manual_seed(1))

    def gradient(sums, users):
        column = sums.without_masked(network, users, batches.of_users(users)).column
        return torch.autograd.grad((column * slope).sum(), raters)[0]

    everyone = torch.arange(mixed.n_users)
    whole, parts = ItemSums(batches), ItemSums(batches)
    parts.refresh(network)
    found = [gradient(parts, users) for users in everyone.tensor_split(4)]
    torch.testing.assert_close(sum(found) / 4, gradient(whole, everyone), atol=1e-5, rtol=1e-5)


def test_the_block_size_of_users_changes_nothing(mixed, network, monkeypatch):
    batches = Batches.from_interactions(mixed)
    whole = full_item_side(network, batches, batches.type_counts())
    monkeypatch.setattr("conv4rec.train.item_side.USERS_AT_A_TIME", 7)
    parts = full_item_side(network, batches, batches.type_counts())
    torch.testing.assert_close(parts.column, whole.column, atol=1e-5, rtol=1e-5)
