"""Adam with a learning rate, a penalty and a last step for each task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adam import adam

from conv4rec.model import Network
from conv4rec.train.schedule import CONSUME, RATE, Schedule
from conv4rec.train.settings import TrainSettings

WARM_UP_STEPS = 10
BETAS, EPSILON = (0.9, 0.99), 1e-8
LONGEST = 2.0  # gradient of the rating side, in root mean squares of about the last hundred
RATE_TABLES = ("rate_in", "rate_out", "rate_common", "rater_in", "rate_bias")  # penalised


@dataclass(frozen=True)
class AdamState:
    """The state of Adam; tensors by parameter name."""

    first_moments: dict[str, Tensor]
    second_moments: dict[str, Tensor]
    steps: dict[str, Tensor]


class Optimiser:
    """Adam (Kingma & Ba, ICLR 2015) on loss + penalty; a rating gradient is never very long.

    The learning rate of the consume side falls to zero on a cosine. That of the rating side and of
    a shared encoder is constant after a warm-up.

    Args:
        network: whose parameters are updated.
        settings: learning rates and penalties.
        schedule: last step and penalty factor of each task.
        n_interactions: the penalties in `settings` are per interaction.
        n_batches: of an epoch. The gradients of fewer users are noisier, and the learning rate of
            the rating side falls by the square root.
    """

    def __init__(
        self,
        network: Network,
        settings: TrainSettings,
        schedule: Schedule,
        n_interactions: int,
        n_batches: int = 1,
    ) -> None:
        self.network, self.settings, self.schedule = network, settings, schedule
        self.rate_learning_rate = settings.rate_learning_rate / math.sqrt(n_batches)
        n = max(1, n_interactions)
        growth = max(1.0, n / 100_000) ** (1 / 3)
        self.penalty_units = (
            2.0 / n * growth * schedule.reg_factors[CONSUME],
            2.0 / n * schedule.reg_factors[RATE],
        )
        self.parameters = {n: p for n, p in network.named_parameters() if p.requires_grad}
        self.moments = AdamState({}, {}, {})

    def step(self, number: int) -> None:
        """Update the tasks that have not ended, from the gradients.

        Args:
            number: of the step, from 0.
        """
        rates = self._learning_rates(number)
        shared = self.network.config.shared_encoder
        if number >= WARM_UP_STEPS and not shared:
            self._shorten_rating_gradient()
        for name, p in self.parameters.items():
            task = CONSUME if name.startswith("consume") else RATE
            if p.grad is not None and number < self.schedule.stops[task]:
                self._update(name, p, rates[RATE if shared and name == "consume_in" else task])

    @torch.no_grad()
    def _shorten_rating_gradient(self) -> None:
        """Keep the gradient of the rating side from being far longer than those before it.

        At a constant learning rate weights may begin to swing, each gradient longer than the last,
        until the loss explodes: on ml-100k at step 208. Adam's second moments say how long
        gradients were. After Shazeer & Stern, "Adafactor", ICML 2018, section 6, for all tables
        at once.
        """
        seconds = self.moments.second_moments
        grads = {
            name: p.grad
            for name, p in self.parameters.items()
            if name in seconds and p.grad is not None and not name.startswith("consume")
        }
        squares = sum(float(torch.linalg.vector_norm(grad)) ** 2 for grad in grads.values())
        expected = sum(
            float(seconds[name].sum()) / (1 - BETAS[1] ** float(self.moments.steps[name]))
            for name in grads
        )
        if squares > LONGEST**2 * expected > 0:
            for grad in grads.values():
                grad.mul_(LONGEST * math.sqrt(expected / squares))

    @torch.no_grad()
    def _update(self, name: str, p: Tensor, learning_rate: float) -> None:
        """One parameter; the function of torch, whose class takes a second to load its compiler.

        Fused it reads a table once: 3.7 ms instead of 37 for 5 million weights, on one core.
        """
        assert p.grad is not None
        if name == "consume_in":
            p.grad.addcmul_(p, self._consume_in_penalty())
        first, second, steps = vars(self.moments).values()
        if name not in first:
            first[name], second[name] = torch.zeros_like(p), torch.zeros_like(p)
            steps[name] = torch.zeros((), device=p.device)
        adam(
            [p], [p.grad], [first[name]], [second[name]], [], [steps[name]],
            amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=learning_rate,
            weight_decay=self._penalty(name), eps=EPSILON, maximize=False, fused=True,
        )  # fmt: skip

    def _learning_rates(self, number: int) -> tuple[float, float]:
        settings = self.settings
        warm_up = min(1.0, (number + 1) / WARM_UP_STEPS)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, number / settings.n_steps)))
        return settings.learning_rate * warm_up * cosine, self.rate_learning_rate * warm_up

    def _penalty(self, name: str) -> float:
        """Slope of the penalty per unit of weight: 2 x reg / interactions."""
        if name == "consume_out":
            return self.penalty_units[CONSUME] * self.settings.consume_reg
        if name in RATE_TABLES:
            return self.penalty_units[RATE] * self.settings.rate_reg
        return 0.0

    def _consume_in_penalty(self) -> Tensor:
        """The same for `consume_in`, whose channels differ: channels x 1 x 1."""
        consume_in = self.network.consume_in
        reg = [self.settings.consume_reg]
        reg += [self.settings.consume_rating_reg] * (len(consume_in) - 1)
        slopes = torch.tensor(reg, device=consume_in.device)[:, None, None]
        return self.penalty_units[CONSUME] * slopes

    def state(self) -> AdamState:
        """A copy of the state, to save; without parameters that have never had a gradient."""
        return AdamState(*(copies(part) for part in vars(self.moments).values()))

    def restore(self, state: AdamState) -> None:
        """Go on from a saved state."""
        like = self.parameters
        self.moments = AdamState(
            {name: first.to(like[name]).clone() for name, first in state.first_moments.items()},
            {name: second.to(like[name]).clone() for name, second in state.second_moments.items()},
            copies(state.steps),
        )


def copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, detached and cloned."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}
