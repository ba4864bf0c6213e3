"""Training lowers the losses, and gives the same bits each time."""

import logging

import numpy as np
import pytest
import torch

from conv4rec.train import TrainSettings
from conv4rec.train.batches import Batches
from conv4rec.train.initialise import new_network
from conv4rec.train.loop import Trainer
from conv4rec.train.schedule import Schedule


@pytest.fixture(params=[2_000_000, 200], ids=["all users a step", "some users a step"])
def batch_rows(request):
    return request.param


def test_training_lowers_both_losses(tribes, make_fit, batch_rows):
    steps = []
    make_fit(
        tribes, on_progress=lambda *a: steps.append(a), n_steps=60, batch_rows=batch_rows // 2,
        softmax_cells=batch_rows, learning_rate=0.03, rate_learning_rate=0.03,
        consume_reg_factors=(), spectral_init=0.0, consume_reg=0.1, rate_reg=0.1,
    ).run()  # fmt: skip
    progress = [step for *_, step in steps]
    assert [p.step for p in progress] == list(range(1, 121))
    for loss, last in (("consume_nll", 60), ("rate_nll", 120)):
        values = np.array([getattr(p, loss) for p in progress[:last]])
        assert values[-10:].mean() < 0.9 * values[:10].mean(), loss


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    mixed, make_fit, digest, batch_rows
):
    first, again, other = (
        digest(make_fit(mixed, seed=seed, batch_rows=batch_rows).run()) for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_progress_names_each_stage_and_its_losses(mixed, make_fit):
    seen = []
    factors = {"consume_reg_factors": (1.0, 3.0), "rate_reg_factors": (1.0,)}
    make_fit(mixed, **factors, on_progress=lambda *a: seen.append(a)).run()
    assert list(dict.fromkeys((name, at, of) for name, at, of, _ in seen)) == [
        ("validation fit 1", 0, 4), ("validation fit 2", 1, 4), ("validation fit 3", 2, 4),
        ("final fit", 3, 4),
    ]  # fmt: skip
    assert sum(name == "validation fit 1" for name, *_ in seen) == 6
    assert all(np.isfinite([p.consume_nll, p.rate_nll]).all() for *_, p in seen)


def trainer_of(log, schedule, seed=0, shape=None, **changes):
    settings = TrainSettings(**{"n_steps": 6, **changes})
    shape = {"consume_size": 8, "rate_size": 4, **(shape or {})}
    network = new_network(log, shape, settings, seed=0)
    return Trainer(network, Batches.from_interactions(log), settings, schedule, seed)


@pytest.mark.parametrize("shape", [{}, {"shared_encoder": True, "two_sided": False}])
@pytest.mark.parametrize(("stops", "frozen"), [((2, 6), "consume"), ((6, 2), "rate")])
def test_a_task_is_frozen_after_its_last_step(mixed, stops, frozen, shape):
    trainer = trainer_of(mixed, Schedule(stops), shape=shape)
    trainer.run(until=2)
    at_stop = {name: p.detach().clone() for name, p in trainer.parameters.items()}
    assert trainer.run()
    assert trainer.step == 6
    for name, weights in trainer.parameters.items():
        ended = name.startswith("consume") == (frozen == "consume")
        own = name.startswith(("consume", "rate_")) and weights.requires_grad
        if own:
            assert torch.equal(weights, at_stop[name]) == ended, name


def test_masks_depend_on_the_seed_and_on_the_step(mixed):
    seen = []
    for seed in (0, 1):
        trainer = trainer_of(mixed, Schedule((6, 6)), seed, learning_rate=0.0)
        trainer.run(on_step=lambda progress: seen.append(progress.consume_nll))
    assert len(set(seen)) == 12  # the weights never change, the masks do


def test_a_stronger_penalty_leaves_smaller_weights(mixed):
    sizes = []
    for factor in (0.1, 10.0):
        trainer = trainer_of(mixed, Schedule((30, 30), (factor, factor)), n_steps=30)
        trainer.run()
        sizes.append({name: float(p.detach().norm()) for name, p in trainer.parameters.items()})
    for name in ("consume_in", "consume_out", "rate_in", "rate_out"):
        assert sizes[1][name] < 0.95 * sizes[0][name], name


def test_each_epoch_takes_every_user_once(mixed):
    trainer = trainer_of(mixed, Schedule((12, 12)), n_steps=12, batch_rows=-(-len(mixed) // 4))
    batches = {}
    of_users = trainer.batches.of_users

    def spy(users):
        if len(users) == 15:  # else the whole log is asked for
            batches[trainer.step] = users.tolist()
        return of_users(users)

    trainer.batches.of_users = spy
    trainer.run(until=8)
    epochs = [[u for step in range(at, at + 4) for u in batches[step]] for at in (0, 4)]
    assert all(sorted(epoch) == list(range(60)) for epoch in epochs)
    assert epochs[0] != epochs[1] != list(range(60))


def test_the_kernel_of_the_consume_encoder_stays_frozen(mixed):
    trainer = trainer_of(mixed, Schedule((6, 12)))
    kernels = [trainer.parameters[n].detach().clone() for n in ("kernel_in", "consume_kernel")]
    assert torch.equal(*kernels)
    trainer.run()
    assert torch.equal(trainer.parameters["consume_kernel"], kernels[1])
    assert not torch.equal(trainer.parameters["kernel_in"], kernels[0])


def test_a_fit_logs_a_line_per_evaluation_and_is_quiet_by_default(mixed, make_fit, caplog, capfd):
    make_fit(mixed, mf_draws=0).run()
    assert capfd.readouterr() == ("", "")
    with caplog.at_level(logging.INFO, logger="conv4rec"):
        fitted = make_fit(mixed, mf_draws=0).run()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("validation fit 1 of 5: step 1 of 6, consume NLL ")
    assert sum(line.startswith("validation fit") for line in lines) == len(
        fitted.validation_results
    )
    assert lines[-1].startswith(f"final fit: step {max(fitted.schedule.stops)} of ")
