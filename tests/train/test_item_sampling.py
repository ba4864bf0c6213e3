"""Large logs: the softmax over a sample of items finds what the softmax over all items finds."""

import numpy as np
import pytest
import torch

from conv4rec.data.synthetic import low_rank_world
from conv4rec.train import TrainSettings, item_sampling
from conv4rec.train.batches import Batches, n_batches
from conv4rec.train.initialise import new_network
from conv4rec.train.item_sampling import ItemSampler
from conv4rec.train.loop import Trainer
from conv4rec.train.objective import losses, mask_history
from conv4rec.train.schedule import Schedule


def test_popular_items_are_always_drawn_and_rare_ones_by_half_of_the_sample(monkeypatch):
    monkeypatch.setattr(item_sampling, "N_ITEMS", 40)
    counts = torch.cat([torch.tensor([300.0, 100.0]), torch.ones(398)])
    probabilities = ItemSampler.by_popularity(counts).probabilities
    assert probabilities[0] == 1.0
    assert float(probabilities[2:].min()) == pytest.approx(20 * (1 / 798 + 1 / 400))
    assert 20 < float(probabilities.sum()) <= 40
    rng = torch.Generator().manual_seed(0)
    samples = ItemSampler(probabilities).samples(400 * item_sampling.USERS, rng)
    assert len(samples) == 400
    often = torch.stack([torch.bincount(s.items, minlength=400) for s in samples]).float().mean(0)
    assert float((often - probabilities).abs().max()) < 0.1
    for sample in samples[:3]:
        torch.testing.assert_close(sample.log_weights.neg().exp(), probabilities[sample.items])


@pytest.mark.parametrize(
    ("n_rows", "n_users", "expected"),
    [
        (900_000, 53_424, 1),
        (2_000_001, 9_000, 2),
        (20_000_000, 138_000, 10),
        (9_000_000, 2, 2),
        (0, 0, 1),
    ],
)
def test_batches_have_two_million_interactions_at_most_and_a_user_at_least(
    n_rows, n_users, expected
):
    assert n_batches(n_rows, n_users, 2_000_000) == expected


def test_training_with_samples_finds_the_optimum_of_the_whole_softmax(monkeypatch):
    """An eighth of the items: the loss falls by 0.05 nats, and as far."""
    monkeypatch.setattr(item_sampling, "N_ITEMS", 40)
    monkeypatch.setattr(item_sampling, "USERS", 25)
    log = low_rank_world(200, 300, popularity=0.7, seed=5).sample(20, np.random.default_rng(5))
    settings = TrainSettings(
        n_steps=80,
        batch_rows=-(-len(log) // 2),
        softmax_cells=1,
        learning_rate=0.03,
        spectral_init=0.0,
    )
    batches, found = Batches.from_interactions(log), {}
    for name in ("start", "whole", "sampled"):
        network = new_network(log, {"consume_size": 8, "rate_size": 2}, settings, seed=0)
        trainer = Trainer(network, batches, settings, Schedule((80, 0)), seed=0)
        assert trainer.sampler is not None
        assert trainer.n_batches == 2
        if name == "whole":
            trainer.sampler = None
        if name != "start":
            trainer.run()
        history = mask_history(batches.whole, settings, torch.Generator().manual_seed(9))
        with torch.no_grad():
            encoding = network.encode(history, trainer.item_side(), True, False)
            consume = losses(network, encoding, history, settings, (True, False)).consume
            found[name] = float(consume)
    assert found["whole"] < found["start"] - 0.04
    assert found["sampled"] == pytest.approx(found["whole"], abs=0.005)


def test_no_interaction_of_a_very_large_log_goes_unseen(mixed, make_fit):
    seen = []
    make_fit(
        mixed, n_steps=2, rate_steps_ratio=1.0, batch_rows=-(-len(mixed) // 3), mf_draws=0,
        consume_reg_factors=(), on_progress=lambda *a: seen.append(a[-1].step),
    ).run()  # fmt: skip
    assert max(seen) == 2 * 3
