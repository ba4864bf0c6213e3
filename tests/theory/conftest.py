"""Small linear-softmax worlds whose truth is known, trained in batches by gradient descent."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import settings
from scipy.special import softmax

from conv4rec.theory.layers import Chain, Layer
from conv4rec.theory.network import NetworkNorms

settings.register_profile("patient", deadline=None)  # a busy machine is not a wrong theorem
settings.load_profile("patient")


@dataclass
class Problems:
    """Many problems of one size, setting B: fixed users and inputs, fresh targets.

    A kernel that n items share, then an encoder, then a decoder: problems x outputs x inputs.
    """

    inputs: np.ndarray  # problems x users x (items * levels), Euclidean norm 1
    truth: np.ndarray  # problems x users x outputs, P(output | user)
    counts: np.ndarray  # problems x users x outputs, the targets drawn
    n_items: int
    initial: list[np.ndarray]
    weights: list[np.ndarray]

    @property
    def n(self) -> int:
        return int(self.counts[0].sum())

    def logits(self, weights=None):
        kernel, encoder, decoder = self.weights if weights is None else weights
        blocks = self.inputs.reshape(*self.inputs.shape[:2], self.n_items, -1)
        channels = np.einsum("pck,puik->puic", kernel, blocks).reshape(*self.inputs.shape[:2], -1)
        return channels @ encoder.transpose(0, 2, 1) @ decoder.transpose(0, 2, 1)

    def losses(self, weights=None):
        """-log p of every output: problems x users x outputs."""
        logits = self.logits(weights)
        return -np.log(np.maximum(softmax(logits, axis=-1), 1e-300))

    @property
    def expected_distribution(self):
        """Truth over (user, output), users by their share of the targets."""
        return self.truth * self.counts.sum(-1, keepdims=True) / self.n

    def gaps(self):
        """Expected minus training loss, exactly: one per problem."""
        return ((self.expected_distribution - self.counts / self.n) * self.losses()).sum((1, 2))

    def train(self, distribution, n_steps, rate, limit=np.inf):
        """Gradient descent on Σ weight x loss, with Frobenius norms <= limit.

        `distribution` holds the weights, which may be negative.
        """
        for _ in range(n_steps):
            kernel, encoder, decoder = self.weights
            blocks = self.inputs.reshape(*self.inputs.shape[:2], self.n_items, -1)
            channels = np.einsum("pck,puik->puic", kernel, blocks)
            flat = channels.reshape(*self.inputs.shape[:2], -1)
            latent = flat @ encoder.transpose(0, 2, 1)
            p = softmax(latent @ decoder.transpose(0, 2, 1), axis=-1)
            slope = p * distribution.sum(-1, keepdims=True) - distribution
            back = slope @ decoder
            into = (back @ encoder).reshape(channels.shape)
            steps = [
                np.einsum("puic,puik->pck", into, blocks),
                back.transpose(0, 2, 1) @ flat,
                slope.transpose(0, 2, 1) @ latent,
            ]
            moved = [w - rate * s for w, s in zip(self.weights, steps, strict=True)]
            sizes = [np.linalg.norm(w, axis=(1, 2), keepdims=True) for w in moved]
            self.weights = [w * np.minimum(1, limit / s) for w, s in zip(moved, sizes, strict=True)]

    def norms(self, number, **settings) -> NetworkNorms:
        names, shared = ("kernel", "encoder", "decoder"), (self.n_items, 1, 1)
        layers = tuple(
            Layer.from_matrices(name, w[number], w0[number], n)
            for name, w, w0, n in zip(names, self.weights, self.initial, shared, strict=True)
        )
        n_outputs = self.truth.shape[-1]
        return NetworkNorms((Chain(layers, 1.0),), n_outputs, **settings)


def drawn(n_problems, n_users, n_items, n_targets, rng) -> Problems:
    n_levels, n_rating_channels, size = 3, 2, 2
    n_outputs = n_items * n_levels
    inputs = (rng.random((n_problems, n_users, n_outputs)) < 0.4) + 1e-3
    inputs /= np.linalg.norm(inputs, axis=-1, keepdims=True)
    truth = softmax(1.5 * rng.normal(size=(n_problems, n_users, n_outputs)), axis=-1)
    counts = rng.multinomial(n_targets // n_users, truth)
    shapes = [(n_rating_channels, n_levels), (size, n_items * n_rating_channels), (n_outputs, size)]
    initial = [0.3 * rng.normal(size=(n_problems, *shape)) for shape in shapes]
    return Problems(inputs, truth, counts, n_items, initial, list(initial))


@pytest.fixture(scope="session")
def trained() -> list[Problems]:
    """240 problems of three sizes, trained on their targets until they overfit."""
    rng = np.random.default_rng(0)
    sizes = [(4, 2, 24), (6, 3, 60), (8, 2, 800)]
    batches = [drawn(80, *size, rng) for size in sizes]
    for problems in batches:
        problems.train(problems.counts / problems.n, n_steps=300, rate=1.0)
    return batches


@pytest.fixture(scope="session")
def adversarial() -> list[Problems]:
    """160 problems whose weights climb the gap itself: the worst network that can be found."""
    rng = np.random.default_rng(1)
    batches = [drawn(80, *size, rng) for size in [(4, 2, 24), (6, 3, 600)]]
    for problems in batches:
        distribution = problems.counts / problems.n - problems.expected_distribution
        problems.train(distribution, n_steps=200, rate=0.5, limit=3.0)
    return batches


@pytest.fixture
def draw_problems():
    """Untrained problems of any size."""
    return drawn
