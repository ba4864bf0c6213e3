"""`cornac`: two variational autoencoders, Mult-VAE (there VAECF) and RecVAE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np

from conv4rec.benchmark.adapters.candidate import Candidate, Choice, Range
from conv4rec.benchmark.adapters.isolation import contained_torch, histories, library, settings_of
from conv4rec.benchmark.adapters.ranking import RankingAdapter
from conv4rec.data.interactions import Interactions
from conv4rec.evaluate.scorer import FloatArray, IntArray


@dataclass(eq=False)
class VAECF(RankingAdapter):
    """Mult-VAE as cornac has it: without the dropout and the warm-up of the paper.

    Args:
        k: Size of the code.
        hidden: Size of the hidden layer on either side of it.
        beta: Weight of the divergence from the prior.
        learning_rate: Step size of Adam.
        n_epochs: Passes over the users.
        batch_size: Users a step.

    Reference:
        Liang et al., "Variational autoencoders for collaborative filtering", WWW 2018.
    """

    k: int = 10
    hidden: int = 20
    beta: float = 1.0
    learning_rate: float = 0.001
    n_epochs: int = 100
    batch_size: int = 100
    model_: Any = field(init=False, repr=False)

    multinomial = True

    def _learn(self, train: Interactions, seed: int) -> None:
        model = library("cornac.models").VAECF(
            k=self.k,
            autoencoder_structure=[self.hidden],
            likelihood="mult",
            beta=self.beta,
            learning_rate=self.learning_rate,
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            seed=seed,
        )
        with contained_torch(seed):
            model.fit(_dataset(train, seed))
        self.model_ = model.vae.eval()

    def _score(self, given: Interactions, rows: IntArray) -> FloatArray:
        torch = library("torch")
        with torch.inference_mode():
            code, _ = self.model_.encode(torch.from_numpy(histories(given, rows).toarray()))
            return self.model_.decoder(code).numpy()  # before its softmax, which may underflow


@dataclass(eq=False)
class RecVAE(RankingAdapter):
    """RecVAE: a composite prior, and an encoder trained more often than the decoder.

    Answers are those of its evaluation mode: cornac leaves the trained network in training mode,
    where it would drop half of each history at random.

    Args:
        hidden_dim: Size of the encoder's five layers.
        latent_dim: Size of the code.
        gamma: Weight of the divergence from the prior, per interaction.
        lr: Step size of Adam.
        n_epochs: Passes over the users with the decoder; three times as many with the encoder.
        batch_size: Users a step.

    Reference:
        Shenbin et al., "RecVAE: a new variational autoencoder for top-N recommendations with
        implicit feedback", WSDM 2020.
    """

    hidden_dim: int = 600
    latent_dim: int = 200
    gamma: float = 0.005
    lr: float = 5e-4
    n_epochs: int = 50
    batch_size: int = 500
    model_: Any = field(init=False, repr=False)

    multinomial = True

    def _learn(self, train: Interactions, seed: int) -> None:
        model = library("cornac.models").RecVAE(
            hidden_dim=self.hidden_dim,
            latent_dim=self.latent_dim,
            gamma=self.gamma,
            lr=self.lr,
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            seed=seed,
            use_gpu=False,
        )
        with contained_torch(seed), _without_a_ranking_after_every_epoch():
            model.fit(_dataset(train, seed))
        self.model_ = model.recvae_model.eval()

    def _score(self, given: Interactions, rows: IntArray) -> FloatArray:
        torch = library("torch")
        with torch.inference_mode():
            seen = torch.from_numpy(histories(given, rows).toarray())
            return self.model_(seen, calculate_loss=False).numpy()


@contextmanager
def _without_a_ranking_after_every_epoch() -> Iterator[None]:
    """RecVAE ranks all items for every user after each epoch, for its progress bar alone."""
    no_figures = ([0.0], [{}])
    with patch.object(library("cornac.eval_methods"), "ranking_eval", lambda **_: no_figures):
        yield


def _dataset(train: Interactions, seed: int) -> Any:
    """Their data set over our numbers: all items, also those without an interaction."""
    users, items = train.user_numbers.astype(np.int64), train.item_numbers.astype(np.int64)
    return library("cornac.data").Dataset(
        num_users=train.n_users,
        num_items=train.n_items,
        uid_map={number: number for number in range(train.n_users)},
        iid_map={number: number for number in range(train.n_items)},
        uir_tuple=(users, items, np.ones(len(users), dtype=np.float32)),
        seed=seed,
    )


CANDIDATES = (
    Candidate(
        name="cornac-vaecf",
        tasks=("rank",),
        make=VAECF,
        defaults=settings_of(VAECF),
        space={
            "k": Range(10, 200, log=True, whole=True),
            "hidden": Range(20, 600, log=True, whole=True),
            "beta": Range(0.01, 1.0, log=True),
            "learning_rate": Range(3e-4, 3e-3, log=True),
            "n_epochs": Range(20, 200, log=True, whole=True),
        },
        package="cornac",
        module="cornac",
        source="defaults of cornac 3.0, and its examples/vaecf_citeulike.py",
        folds_in=True,
        distribution="none",
    ),
    Candidate(
        name="cornac-recvae",
        tasks=("rank",),
        make=RecVAE,
        defaults=settings_of(RecVAE),
        space={
            "hidden_dim": Choice((200, 400, 600)),
            "latent_dim": Choice((50, 100, 200)),
            "gamma": Range(0.001, 0.05, log=True),
            "lr": Range(2e-4, 2e-3, log=True),
            "n_epochs": Range(10, 100, log=True, whole=True),
        },
        package="cornac",
        module="cornac",
        source="defaults of cornac 3.0, those of the paper's code, as in its recvae_example.py",
        folds_in=True,
        distribution="none",
    ),
)
