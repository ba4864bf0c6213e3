"""The training loop: mask, encode, predict, step; each task has its own last step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from conv4rec.model import History, ItemSide, Network
from conv4rec.train.batches import Batches, n_batches
from conv4rec.train.item_sampling import ItemSampler
from conv4rec.train.item_side import ItemSums, full_item_side
from conv4rec.train.objective import losses, mask_history
from conv4rec.train.optimiser import AdamState, Optimiser, copies
from conv4rec.train.processes import Part, add_up_gradients, summed
from conv4rec.train.schedule import CONSUME, RATE, Schedule
from conv4rec.train.settings import TrainSettings


@dataclass(frozen=True)
class Progress:
    """Losses of one step, in nats per masked interaction; 0 for a task that has ended."""

    step: int
    n_steps: int
    consume_nll: float
    rate_nll: float


@dataclass
class TrainerState:
    """Everything that a later process needs to go on."""

    step: int
    weights: dict[str, Tensor]  # by parameter name
    adam: AdamState
    epoch_weights: dict[str, Tensor] = field(default_factory=dict)
    """At the start of the epoch; empty where a batch holds all users."""


class Trainer:
    """One run of the loop.

    Every random draw depends on the seed and the step number alone. So the same seed, machine and
    thread count give the same bits, also when the run is stopped, saved with `state` and
    continued.

    Args:
        network: trained in place.
        batches: the training histories.
        settings: learning rates, penalties, masking.
        schedule: last step and penalty factor of each task.
        seed: of masks and of the order of users.
        state: of an earlier run, to go on from.
    """

    def __init__(
        self,
        network: Network,
        batches: Batches,
        settings: TrainSettings,
        schedule: Schedule,
        seed: int,
        state: TrainerState | None = None,
    ) -> None:
        self.network, self.batches = network, batches
        self.settings, self.schedule, self.seed = settings, schedule, seed
        self.parameters = dict(network.named_parameters())
        self.sums = ItemSums(batches)
        self.step = 0
        self.n_batches = n_batches(len(batches.items), batches.n_users, settings.batch_rows)
        self.optimiser = Optimiser(network, settings, schedule, len(batches.items), self.n_batches)
        self.part: tuple[Tensor, History, Part] | None = None  # of every step, if all are alike
        self.sampler = None
        if batches.n_users * batches.n_items > settings.softmax_cells:
            self.sampler = ItemSampler.by_popularity(self.sums.type_counts.sum(1))
        if state is not None:
            self._restore(state)

    def run(self, on_step: Callable[[Progress], bool] | None = None, until: int = 10**9) -> bool:
        """Train up to step `until` or the end of the schedule; True if the end was reached.

        Args:
            on_step: called after each step; training stops if it returns True.
            until: stop after this step.
        """
        end = max(self.schedule.stops)
        while self.step < min(until, end):
            progress = self._one_step(end)
            if on_step is not None and on_step(progress):
                return False
        return self.step >= end

    def _one_step(self, end: int) -> Progress:
        users, history, part = self._part_of_step()
        rng = torch.Generator(self.batches.items.device)
        rng.manual_seed(self.seed * 1_000_003 + self.step)
        history = mask_history(history, self.settings, rng, part)
        tasks = (self.step < self.schedule.stops[CONSUME], self.step < self.schedule.stops[RATE])
        item_side = self.sums.without_masked(self.network, users, history, tasks[RATE])
        with_consume = tasks[CONSUME] or self.settings.propensity_power > 0
        encoding = self.network.encode(history, item_side, with_consume, tasks[RATE])
        samples = None if self.sampler is None else self.sampler.samples(part.n_rows, rng)
        loss = losses(self.network, encoding, history, self.settings, tasks, samples)
        self.network.zero_grad()
        total = loss.consume + self.settings.rate_weight * loss.rate
        if total.requires_grad:  # False if no rating is masked and the consume side has ended
            total.backward()
            add_up_gradients(self.parameters.values())
        self.optimiser.step(self.step)
        self.step += 1
        values = summed(torch.stack([loss.consume.detach(), loss.rate.detach()]))
        return Progress(self.step, end, *values.tolist())

    def _part_of_step(self) -> tuple[Tensor, History, Part]:
        """The users of this step that this process computes with, and their histories."""
        if self.part is not None:
            return self.part
        everyone = self._users_of_step()
        part = Part.own(self.batches.starts_of(everyone))
        users = everyone[part.rows]
        found = users, self.batches.of_users(users), part
        if self.n_batches == 1:
            self.part = found
        return found

    def _users_of_step(self) -> Tensor:
        """The users of this step's batch; each epoch takes all users in a new order."""
        device = self.batches.items.device
        if self.n_batches == 1:
            return torch.arange(self.batches.n_users, device=device)
        epoch, place = divmod(self.step, self.n_batches)
        if place == 0 and self.network.config.two_sided:
            self.sums.refresh(self.network)
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 - 1 - epoch)
        order = torch.randperm(self.batches.n_users, generator=rng)
        return order.tensor_split(self.n_batches)[place].to(device)

    def item_side(self) -> ItemSide:
        """The item side of all training interactions, at the current weights."""
        rates = self.schedule.stops[RATE] > 0
        return full_item_side(self.network, self.batches, self.sums.type_counts, rates)

    def state(self) -> TrainerState:
        """A copy of the state, to save."""
        epoch = self.sums.epoch_network
        epoch_weights = {} if epoch is None else copies(dict(epoch.named_parameters()))
        return TrainerState(
            self.step, copies(self.parameters), self.optimiser.state(), epoch_weights
        )

    @torch.no_grad()
    def _restore(self, state: TrainerState) -> None:
        self.step = state.step
        if state.epoch_weights:
            self._load(state.epoch_weights)
            self.sums.refresh(self.network)
        self._load(state.weights)
        self.optimiser.restore(state.adam)

    def _load(self, weights: dict[str, Tensor]) -> None:
        for name, p in self.parameters.items():
            p.copy_(weights[name])
