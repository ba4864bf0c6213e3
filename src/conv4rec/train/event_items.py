"""The training of P(i | k, x): Adam on hidden events."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from conv4rec.model.event_model import EventModel
from conv4rec.train.event_candidates import Candidates
from conv4rec.train.event_checkpoint import ItemState

EPOCHS, BATCH = 8, 128  # passes over the hidden events, and events of a step
LEAST_STEPS = 400
LEARNING_RATE = 0.01
PENALTY = 1.0  # on the squared change of the weights of P(i | k, x), in events

OnStep = Callable[[int, int, float, Callable[[], ItemState]], None]
"""Called after each step with steps done and in all, the loss, and what makes the state."""


def fit_items(
    model: EventModel,
    found: list[Candidates],
    rng: np.random.Generator,
    on_step: OnStep,
    state: ItemState,
) -> None:
    """Adam on -log P(i | k, x) of the hidden events, a batch of one type at a time.

    The penalty is that of a normal prior around the start, with deviation 1.

    Args:
        model: its network is trained.
        found: candidates of the hidden events, one entry a type.
        rng: shuffles events and batches.
        on_step: see `OnStep`.
        state: to go on from.
    """
    network, start = model.network, model.network.linear.detach().clone()
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE, foreach=False)
    n_batches = sum(-(-len(part) // BATCH) for part in found)
    n_epochs = max(EPOCHS, -(-LEAST_STEPS // max(1, n_batches)))
    n_steps, n_events = n_epochs * n_batches, sum(map(len, found))
    state.restore(network, optimiser)
    done = 0
    for _ in range(n_epochs):
        batches = [
            (part, order[first : first + BATCH])
            for part in found
            for order in [rng.permutation(len(part))]
            for first in range(0, len(part), BATCH)
        ]
        for number in rng.permutation(len(batches)):
            if done < state.step:  # of the training that this one goes on from
                done += 1
                continue
            part, chosen = batches[number]
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * (1 - done / n_steps)
            optimiser.zero_grad()
            own = (network.linear - start)[part.target].square().sum()
            own = own + network.out[part.target].square().sum()
            shared = network.first.square().sum() + network.second.square().sum()
            loss = item_loss(model, part, chosen)
            loss = loss + PENALTY / 2 * (own / len(part) + shared / n_events)
            loss.backward()
            optimiser.step()
            done += 1
            on_step(
                done,
                n_steps,
                float(loss.detach()),
                partial(ItemState.of, done, network, optimiser),
            )


def item_loss(model: EventModel, part: Candidates, chosen: np.ndarray) -> Tensor:
    """Mean -log P(i | k, x) of some hidden events, over their candidates."""
    rows, events, first = part.of(chosen)
    logits = model.network(part.values[rows], part.target) + part.log_weights[rows]
    largest = logits.new_full((len(chosen),), -torch.inf)
    largest = largest.scatter_reduce(0, events, logits.detach(), "amax")
    sums = torch.zeros_like(largest).index_add(0, events, (logits - largest[events]).exp())
    return (sums.log() + largest - logits[first]).mean()
