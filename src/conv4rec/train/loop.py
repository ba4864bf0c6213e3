"""The training loop: mask, encode, predict, step; each task has its own last step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from conv4rec.model import ItemSide, Network
from conv4rec.train.batches import Batches
from conv4rec.train.item_side import ItemSums, full_item_side
from conv4rec.train.objective import losses, mask_history
from conv4rec.train.settings import TrainSettings

CONSUME, RATE = 0, 1  # the two tasks, wherever they come in pairs
WARM_UP_STEPS = 10


@dataclass(frozen=True)
class Progress:
    """Losses of one step, in nats per masked interaction; 0 for a task that has ended."""

    step: int
    n_steps: int
    consume_nll: float
    rate_nll: float


@dataclass
class TrainerState:
    """Everything that a later process needs to go on; tensors by parameter name."""

    step: int
    weights: dict[str, Tensor]
    first_moments: dict[str, Tensor]
    second_moments: dict[str, Tensor]
    adam_steps: dict[str, Tensor]
    epoch_weights: dict[str, Tensor] = field(default_factory=dict)
    """At the start of the epoch; empty where a batch holds all users."""


@dataclass(frozen=True)
class Schedule:
    """How long each task trains, and how strongly each is penalised."""

    stops: tuple[int, int]
    """Steps after which the consume side and the rating side are frozen."""
    reg_factor: float = 1.0
    """Multiplier of the consume side's penalties."""


class Trainer:
    """One run of the loop.

    The learning rate of the consume side falls to zero on a cosine. That of the rating side and of
    a shared encoder stays constant, because their last snapshots are averaged
    (`conv4rec.train.assembly`).

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
        groups = [self._group(name, p) for name, p in self.parameters.items() if p.requires_grad]
        self.optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99), eps=1e-8)
        users_per_batch = max(1, settings.batch_cells // batches.n_items)
        self.n_batches = math.ceil(batches.n_users / users_per_batch)
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
        users = self._users_of_step()
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        history = mask_history(self.batches.of_users(users), self.settings, rng)
        item_side = self.sums.without_masked(self.network, users, history)
        tasks = (self.step < self.schedule.stops[CONSUME], self.step < self.schedule.stops[RATE])
        with_consume = tasks[CONSUME] or self.settings.propensity_power > 0
        encoding = self.network.encode(history, item_side, with_consume)
        loss = losses(self.network, encoding, history, self.settings, tasks)
        self.network.zero_grad()
        total = loss.consume + self.settings.rate_weight * loss.rate
        if total.requires_grad:  # False if no rating is masked and the consume side has ended
            total.backward()
        self._update(tasks)
        self.step += 1
        return Progress(self.step, end, loss.consume.item(), loss.rate.item())

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

    def _update(self, tasks: tuple[bool, bool]) -> None:
        """One step of Adam (Kingma & Ba 2015) on loss + penalty, for the tasks that train."""
        settings = self.settings
        warm_up = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, self.step / settings.n_steps)))
        rates = (settings.learning_rate * warm_up * cosine, settings.rate_learning_rate * warm_up)
        for group in self.optimizer.param_groups:
            (p,) = group["params"]
            if not tasks[group["task"]]:
                p.grad = None  # Adam leaves parameters without a gradient alone
            group["lr"] = rates[group["rate"]]
        consume_in = self.network.consume_in
        if consume_in.grad is not None:
            consume_in.grad.addcmul_(consume_in.detach(), self._consume_in_penalty())
        self.optimizer.step()

    def _group(self, name: str, parameter: Tensor) -> dict[str, Any]:
        """A parameter group of Adam: its task, its learning rate and its penalty."""
        task = CONSUME if name.startswith("consume") else RATE
        shared = self.network.config.shared_encoder and name == "consume_in"
        return {
            "params": [parameter],
            "name": name,
            "task": task,
            "rate": RATE if shared else task,
            "weight_decay": self._penalty(name),
        }

    def _penalty(self, name: str) -> float:
        """Slope of the penalty per unit of weight, 2 x reg / interactions."""
        if name == "consume_out":
            return self._unit(CONSUME) * self.settings.consume_reg
        if name in ("rate_in", "rate_out", "rate_common", "rater_in", "rate_bias"):
            return self._unit(RATE) * self.settings.rate_reg
        return 0.0

    def _consume_in_penalty(self) -> Tensor:
        """The slope for `consume_in`, whose channels differ: channels x 1 x 1."""
        settings, n_more = self.settings, len(self.network.consume_in) - 1
        reg = [settings.consume_reg, *[settings.consume_rating_reg] * n_more]
        reg = torch.tensor(reg, device=self.batches.items.device)[:, None, None]
        return self._unit(CONSUME) * reg

    def _unit(self, task: int) -> float:
        n_interactions = max(1, len(self.batches.items))
        if task == RATE:
            return 2.0 / n_interactions
        growth = max(1.0, n_interactions / 100_000) ** (1 / 3)
        return 2.0 / n_interactions * growth * self.schedule.reg_factor

    def item_side(self) -> ItemSide:
        """The item side of all training interactions, at the current weights."""
        return full_item_side(self.network, self.batches, self.sums.type_counts)

    def state(self) -> TrainerState:
        """A copy of the state, to save."""
        groups = self.optimizer.param_groups
        moments = {g["name"]: self.optimizer.state.get(g["params"][0]) for g in groups}
        moments = {name: state for name, state in moments.items() if state}
        first, second, steps = (
            _copies({name: state[key] for name, state in moments.items()})
            for key in ("exp_avg", "exp_avg_sq", "step")
        )
        epoch = self.sums.epoch_network
        return TrainerState(
            self.step,
            _copies(self.parameters),
            first,
            second,
            steps,
            {} if epoch is None else _copies(dict(epoch.named_parameters())),
        )

    @torch.no_grad()
    def _restore(self, state: TrainerState) -> None:
        self.step = state.step
        if state.epoch_weights:
            self._load(state.epoch_weights)
            self.sums.refresh(self.network)
        self._load(state.weights)
        for name, first in state.first_moments.items():
            p = self.parameters[name]
            self.optimizer.state[p] = {
                "step": state.adam_steps[name].clone(),
                "exp_avg": first.to(p).clone(),
                "exp_avg_sq": state.second_moments[name].to(p).clone(),
            }

    def _load(self, weights: dict[str, Tensor]) -> None:
        for name, p in self.parameters.items():
            p.copy_(weights[name])


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}
