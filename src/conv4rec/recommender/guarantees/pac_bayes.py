"""A PAC-Bayes certificate: every user trains the model, and none is held out."""

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
from conv4rec.train.loop import Schedule, Trainer

WIDTHS = (0.01, 0.03, 0.1)
"""Widths of the blur that are tried; each gets a third of the allowed failures."""
SHARES = (0.0, 0.1, 0.3, 1.0)
"""How far the posterior goes from the prior to the weights fine-tuned on everyone."""
PILOT, DRAWS = 4, 200
HOPELESS = 5.0  # nats of KL a user: more draws could not save such a bound
FINE_TUNING = 20
"""Steps from the prior's weights on all users, at a tenth of the learning rate."""


@dataclass(frozen=True)
class PacBayesResult:
    """The chosen posterior's bound on 1 - recall@k, and the bound at the fine-tuned weights.

    `empirical_loss` of both is the bound by betting on the blurred model's loss on its users.
    """

    k: int
    width: float
    share: float
    """0: the prior itself; 1: the weights fine-tuned on all users."""
    bound: PacBayesBound
    full: PacBayesBound
    """Of share 1 at the same width."""

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
    """Bound the recall of a blurred model from the users that trained it (statement 7).

    A random half of the users trains the prior's centre. Fine-tuning the consume side on all
    users gives another centre; the posterior's lies between the two. Its loss, 1 - recall@k of
    a seeded half of each history, is measured on the *second* half of the users, with fresh
    noise for each of `draws` draws. Everything but the two tables and the biases of the consume
    side (kernels, item means) is the prior's.

    Assumes: users are independent draws from those the promise is about. Promises: the bound
    holds for the model whose weights are blurred by noise of this width, averaged over noise.
    Does not promise: anything about unblurred weights, nor that fine-tuning is worth its KL.

    Raises:
        SettingError: `draws` or `k` is below 1, or there are fewer than 32 users.
    """
    if draws < 1 or k < 1:
        raise SettingError(f"draws and k are at least 1; got {draws} and {k}")
    if log.n_users < 32:
        raise SettingError(f"two halves of {log.n_users} users are too few: 32 are needed")
    rng = np.random.default_rng(seed)
    first = np.zeros(log.n_users, dtype=bool)
    first[rng.permutation(log.n_users)[: log.n_users // 2]] = True
    known = log.select(first[log.user_numbers])  # the same users, half of them without rows
    prior = Conv4Rec(preset=preset, seed=seed, **settings).fit(known)
    ends = _consume_weights(prior.scoring_.network), _fine_tuned(prior, log, seed)
    judge = fold_in_split(log.take_users(np.flatnonzero(~first)), seed)
    meter = _Meter(prior, ends, judge, k, seed)
    pilots = {
        (w, s): meter.bound(w, s, PILOT, confidence, bayesian_mf=True)
        for w in WIDTHS
        for s in SHARES
    }
    width, share = min(pilots, key=lambda choice: pilots[choice].value)
    each = 1 - (1 - confidence) / len(WIDTHS)
    chosen = meter.bound(width, share, draws, each)
    hopeless = pilots[width, 1.0].kl > HOPELESS * meter.n
    full = meter.bound(width, 1.0, min(draws, PILOT) if hopeless else draws, each)
    return PacBayesResult(k, width, share, chosen, full)


class _Meter:
    """Measures blurred models on the users whom the prior has not seen."""

    def __init__(
        self, prior: Conv4Rec, ends: tuple[list[Tensor], list[Tensor]], judge: Split, k: int,
        seed: int,
    ) -> None:  # fmt: skip
        self.model, self.ends, self.judge, self.k = prior, ends, judge, k
        self.noise = torch.Generator().manual_seed(seed)  # never the same noise twice
        self.n = judge.test.n_users

    def bound(
        self, width: float, share: float, draws: int, confidence: float, bayesian_mf: bool = False
    ) -> PacBayesBound:
        """The bound at one width and centre; `bayesian_mf` trusts the mean of the draws (to choose).

        Else half of the allowed failures pays for the draws: their mean loss is bounded by
        betting, which profits from their small variance as Chernoff's bound cannot.
        """
        centre = [a + share * (b - a) for a, b in zip(*self.ends, strict=True)]
        kl = gaussian_kl(_flat(centre), _flat(self.ends[0]), width)
        losses = np.array([self._loss(centre, width) for _ in range(draws)])
        if bayesian_mf:
            return pac_bayes_bound(float(losses.mean()), kl, self.n, confidence)
        half = (1 + confidence) / 2
        return pac_bayes_bound(certify(losses, half).upper, kl, self.n, half)

    @torch.no_grad()
    def _loss(self, centre: list[Tensor], width: float) -> float:
        for p, c in zip(_consume_parameters(self.model.scoring_.network), centre, strict=True):
            p.copy_(c + width * torch.randn(c.shape, generator=self.noise).to(c.device))
        found = evaluate_model(self.model, self.judge, ranking_metrics=(f"recall@{self.k}",))
        return 1 - float(found.metrics[f"recall@{self.k}"] or 0.0)


def _fine_tuned(prior: Conv4Rec, log: Interactions, seed: int) -> list[Tensor]:
    """The consume side after a few more steps from the prior's weights, on everyone."""
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
