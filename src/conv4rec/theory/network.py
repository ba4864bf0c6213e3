"""What a bound must know of a network: chains of layers that add up to the logits.

A network here is a sum of chains of linear layers (activations may stand between them if they
are 1-Lipschitz and keep 0 at 0), so a bias is a chain of its own: one layer, input norm 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from conv4rec.theory.layers import Chain, Layer
from conv4rec.theory.loss import loss_range


@dataclass(frozen=True)
class NetworkNorms:
    """Everything the bounds know of a network with a softmax over `n_outputs`.

    The theorems are about classes of networks chosen before the data is seen. Norms measured
    after training are made honest by `on_grid`: rounded up, at the price of a union over the
    grid. The bounds do this themselves unless the norms are `fixed`.
    """

    chains: tuple[Chain, ...]
    n_outputs: int
    """M: what one softmax is over."""
    smoothing: float = 0.0
    """Share of the uniform distribution mixed into the model: keeps the loss below log(M/η)."""
    fixed: bool = False
    """True only if the norms are limits set before training, not measurements after it."""
    union_cost: float = 0.0
    """Nats added to log(1/δ) for norms that were measured."""
    n_softmaxes: int = 1
    """How many softmaxes a history has: one for picks, one an item for ratings."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of all chains."""
        return tuple(layer for chain in self.chains for layer in chain.layers)

    @property
    def loss_range(self) -> float:
        """B = log M + the largest distance between two logits (less with smoothing)."""
        spread = sum(chain.spread for chain in self.chains)
        return loss_range(self.n_outputs, spread, self.smoothing)

    def on_grid(self) -> NetworkNorms:
        """Norms as they may be used in a theorem; unchanged if they were fixed in advance."""
        if self.fixed:
            return self
        chains, cost = [], self.union_cost
        for chain in self.chains:
            layers, costs = zip(*(layer.on_grid() for layer in chain.layers), strict=True)
            chains.append(replace(chain, layers=layers))
            cost += sum(costs)
        return replace(self, chains=tuple(chains), fixed=True, union_cost=cost)

    def unshared(self) -> NetworkNorms:
        """The same network with every shared kernel counted once per item."""
        chains = [
            replace(chain, layers=tuple(layer.unshared() for layer in chain.layers))
            for chain in self.chains
        ]
        return replace(self, chains=tuple(chains))
