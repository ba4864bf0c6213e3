"""A score as a sum over what was in the history."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Attribution:
    """Scores of some items as sums: float64."""

    base: Tensor  # items: the score with a silent history
    contribution: Tensor  # entries x items: what each entry of the history adds

    @property
    def score(self) -> Tensor:
        """What the parts add up to: items."""
        return self.base + self.contribution.sum(0)
