"""Updates are those of torch's own Adam, bit for bit."""

import subprocess
import sys

import pytest
import torch

from conv4rec.train.initialise import new_network
from conv4rec.train.optimiser import BETAS, EPSILON, LONGEST, WARM_UP_STEPS, Optimiser
from conv4rec.train.schedule import Schedule
from conv4rec.train.settings import TrainSettings

SETTINGS = TrainSettings(n_steps=6)
SHAPE = {"consume_size": 8, "rate_size": 4}


def gradients(network, seed):
    """A random gradient for each parameter that is trained."""
    rng = torch.Generator().manual_seed(seed)
    for p in network.parameters():
        p.grad = torch.randn(p.shape, generator=rng) if p.requires_grad else None


def test_a_step_is_one_of_torch_adam(mixed):
    network, other = (new_network(mixed, SHAPE, SETTINGS, 0) for _ in range(2))
    optimiser = Optimiser(network, SETTINGS, Schedule((6, 12)), len(mixed))
    rates, named = optimiser._learning_rates, dict(other.named_parameters())
    adam = torch.optim.Adam(
        [
            {"params": [p], "weight_decay": optimiser._penalty(name)}
            for name, p in named.items()
            if p.requires_grad
        ],
        betas=BETAS, eps=EPSILON,
    )  # fmt: skip
    trained = [name for name, p in named.items() if p.requires_grad]
    for number in range(4):
        gradients(network, number)
        gradients(other, number)
        optimiser.step(number)
        penalty = optimiser._consume_in_penalty() * other.consume_in.detach()
        other.consume_in.grad += penalty
        for group, name in zip(adam.param_groups, trained, strict=True):
            group["lr"] = rates(number)[0 if name.startswith("consume") else 1]
        adam.step()
    for (name, p), q in zip(network.named_parameters(), other.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=1e-6, atol=1e-8), name


def test_batches_of_users_learn_ratings_by_smaller_steps(mixed):
    network = new_network(mixed, SHAPE, SETTINGS, 0)
    whole, quarter = (
        Optimiser(network, SETTINGS, Schedule((6, 12)), len(mixed), n) for n in (1, 4)
    )
    (consume, rate), (consume_of_quarter, rate_of_quarter) = (
        optimiser._learning_rates(3) for optimiser in (whole, quarter)
    )
    assert consume_of_quarter == consume
    assert rate_of_quarter == pytest.approx(rate / 2)


@pytest.mark.parametrize("times", [1.2, 1000.0])
def test_a_rating_gradient_far_longer_than_those_before_is_shortened(mixed, times):
    network = new_network(mixed, SHAPE, SETTINGS, 0)
    optimiser = Optimiser(network, SETTINGS, Schedule((60, 60)), len(mixed))
    named = {n: p for n, p in network.named_parameters() if p.requires_grad}

    def length():
        squares = [p.grad.square().sum() for n, p in named.items() if not n.startswith("consume")]
        return float(torch.stack(squares).sum().sqrt())

    lengths = []
    for number in range(WARM_UP_STEPS + 20):
        gradients(network, number)
        lengths.append(length())
        optimiser.step(number)
    gradients(network, 0)
    for p in named.values():
        p.grad *= times
    consume, given = named["consume_out"].grad.clone(), length()
    optimiser.step(WARM_UP_STEPS + 20)
    assert torch.equal(named["consume_out"].grad, consume)
    usual = sum(lengths) / len(lengths)
    assert length() == pytest.approx(min(given, LONGEST * usual), rel=0.05)


def test_a_task_that_has_ended_is_left_alone(mixed):
    network = new_network(mixed, SHAPE, SETTINGS, 0)
    optimiser = Optimiser(network, SETTINGS, Schedule((6, 0)), len(mixed))
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    gradients(network, 0)
    optimiser.step(0)
    moved = {n for n, p in network.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {"consume_in", "consume_out", "consume_bias"}
    assert set(optimiser.state().steps) == moved


def test_training_does_not_load_the_compiler_of_torch():
    """It takes a second, and `torch.optim.Adam` loads it."""
    code = (
        "import sys, polars as pl; from conv4rec import Conv4Rec; "
        "log = pl.DataFrame({'user_id': [1, 1, 2, 2, 3], 'item_id': [1, 2, 1, 3, 1], "
        "'rating': [5, 4, 2, None, 5]}); Conv4Rec(n_steps=2).fit(log); "
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
