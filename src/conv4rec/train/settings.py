"""How a network is trained: one set of values for every data set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainSettings:
    """The knobs of training. Penalties are on squared weights, in units of one interaction."""

    n_steps: int = 100
    """Steps of the schedule; the learning rate falls to zero over them on a cosine."""
    learning_rate: float = 0.006
    """Of Adam, at its highest."""
    hide_low: float = 0.05
    """Lowest share of a history hidden in a step; drawn anew for each user."""
    hide_high: float = 0.2
    """Highest share of a history hidden in a step."""
    hidden_only: bool = True
    """Whether only hidden interactions are predicted (else the fed ones too: they get copied)."""
    average: float = 0.97
    """Weight averaging: the share of the average that a step keeps."""
    consume_reg: float = 8.0
    """Penalty of the consume side; beyond 100,000 interactions it grows with their cube root."""
    consume_rating_reg: float = 48.0
    """The same for what the consume side reads from ratings."""
    rate_reg: float = 8.0
    """Penalty of the rating side."""
    user_weight: float = 0.5
    """A user's weight in the consume loss is (hidden interactions) ** -user_weight each."""
    spectral_start: float = 0.5
    """Spread of a user's first consume scores over the items, in nats; 0 for a random start."""
    batch_cells: int = 60_000_000
    """Users x items scored in one step, at most."""
    validation_share: float = 0.1
    """Share of the interactions held out to choose penalties and stopping."""
    regs: tuple[float, ...] = (1.0, 2.0, 0.4)
    """Factors on the penalties to rehearse; each task takes its best (large logs: fewer)."""
