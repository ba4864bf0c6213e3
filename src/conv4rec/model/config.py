"""What fixes the shape of the network, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkConfig:
    """The sizes and switches of a `Network`.

    Memory of the weights, in floats: consume side (2 + consume_channels) x items x
    consume_size; rating side (1 + 2 n_channels) x items x rate_size, and, while training a
    two-sided network, (1 + n_channels) x users x rate_size more.
    """

    n_users: int
    n_items: int
    n_levels: int
    n_rating_channels: int = 2
    """Rating channels beside "consumed": 1 = liked, 2 = liked and polarising."""
    consume_channels: int = 1
    """How many of the rating channels the consume side reads."""
    consume_size: int = 256
    """Latent width of the consume side."""
    rate_size: int = 64
    """Latent width of the rating side."""
    two_sided: bool = True
    """Whether the convolution also runs down every item's column of raters."""
    centred: bool = True
    """Whether rating channels are centred on the item's and on the user's own mean."""
    polynomial_init: bool = True
    """Whether kernels start at orthogonal polynomials of the scale, or at random."""
    shared_encoder: bool = False
    """Whether both tasks are decoded from one latent vector (then of consume_size). Both then have
    one stop, and the tables of all last looks are averaged."""
    n_mf_draws: int = 0
    """Draws of the rating side's exact half; 0: there is none, as while training."""
    mf_width: int = 0
    """Width of a draw: the factors and one offset."""
    n_mf_features: int = 0
    """What the pattern of a history is boiled down to, for the exact half."""
    n_slim_neighbours: int = 0
    """Neighbours of each item on the consume side; 0: there are none, as while training."""
