"""The assembled model predicts the mean of the snapshots and adds up its components."""

import pytest
import torch

from conv4rec.train.assembly import Components, assemble, average_snapshots
from conv4rec.train.batches import Batches
from conv4rec.train.ensemble_scores import EnsembleWeights
from conv4rec.train.initialise import new_network
from conv4rec.train.loop import Trainer
from conv4rec.train.ridge import Ridge, user_vectors
from conv4rec.train.schedule import Schedule
from conv4rec.train.settings import TrainSettings
from conv4rec.train.slim import fit_slim
from conv4rec.train.snapshot import take_snapshot

SHAPE = {"consume_size": 8, "rate_size": 4}


@pytest.fixture
def trainer(mixed):
    settings = TrainSettings(n_steps=5, averaged_snapshots=3)
    network = new_network(mixed, SHAPE, settings, 0)
    return Trainer(network, Batches.from_interactions(mixed), settings, Schedule((5, 15)), 0)


@torch.no_grad()
def logits_now(trainer, mixed):
    whole = trainer.batches.whole
    encoding = trainer.network.encode(whole, trainer.item_side())
    users = torch.from_numpy(mixed.user_numbers).long()
    return trainer.network.rating_logits(encoding, users, torch.from_numpy(mixed.item_numbers))


def test_the_wider_network_predicts_the_mean_logits_of_its_snapshots(trainer, mixed):
    snapshots, logits = [], []
    for step in (9, 12, 15):
        trainer.run(until=step)
        snapshots.append(take_snapshot(trainer))
        logits.append(logits_now(trainer, mixed))
    assert (logits[0] - logits[2]).abs().max() > 0.01  # the weights keep moving
    network, side = average_snapshots(trainer, snapshots)
    network.requires_grad_(False)
    assert network.config.rate_size == 3 * trainer.network.config.rate_size
    encoding = network.encode(trainer.batches.whole, side)
    users = torch.from_numpy(mixed.user_numbers).long()
    found = network.rating_logits(encoding, users, torch.from_numpy(mixed.item_numbers))
    # What is not a latent coordinate (biases, kernel_out) is averaged before it is multiplied:
    # the same up to the product of two small changes.
    torch.testing.assert_close(found, torch.stack(logits).mean(0), atol=0.01, rtol=0.01)


def test_a_shared_encoder_stays_one_and_is_averaged(mixed):
    settings = TrainSettings(n_steps=15, averaged_snapshots=3)
    shape = {**SHAPE, "shared_encoder": True, "two_sided": False, "consume_channels": 2}
    network = new_network(mixed, shape, settings, 0)
    trainer = Trainer(network, Batches.from_interactions(mixed), settings, Schedule((15, 15)), 0)
    snapshots, logits = [], []
    for step in (9, 12, 15):
        trainer.run(until=step)
        snapshots.append(take_snapshot(trainer))
        logits.append(logits_now(trainer, mixed))
    alone, side = average_snapshots(trainer, snapshots[-1:])
    alone.requires_grad_(False)
    users = torch.from_numpy(mixed.user_numbers).long()
    items = torch.from_numpy(mixed.item_numbers)
    found = alone.rating_logits(alone.encode(trainer.batches.whole, side), users, items)
    torch.testing.assert_close(found, logits[-1])  # what all decoders share is added to each
    assert not alone.rate_common.any()
    assert trainer.network.rate_common.any()
    mean, _ = average_snapshots(trainer, snapshots)
    assert mean.config == trainer.network.config
    for name in ("consume_in", "consume_out", "consume_bias", "kernel_in", "level_bias"):
        expected = torch.stack([snapshot.weights[name] for snapshot in snapshots]).mean(0)
        torch.testing.assert_close(mean.state_dict()[name], expected)


def test_one_snapshot_is_the_network_itself(trainer, mixed):
    trainer.settings = TrainSettings(n_steps=5, averaged_snapshots=2)
    trainer.run()
    network, side = average_snapshots(trainer, [take_snapshot(trainer)])
    network.requires_grad_(False)
    encoding = network.encode(trainer.batches.whole, side)
    users = torch.from_numpy(mixed.user_numbers).long()
    found = network.rating_logits(encoding, users, torch.from_numpy(mixed.item_numbers))
    torch.testing.assert_close(found, logits_now(trainer, mixed))


def test_consume_logits_are_the_weighted_sum_of_the_components(trainer, mixed):
    trainer.run()
    ridge, weights = Ridge.of(mixed, 6, 0), EnsembleWeights(neural=0.5, ridge=0.7, penalty=2.0)
    slim = fit_slim(mixed, 5)
    slim.scale.copy_(torch.tensor([0.3, 0.2]))
    snapshots = [take_snapshot(trainer)]
    plain, side = average_snapshots(trainer, snapshots)
    wide, _ = assemble(trainer, snapshots, Components(weights, ridge, slim))
    wide.requires_grad_(False)
    plain.requires_grad_(False)
    whole = trainer.batches.whole
    encoder, decoder = ridge.tables(2.0)
    values = plain.consume_kernel[whole.types, 0]
    expected = (
        0.5 * plain.consume_logits(plain.encode(whole, side))
        + 0.7 * user_vectors(encoder, whole, values) @ decoder.T
        + 0.3 * (slim.similarity(whole.pattern, whole.observed) + 0.2).log()
    )
    torch.testing.assert_close(wide.consume_logits(wide.encode(whole, side)), expected)
