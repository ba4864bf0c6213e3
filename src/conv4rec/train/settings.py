"""How a network is trained: one set of values for every data set."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from conv4rec.model.settings import (
    Amount,
    Count,
    CountOrNone,
    Factors,
    Power,
    Settings,
    Share,
    Switch,
)

MOST_SOLVED_BYTES = 2**28
"""Of the table of solved users. Those of a larger log are solved whenever they are asked about: the
time to solve all of them would be a quarter of the fit (138,000 users)."""


class TrainSettings(Settings):
    """The settings of training. Penalties are on squared weights, in units of one interaction."""

    n_steps: Count = 60
    """Steps of the consume side; its learning rate falls to zero over them on a cosine. Very large
    logs take more: at least two epochs."""
    learning_rate: Amount = 0.009
    """Highest learning rate of Adam on the consume side."""
    rate_steps_ratio: Amount = 3.5
    """Steps of the rating side, in multiples of `n_steps`."""
    rate_learning_rate: Amount = 0.013
    """Learning rate of Adam on the rating side and on a shared encoder. It is constant, so that
    the averaged snapshots differ."""
    rate_weight: Amount = 1.0
    """Weight of the rating loss beside the consume loss: matters to a shared encoder alone."""
    averaged_snapshots: Count = 8
    """How many of the rating side's last evaluations are averaged, in their predictions."""
    mask_low: Share = 0.05
    """Lowest share of a history that is masked in a step; drawn anew for each user."""
    mask_high: Share = 0.2
    """Highest share of a history that is masked in a step."""
    masked_only: Switch = True
    """Whether only masked interactions are predicted. Else the observed ones are predicted too, and
    the network learns to copy them."""
    consume_reg: Amount = 8.0
    """Penalty of the consume side; beyond 100,000 interactions it grows with their cube root."""
    consume_rating_reg: Amount = 48.0
    """The same for what the consume side reads from ratings."""
    rate_reg: Amount = 20.0
    """Penalty of the rating side."""
    propensity_power: Power = 0.0
    """A rating has weight P(consume | history) ** -propensity_power in the rating loss."""
    propensity_validation: Power = 0.0
    """The same where stopping and the rating penalty are chosen."""
    user_weight_power: Power = 0.5
    """Each masked interaction of a user has weight (their number) ** -user_weight_power in the
    consume loss."""
    spectral_init: Amount = 0.5
    """Spread of a user's first consume scores over the items, in nats; 0 for a random start."""
    spectral_damping: Amount = 1.0
    """How far the noisy half of the spectrum is damped, in middle singular values."""
    softmax_cells: Count = 30_000_000
    """Users x items up to which a step of the consume side predicts among all items; of a larger
    log, among a sample of about 1,024."""
    batch_rows: Count = 2_000_000
    """Interactions in a step, at most; the users of a larger log come in batches."""
    validation_fraction: Share = 0.1
    """Share of the interactions held out to choose penalties, ensemble weights and stopping."""
    validation_size: Count = 250_000
    """Of a log with more interactions, these are chosen on users drawn at random, with about so
    many, or a quarter of the log if that is more; what concerns ratings on two fifths of it."""
    mf_factors: Count = 20
    """Factors of a draw of the Bayesian matrix factorisation (see `conv4rec.train.gibbs`)."""
    mf_features: Count = 64
    """Features that summarise a history's implicit feedback for the Bayesian matrix
    factorisation."""
    mf_sweeps: Count = 200
    """Sweeps of its Gibbs chain; the first fifth is discarded. The final chain goes on from that of
    the validation part, and does without three quarters of this fifth."""
    mf_draws: CountOrNone = 40
    """Draws kept, evenly from the rest; 0 for no Bayesian matrix factorisation."""
    solve_users: Switch = True
    """Whether the factors of training users are solved at the end of a fit and kept: answers about
    them then take half of the time."""
    ridge_rank: CountOrNone = 512
    """Rank of the ridge component (see `conv4rec.train.ridge`); 0 for none."""
    slim_neighbours: CountOrNone = 100
    """Candidate neighbours of an item in the SLIM component (see `conv4rec.train.slim`); 0 for
    none. A shared encoder stands alone: it has no SLIM component."""
    stacking_units: CountOrNone = 8
    """Hidden units of the network that combines the components' consume scores (see
    `conv4rec.train.stacking`); 0 to add them up. It needs a validation part."""
    consume_reg_factors: Factors = (1.0, 0.4, 2.0)
    """Factors on the consume penalties, one for each validation fit; the best is taken. Of more
    than 4 million users x items, the first two; of 40 million, the first and a twentieth of it."""
    rate_reg_factors: Factors = (1.0, 0.4, 0.2)
    """The same for the rating penalty (large logs: the first two)."""

    @model_validator(mode="after")
    def _something_is_masked(self) -> Self:
        if self.mask_high <= self.mask_low:
            raise ValueError(
                f"mask_high must be above mask_low={self.mask_low:g}, or nothing is ever masked; "
                f"got {self.mask_high:g}"
            )
        return self

    @property
    def rate_steps(self) -> int:
        """Steps of the rating side."""
        return max(1, round(self.n_steps * self.rate_steps_ratio))
