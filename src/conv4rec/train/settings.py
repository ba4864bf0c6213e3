"""How a network is trained: one set of values for every data set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainSettings:
    """The knobs of training. Penalties are on squared weights, in units of one interaction."""

    n_steps: int = 100
    """Steps of the consume side; its learning rate falls to zero over them on a cosine."""
    learning_rate: float = 0.006
    """Of Adam on the consume side, at its highest."""
    rate_steps_ratio: float = 2.0
    """Steps of the rating side, in multiples of `n_steps`."""
    rate_learning_rate: float = 0.01
    """Of Adam on the rating side and a shared encoder: constant, so that they keep moving."""
    rate_weight: float = 1.0
    """What the rating loss counts beside the consume loss: matters to a shared encoder alone."""
    averaged_snapshots: int = 8
    """How many of the rating side's last looks are averaged, in their predictions."""
    mask_low: float = 0.05
    """Lowest share of a history hidden in a step; drawn anew for each user."""
    mask_high: float = 0.2
    """Highest share of a history hidden in a step."""
    masked_only: bool = True
    """Whether only hidden interactions are predicted (else the fed ones too: they get copied)."""
    consume_reg: float = 8.0
    """Penalty of the consume side; beyond 100,000 interactions it grows with their cube root."""
    consume_rating_reg: float = 48.0
    """The same for what the consume side reads from ratings."""
    rate_reg: float = 8.0
    """Penalty of the rating side."""
    propensity_power: float = 0.0
    """A rating counts P(its pick | history) ** -propensity_power in the rating loss; 0: alike."""
    propensity_validation: float = 0.0
    """The same where stopping and the rating penalty are chosen."""
    user_weight_power: float = 0.5
    """A user's weight in the consume loss is (hidden interactions) ** -user_weight each."""
    spectral_init: float = 0.5
    """Spread of a user's first consume scores over the items, in nats; 0 for a random start."""
    spectral_damping: float = 1.0
    """How much of its noisy half is faded, in middle singular values."""
    batch_cells: int = 60_000_000
    """Users x items scored in one step, at most."""
    validation_fraction: float = 0.1
    """Share of the interactions held out to choose penalties and stopping."""
    mf_factors: int = 20
    """Factors a draw of the rating side's exact half (see `conv4rec.train.gibbs`)."""
    mf_features: int = 64
    """What the pattern of a history is boiled down to, for the exact half."""
    mf_sweeps: int = 200
    """Sweeps of its chain; the first fifth is thrown away."""
    mf_draws: int = 40
    """Draws kept, evenly from the rest; 0 to do without the exact half."""
    ridge_rank: int = 512
    """Rank of the ridge component (see `conv4rec.train.ridge`); 0 to do without."""
    slim_neighbours: int = 100
    """Candidates for an item's neighbours on the consume side (see `conv4rec.train.slim`);
    0 to do without. With a shared encoder, which is all there is, there are none."""
    consume_reg_factors: tuple[float, ...] = (1.0, 0.4, 2.0)
    """Factors on the consume penalties to rehearse; the best is taken (large logs: fewer)."""

    @property
    def rate_steps(self) -> int:
        """Steps of the rating side."""
        return max(1, round(self.n_steps * self.rate_steps_ratio))
