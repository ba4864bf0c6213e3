"""Layers and chains of layers, as the bounds describe them: by norms and sharing."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.theory.grid import next_on_grid
from conv4rec.theory.loss import LIPSCHITZ_EUCLIDEAN, LIPSCHITZ_MAX
from conv4rec.theory.norms import FloatArray, frobenius_norm, group_norm, row_norm, spectral_norm


@dataclass(frozen=True)
class Layer:
    """One weight matrix; for a 1x1 convolution, the kernel that all items share."""

    name: str
    shape: tuple[int, int]
    """Outputs, inputs."""
    spectral_norm: float
    """The largest singular value; or less: of the part that the loss of one target depends on."""
    row_norm: float
    """Largest Euclidean norm of a row (an output's weights); used in a chain's last layer."""
    frobenius_distance: float
    """||W - W₀||_F, the distance from the initial weights."""
    group_distance: float
    """(2,1) norm of W - W₀: the sum over rows of their Euclidean norms."""
    n_parameters: int
    """Number of trained entries of W; 0 for a matrix that is not trained."""
    n_shared: int = 1
    """n, the number of items that share the matrix: the layer is I_n ⊗ W."""

    @classmethod
    def from_matrices(
        cls, name: str, weights: FloatArray, initial: FloatArray, n_shared: int = 1
    ) -> Layer:
        """Measure a layer whose every entry is trained.

        >>> Layer.from_matrices("kernel", 3 * np.eye(2), np.eye(2), n_shared=7).group_distance
        4.0
        """
        if np.shape(weights) != np.shape(initial):
            shapes = f"{np.shape(weights)} and {np.shape(initial)}"
            raise SettingError(f"trained and initial weights of {name!r} have shapes {shapes}")
        change = np.asarray(weights) - initial
        return cls(
            name, (weights.shape[0], weights.shape[1]), spectral_norm(weights), row_norm(weights),
            frobenius_norm(change), group_norm(change), weights.size, n_shared,
        )  # fmt: skip

    def unshared(self) -> Layer:
        """The same map without sharing: I_n ⊗ W with n separate blocks.

        Only the n blocks count as parameters, not the zeros between them.
        """
        n = self.n_shared
        return replace(
            self,
            shape=(self.shape[0] * n, self.shape[1] * n),
            frobenius_distance=self.frobenius_distance * math.sqrt(n),
            group_distance=self.group_distance * n,
            n_parameters=self.n_parameters * n,
            n_shared=1,
        )

    def on_grid(self) -> tuple[Layer, float]:
        """Every norm rounded up to a grid, and the cost of the union over the grid, in nats."""
        names = ("spectral_norm", "row_norm", "frobenius_distance", "group_distance")
        rounded = {name: next_on_grid(getattr(self, name)) for name in names}
        cost = sum(cost for _, cost in rounded.values())
        return replace(self, **{name: value for name, (value, _) in rounded.items()}), cost


@dataclass(frozen=True)
class Chain:
    """Layers in the order the data flows, and a bound on the Euclidean norm of their input.

    The bound on the input must hold for any data: it is 1 for an encoder that divides a history
    by the root of its length, and there is none for an encoder that does not divide.
    """

    layers: tuple[Layer, ...]
    input_norm: float

    @property
    def logit_norm(self) -> float:
        """Λ: bound on the Euclidean norm of the chain's contribution to the logits."""
        return self.input_norm * math.prod(layer.spectral_norm for layer in self.layers)

    @property
    def largest_logit(self) -> float:
        """Bound on the largest entry of the chain's contribution: the better of two."""
        *hidden, last = self.layers
        stretch = math.prod(layer.spectral_norm for layer in hidden)
        return self.input_norm * stretch * min(last.row_norm, last.spectral_norm)

    @property
    def spread(self) -> float:
        """Bound on the difference of two entries of the chain's contribution to the logits."""
        return min(LIPSCHITZ_EUCLIDEAN * self.logit_norm, LIPSCHITZ_MAX * self.largest_logit)

    def sensitivities(self) -> list[float]:
        """Per layer g: moving W by Δ moves the loss by at most g ||Δ||, at any input.

        That is √2 B_x Π of the other layers' spectral norms; for layers before the last,
        2 (the last layer's row norm) in place of √2 (its spectral norm) where that is less.
        """
        spectral = [layer.spectral_norm for layer in self.layers]
        last = self.layers[-1]
        steep = min(LIPSCHITZ_EUCLIDEAN * last.spectral_norm, LIPSCHITZ_MAX * last.row_norm)
        hidden = [
            self.input_norm * math.prod(spectral[:number] + spectral[number + 1 : -1]) * steep
            for number in range(len(spectral) - 1)
        ]
        return [*hidden, LIPSCHITZ_EUCLIDEAN * self.input_norm * math.prod(spectral[:-1])]
