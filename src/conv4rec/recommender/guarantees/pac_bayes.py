"""A PAC-Bayes certificate: all users train the model, and none is held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conv4rec.data import Interactions, Split
from conv4rec.errors import SettingError
from conv4rec.model import Network
from conv4rec.recommender import Conv4Rec, evaluate_model
from conv4rec.recommender.configuration import Preset, configuration
from conv4rec.recommender.guarantees.fold_in_split import fold_in_split
from conv4rec.theory import PacBayesBound, certify, gaussian_kl, pac_bayes_bound
from conv4rec.train.batches import Batches
from conv4rec.train.loop import Trainer
from conv4rec.train.schedule import Schedule

WIDTHS = (0.01, 0.03, 0.1)
"""Standard deviations of the posterior that are tried; 1 - confidence is split among them."""
SHARES = (0.0, 0.1, 0.3, 1.0)
"""Positions of the posterior's mean, from the prior (0) to the fine-tuned weights (1)."""
PILOT, DRAWS = 4, 200
VACUOUS = 5.0  # nats of KL per user: more draws would not make such a bound informative
FINE_TUNING = 20
"""Steps of fine-tuning on all users, at a tenth of the learning rate."""


@dataclass(frozen=True)
class PacBayesResult:
    """The bound on 1 - recall@k of the chosen posterior, and of that at the fine-tuned weights.

    `empirical_loss` of both is the betting bound on the posterior's mean loss on its users.
    """

    k: int
    width: float
    share: float
    """Position of the posterior's mean, from the prior (0) to the fine-tuned weights (1)."""
    bound: PacBayesBound
    full: PacBayesBound
    """Of the posterior of the same width at the fine-tuned weights."""

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON."""
        facts = {"k": self.k, "width": self.width, "share": self.share}
        for name, bound in (("chosen", self.bound), ("fine_tuned", self.full)):
            facts[name] = {**vars(bound), "recall_at_least": 1 - bound.value,
                           "complexity": bound.complexity, "vacuous": bound.vacuous}  # fmt: skip
        return facts


def pac_bayes_recall(
    log: Interactions,
    settings: dict[str, Any],
    *,
    preset: Preset = "default",
    confidence: float = 0.95,
    k: int = 20,
    seed: int = 0,
    draws: int = DRAWS,
) -> PacBayesResult:
    """Bound the recall of a PAC-Bayes posterior from the users that trained it.

    A random half of the users trains the mean of the prior. The consume side is then fine-tuned
    on all users, and the mean of the posterior lies between the two. Prior and posterior are
    normal in the two tables and the biases of the consume side; all else is the prior's. The
    loss, 1 - recall@k on a fold-in split, is measured on the *second* half of the users, with
    fresh noise in each of `draws` draws.

    Assumes that users are independent draws from the population. The bound is on the loss of a
    model with random weights from the posterior, averaged over them. It is not a bound on the
    loss at the mean weights.

    Raises:
        SettingError: `draws` or `k` is below 1, or there are fewer than 32 users.
    """
    if draws < 1 or k < 1:
        raise SettingError(f"draws and k are at least 1; got {draws} and {k}")
    if log.n_users < 32:
        raise SettingError(f"{log.n_users} users are too few for a PAC-Bayes bound: 32 are needed")
    rng = np.random.default_rng(seed)
    first = np.zeros(log.n_users, dtype=bool)
    first[rng.permutation(log.n_users)[: log.n_users // 2]] = True
    known = log.select(first[log.user_numbers])  # all users, half of them without interactions
    prior = Conv4Rec(preset=preset, seed=seed, **settings).fit(known)
    ends = _consume_weights(prior.scoring_.network), _fine_tuned(prior, log, seed)
    split = fold_in_split(log.take_users(np.flatnonzero(~first)), seed)
    meter = _Meter(prior, ends, split, k, seed)
    pilots = {
        (w, s): meter.bound(w, s, PILOT, confidence, pilot=True) for w in WIDTHS for s in SHARES
    }
    width, share = min(pilots, key=lambda choice: pilots[choice].value)
    each = 1 - (1 - confidence) / len(WIDTHS)
    chosen = meter.bound(width, share, draws, each)
    vacuous = pilots[width, 1.0].kl > VACUOUS * meter.n
    full = meter.bound(width, 1.0, min(draws, PILOT) if vacuous else draws, each)
    return PacBayesResult(k, width, share, chosen, full)


class _Meter:
    """Measures models drawn from a posterior on the users that did not train the prior."""

    def __init__(
        self, prior: Conv4Rec, ends: tuple[list[Tensor], list[Tensor]], split: Split, k: int,
        seed: int,
    ) -> None:  # fmt: skip
        self.model, self.ends, self.split, self.k = prior, ends, split, k
        self.noise = torch.Generator().manual_seed(seed)  # fresh noise in each draw
        self.n = split.test.n_users

    def bound(
        self, width: float, share: float, draws: int, confidence: float, pilot: bool = False
    ) -> PacBayesBound:
        """The bound at one width and share; a `pilot` takes the mean of its draws as exact.

        Otherwise the mean loss of the posterior is bounded by betting on the draws, which profits
        from their small variance, and may fail with half of the probability.
        """
        centre = [a + share * (b - a) for a, b in zip(*self.ends, strict=True)]
        kl = gaussian_kl(_flat(centre), _flat(self.ends[0]), width)
        losses = np.array([self._loss(centre, width) for _ in range(draws)])
        if pilot:
            return pac_bayes_bound(float(losses.mean()), kl, self.n, confidence)
        half = (1 + confidence) / 2
        return pac_bayes_bound(certify(losses, half).upper, kl, self.n, half)

    @torch.no_grad()
    def _loss(self, centre: list[Tensor], width: float) -> float:
        for p, c in zip(_consume_parameters(self.model.scoring_.network), centre, strict=True):
            p.copy_(c + width * torch.randn(c.shape, generator=self.noise).to(c.device))
        found = evaluate_model(self.model, self.split, ranking_metrics=(f"recall@{self.k}",))
        return 1 - float(found.metrics[f"recall@{self.k}"] or 0.0)


def _fine_tuned(prior: Conv4Rec, log: Interactions, seed: int) -> list[Tensor]:
    """The consume side after some steps on all users from the prior's weights."""
    network = prior.scoring_.network
    config = network.config.with_changes(n_users=log.n_users, two_sided=False)
    fresh = Network(config, torch.ones(config.n_levels), torch.Generator().manual_seed(seed))
    own = fresh.state_dict()
    fresh.load_state_dict({name: network.state_dict()[name] for name in own})
    _, base = configuration(prior.preset, prior.settings)
    slow = base.with_changes(n_steps=FINE_TUNING, learning_rate=base.learning_rate / 10)
    schedule = Schedule((FINE_TUNING, 0), prior.fitted_.schedule.reg_factors)
    trainer = Trainer(fresh, Batches.from_interactions(log), slow, schedule, seed)
    trainer.run()
    return _consume_weights(trainer.network)


def _consume_parameters(network: Network) -> list[Tensor]:
    return [network.consume_in, network.consume_out, network.consume_bias]


def _consume_weights(network: Network) -> list[Tensor]:
    return [p.detach().clone() for p in _consume_parameters(network)]


def _flat(weights: list[Tensor]) -> np.ndarray:
    return torch.cat([w.flatten() for w in weights]).double().cpu().numpy()
