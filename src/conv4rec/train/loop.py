"""The training loop, whole: hide, read, predict, step; stop each task in its time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

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
    """Where training is, for progress bars and logs."""

    step: int
    n_steps: int
    consume_nll: float
    rate_nll: float


@dataclass
class State:
    """Everything a later process needs to go on as if nothing had happened."""

    step: int
    weights: dict[str, Tensor]
    first_moments: dict[str, Tensor]
    second_moments: dict[str, Tensor]
    frozen: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Schedule:
    """How long each task trains, and how strongly each is penalised."""

    stops: tuple[int, int]
    """Steps after which the consume side and the rating side are frozen."""
    reg_factors: tuple[float, float] = (1.0, 1.0)
    """On the penalties in `TrainSettings`: consume side, rating side."""


class Trainer:
    """One run of the loop: `run` goes on until the schedule ends or `on_step` says stop.

    The consume side's learning rate falls to zero; the rating side's never falls: it is the
    predictions of its last looks that are averaged (`conv4rec.train.assembly`). A shared encoder
    goes with the rating side. The same seed,
    machine and thread count give the same bits; so does a run that was stopped, saved with
    `state` and continued from there, because every random draw depends on the seed and the
    step number alone.
    """

    def __init__(
        self,
        network: Network,
        batches: Batches,
        settings: TrainSettings,
        schedule: Schedule,
        seed: int,
        state: State | None = None,
    ) -> None:
        self.network, self.batches = network, batches
        self.settings, self.schedule, self.seed = settings, schedule, seed
        self.parameters = dict(network.named_parameters())
        self.sums = ItemSums(batches)
        self.step = 0
        self._first, self._second = (
            {name: torch.zeros_like(p.detach()) for name, p in self.parameters.items()}
            for _ in range(2)
        )
        users_a_batch = max(1, settings.batch_cells // batches.n_items)
        self.n_batches = math.ceil(batches.n_users / users_a_batch)
        if state is not None:
            self._restore(state)

    def run(self, on_step: Callable[[Progress], bool] | None = None, until: int = 10**9) -> bool:
        """Train up to step `until` or the end; True if the end was reached.

        Args:
            on_step: called after each step; training stops if it returns True.
            until: stop after this step.
        """
        end = max(self.schedule.stops)
        while self.step < min(until, end):
            users = self._users_of_step()
            rng = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
            history = mask_history(self.batches.of_users(users), self.settings, rng)
            item_side = self.sums.without_masked(self.network, users, history)
            tasks = (
                self.step < self.schedule.stops[CONSUME],
                self.step < self.schedule.stops[RATE],
            )
            with_consume = tasks[CONSUME] or self.settings.propensity_power > 0
            encoding = self.network.encode(history, item_side, with_consume)
            loss = losses(self.network, encoding, history, self.settings, tasks)
            self.network.zero_grad()
            total = loss.consume + self.settings.rate_weight * loss.rate
            if total.requires_grad:  # nothing to learn from: no rating is hidden, say
                total.backward()
            self._update(tasks)
            self.step += 1
            progress = Progress(self.step, end, loss.consume.item(), loss.rate.item())
            if on_step is not None and on_step(progress):
                return False
        return self.step >= end

    def _users_of_step(self) -> Tensor:
        """The users of this step's batch: each epoch deals all users out in a new order."""
        device = self.batches.items.device
        if self.n_batches == 1:
            return torch.arange(self.batches.n_users, device=device)
        epoch, place = divmod(self.step, self.n_batches)
        if place == 0 and self.network.config.two_sided:
            self.sums.refresh(self.network)
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 - 1 - epoch)
        dealt = torch.randperm(self.batches.n_users, generator=rng)
        return dealt.tensor_split(self.n_batches)[place].to(device)

    @torch.no_grad()
    def _update(self, tasks: tuple[bool, bool]) -> None:
        """Adam (Kingma & Ba 2015) on loss + penalty."""
        settings, beta1, beta2 = self.settings, 0.9, 0.99
        t = self.step + 1
        warm_up = min(1.0, t / WARM_UP_STEPS)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, self.step / settings.n_steps)))
        rates = (settings.learning_rate * warm_up * cosine, settings.rate_learning_rate * warm_up)
        shared = self.network.config.shared_encoder
        for name, p in self.parameters.items():
            task = CONSUME if name.startswith("consume") else RATE
            if p.grad is None or not tasks[task]:
                continue
            penalty, grad = self._penalty(name), p.grad
            if isinstance(penalty, Tensor):
                grad.addcmul_(p, penalty)
            else:
                grad.add_(p, alpha=penalty)
            first = self._first[name].lerp_(grad, 1 - beta1)
            second = self._second[name].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
            spread = (second / (1 - beta2**t)).sqrt_().add_(1e-8)
            rate = rates[RATE if shared and name == "consume_in" else task]
            p.addcdiv_(first, spread, value=-rate / (1 - beta1**t))

    def _penalty(self, name: str) -> float | Tensor:
        """Slope of the penalty per unit of weight: 2 x reg / interactions."""
        settings, n_interactions = self.settings, max(1, len(self.batches.items))
        unit = 2.0 / n_interactions
        growth = max(1.0, n_interactions / 100_000) ** (1 / 3)
        consume = unit * growth * self.schedule.reg_factors[CONSUME]
        if name == "consume_in":
            n_more = len(self.network.consume_in) - 1
            consume_reg_factors = [settings.consume_reg, *[settings.consume_rating_reg] * n_more]
            return (
                consume
                * torch.tensor(consume_reg_factors, device=self.batches.items.device)[:, None, None]
            )
        if name == "consume_out":
            return consume * settings.consume_reg
        if name in ("rate_in", "rate_out", "rate_common", "rater_in", "rate_bias"):
            return unit * self.schedule.reg_factors[RATE] * settings.rate_reg
        return 0.0

    def item_side(self) -> ItemSide:
        """The item side with everything that is trained on fed, at the weights of the moment."""
        return full_item_side(self.network, self.batches, self.sums.type_counts)

    def state(self) -> State:
        """A snapshot to save; shares no memory with the run."""
        frozen = {} if self.sums.frozen is None else dict(self.sums.frozen.named_parameters())
        parts = (self.parameters, self._first, self._second, frozen)
        copied = [{n: p.detach().clone() for n, p in part.items()} for part in parts]
        return State(self.step, *copied)

    @torch.no_grad()
    def _restore(self, state: State) -> None:
        self.step = state.step
        if state.frozen:
            for name, p in self.parameters.items():
                p.copy_(state.frozen[name])
            self.sums.refresh(self.network)
        parts = (self.parameters, self._first, self._second)
        saved = (state.weights, state.first_moments, state.second_moments)
        for part, values in zip(parts, saved, strict=True):
            for name, p in part.items():
                p.copy_(values[name])
