"""What fixes the shape of the network, and nothing else."""

from __future__ import annotations

from conv4rec.model.settings import Count, CountOrNone, CountOrRule, Settings, Switch


class NetworkSettings(Settings):
    """The sizes and switches of a network that can be set; the data may call for smaller ones."""

    n_rating_channels: Count = 2
    """Rating channels beside "consumed": 1 = liked, 2 = liked and polarising."""
    consume_channels: Count = 1
    """How many of the rating channels the consume side reads."""
    consume_size: CountOrRule = None
    """Latent width of the consume side. None: 64; beyond 100,000 interactions it grows with their
    square root, to 256. Narrower where there are more than 250,000 items."""
    rate_size: CountOrRule = None
    """Latent width of the rating side. None: 32, growing so to 64. Narrower where there are more
    than 250,000 items."""
    two_sided: Switch = True
    """Whether the convolution also runs down each item's column of users."""
    centred: Switch = True
    """Whether rating channels are centred on the item's mean and on the user's own mean."""
    polynomial_init: Switch = True
    """Whether kernels start at orthogonal polynomials of the scale, or at random."""
    shared_encoder: Switch = False
    """Whether both tasks are decoded from one latent vector of size `consume_size`. Both tasks then
    stop at one step, and the tables of the last evaluations are averaged."""


class NetworkConfig(NetworkSettings):
    """The shape of a `Network`: what was set, fitted to the data, and what is served with it.

    Memory of the weights, in floats: consume side (2 + consume_channels) x items x
    consume_size; rating side (1 + 2 n_channels) x items x rate_size, and, while training a
    two-sided network, (1 + n_channels) x users x rate_size more.
    """

    n_users: CountOrNone
    n_items: CountOrNone
    n_levels: Count
    # Known by now; and a frozen field is only read, so its type may be narrower.
    consume_size: Count = 64  # pyright: ignore[reportIncompatibleVariableOverride]
    rate_size: Count = 32  # pyright: ignore[reportIncompatibleVariableOverride]
    n_rating_channels: CountOrNone = 2
    """0 on a scale of one level."""
    consume_channels: CountOrNone = 1
    """0 on a scale of one level."""
    n_mf_draws: CountOrNone = 0
    """Draws of the Bayesian matrix factorisation; 0: there is none, as while training."""
    mf_width: CountOrNone = 0
    """Width of a draw: the factors and one offset."""
    n_mf_features: CountOrNone = 0
    """Features of a history's implicit feedback that the Bayesian matrix factorisation reads."""
    n_slim_neighbours: CountOrNone = 0
    """SLIM neighbours of each item on the consume side; 0: there are none, as while training."""
