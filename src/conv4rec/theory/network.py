"""Networks, as the bounds describe them: chains of layers whose outputs add up to the logits.

A network here is a sum of chains of linear layers (activations may stand between them if they
are 1-Lipschitz and keep 0 at 0), so a bias is a chain of its own: one layer, input norm 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from conv4rec.theory.layers import Chain, Layer
from conv4rec.theory.loss import loss_range


@dataclass(frozen=True)
class NetworkNorms:
    """Norms and sizes of a network with a softmax over `n_outputs`.

    The theorems are about classes of networks chosen before the data is seen. Norms measured
    after training are valid after `on_grid`: it rounds them up and adds the cost of a union
    bound over the grid. The bounds call it unless the norms are `fixed`.
    """

    chains: tuple[Chain, ...]
    n_outputs: int
    """M, the number of outputs of one softmax."""
    smoothing: float = 0.0
    """η, the share of the uniform distribution in the model: the loss is below log(M/η)."""
    fixed: bool = False
    """True only if the norms are limits set before training, not measurements after it."""
    union_cost: float = 0.0
    """Cost of the union bound for measured norms, in nats added to log(1/δ)."""
    n_softmaxes: int = 1
    """Softmaxes per history: one for P(consume), one per item for the ratings."""

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
