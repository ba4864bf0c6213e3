"""Certificates for a trained model: bounds on its mean loss for new users, from held-out users."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from conv4rec.data import Interactions
from conv4rec.errors import SettingError
from conv4rec.recommender import Conv4Rec
from conv4rec.recommender.guarantees.fold_in_split import UserLosses, fold_in_split, user_losses
from conv4rec.recommender.guarantees.leakage import check_leakage
from conv4rec.theory import Certificate, certify
from conv4rec.theory.certificates import Method

N_STATEMENTS = 4
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, eq=False)
class Guarantee:
    """One bound on the mean loss of new users, by each of the three methods."""

    name: str
    """recall@k, squared_error, rating_log_loss or consume_log_loss."""
    scale: float
    """The value of a loss of 1: the squared range of the scale, or the cap in nats."""
    certificates: dict[str, Certificate] = field(repr=False)
    """By method; "betting" is the one that counts, chosen before the data were seen."""

    @property
    def is_score(self) -> bool:
        """Whether a larger value is better: the bound is then from below."""
        return self.name.startswith("recall")

    def bound(self, method: str = "betting") -> float:
        """The bound on the mean over new users, in the units of the score or the loss."""
        certificate = self.certificates[method]
        return certificate.at_least if self.is_score else certificate.upper * self.scale

    @property
    def mean(self) -> float:
        """The mean over the held-out users."""
        mean = self.certificates["betting"].mean
        return 1 - mean if self.is_score else mean * self.scale

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON."""
        bounds = {method: self.bound(method) for method in METHODS}
        facts = {"name": self.name, "side": "at least" if self.is_score else "at most"}
        vacuous = {method: c.vacuous for method, c in self.certificates.items()}
        n = self.certificates["betting"].n
        return {**facts, "mean": self.mean, "n": n, "scale": self.scale, **bounds,
                "vacuous": vacuous}  # fmt: skip


def certify_model(
    model: Conv4Rec,
    held_out: Interactions,
    *,
    confidence: float = 0.95,
    k: int = 20,
    seed: int = 0,
) -> list[Guarantee]:
    """Four bounds that hold together with probability `confidence` (statement 7).

    A random half of each held-out history is observed, the other half predicted. Each bound
    fails with a quarter of the probability 1 - confidence (union bound). The log-losses are means
    per user, capped at twice the log-loss of the uniform distribution.

    Assumes that the held-out users are independent draws from the population of new users.
    Nothing is assumed about the order or the dependence of interactions within a user.

    Args:
        model: fitted.
        held_out: histories over the model's items and levels.
        confidence: of all four bounds together.
        k: length of the list for recall.
        seed: of the fold-in split and of the order of users in the betting method.

    Raises:
        DataError: A held-out user trained the model, or none has two interactions.
        SettingError: `confidence` or `k` is out of range.
    """
    if k < 1:
        raise SettingError(f"k is at least 1; got {k}")
    if not 0 < confidence < 1:
        raise SettingError(f"confidence lies strictly between 0 and 1; got {confidence}")
    check_leakage(model.interactions_, held_out)
    losses = user_losses(model, fold_in_split(held_out, seed), k)
    each = 1 - (1 - confidence) / N_STATEMENTS
    return [
        Guarantee(
            name,
            scale,
            {method: certify(values, each, method, seed) for method in METHODS},
        )
        for name, values, scale in unit_losses(losses, held_out, k)
        if len(values)
    ]


def unit_losses(
    losses: UserLosses, log: Interactions, k: int
) -> list[tuple[str, np.ndarray, float]]:
    """Losses in [0, 1], one per user who has any: (name, losses, the value of 1)."""
    values = log.levels.values
    spread = max(values[-1] - values[0], 1e-12) ** 2
    caps = [2 * np.log(max(2, size)) for size in (log.n_levels, log.n_items)]
    table = [
        (f"recall@{k}", 1 - losses.recall, 1.0),
        ("squared_error", losses.squared_error / spread, spread),
        ("rating_log_loss", np.minimum(losses.rating_log_loss / caps[0], 1.0), float(caps[0])),
        ("consume_log_loss", np.minimum(losses.consume_log_loss / caps[1], 1.0), float(caps[1])),
    ]
    return [(name, np.clip(each[~np.isnan(each)], 0, 1), scale) for name, each, scale in table]
