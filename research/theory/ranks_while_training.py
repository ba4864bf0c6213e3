"""Ranks of the recommender's own tables and maps while it trains, from both kinds of start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from conv4rec.recommender import Conv4Rec
from conv4rec.recommender.configuration import configuration
from conv4rec.recommender.guarantees.spectra import network_spectra
from conv4rec.train.batches import Batches
from conv4rec.train.initialise import new_network
from conv4rec.train.loop import Trainer

N_LOOKS = 12
STARTS = {"default start": None, "random start": 0.0}
"""What `spectral_init` is in each; None for what the model was trained with."""


@dataclass(frozen=True)
class Look:
    """Ranks by map, after some steps."""

    step: int
    entropy_ranks: dict[str, float]
    stable_ranks: dict[str, float]


def ranks_while_training(model: Conv4Rec, n_looks: int = N_LOOKS) -> dict[str, list[Look]]:
    """Train the final run of a fitted model again and look at its maps along the way.

    The same log, seed and schedule, hence the same weights at the end. They are
    looked at as trained: without the closed-form half and the neighbours, one rating side and not
    its last looks side by side. And once more with every table started at random. The default
    start has item vectors from a decomposition of the log: the look at step 0 says what rank that
    gives.

    Time: two training runs, without rehearsals. The model is left as it is.
    """
    shape, settings = configuration(model.preset, model.settings)
    schedule, log = model.fitted_.schedule, model.interactions_
    found = {}
    for name, spectral in STARTS.items():
        own = settings if spectral is None else settings.with_changes(spectral_init=spectral)
        network = new_network(log, shape.model_dump(), own, model.seed, model.device)
        batches = Batches.from_interactions(log, model.device)
        trainer = Trainer(network, batches, own, schedule, model.seed)
        looks = []
        for step in _steps(max(schedule.stops), n_looks):
            trainer.run(until=step)
            spectra = network_spectra(trainer.network)
            looks.append(Look(step, {k: s.entropy_rank for k, s in spectra.items()},
                              {k: s.stable_rank for k, s in spectra.items()}))  # fmt: skip
        found[name] = looks
    return found


def looks_facts(found: dict[str, list[Look]]) -> dict[str, Any]:
    """Everything for JSON."""
    return {name: [vars(look) for look in looks] for name, looks in found.items()}


def _steps(last: int, n_looks: int) -> list[int]:
    """0, then evenly spaced on a logarithmic scale up to the last step."""
    return [0, *sorted({int(step) for step in np.geomspace(1, last, n_looks).round()})]
