"""Ranks of the recommender's tables and maps while it trains, from two initialisations."""

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

N_CHECKS = 12
STARTS = {"default start": None, "random start": 0.0}
"""What `spectral_init` is in each; None for what the model was trained with."""


@dataclass(frozen=True)
class RankCheck:
    """Ranks by map, after some steps of training."""

    step: int
    entropy_ranks: dict[str, float]
    stable_ranks: dict[str, float]


def ranks_while_training(model: Conv4Rec, n_checks: int = N_CHECKS) -> dict[str, list[RankCheck]]:
    """Train the final fit of a model again and record the ranks of its maps at some steps.

    The first run has the log, seed and schedule of the model, hence the same weights at the end.
    The maps are those of the neural component, without averaged snapshots. The second run starts
    from random tables, where the default initialisation takes item vectors from a decomposition
    of the log: step 0 shows the rank of that.

    Time: two training runs, without validation fits. The model is left as it is.
    """
    shape, settings = configuration(model.preset, model.settings)
    schedule, log = model.fitted_.schedule, model.interactions_
    found = {}
    for name, spectral in STARTS.items():
        own = settings if spectral is None else settings.with_changes(spectral_init=spectral)
        network = new_network(log, shape.model_dump(), own, model.seed, model.device)
        batches = Batches.from_interactions(log, model.device)
        trainer = Trainer(network, batches, own, schedule, model.seed)
        checks = []
        for step in _steps(max(schedule.stops), n_checks):
            trainer.run(until=step)
            spectra = network_spectra(trainer.network)
            checks.append(RankCheck(step, {k: s.entropy_rank for k, s in spectra.items()},
                              {k: s.stable_rank for k, s in spectra.items()}))  # fmt: skip
        found[name] = checks
    return found


def checks_facts(found: dict[str, list[RankCheck]]) -> dict[str, Any]:
    """Everything for JSON."""
    return {name: [vars(check) for check in checks] for name, checks in found.items()}


def _steps(last: int, n_checks: int) -> list[int]:
    """0, then evenly spaced on a logarithmic scale up to the last step."""
    return [0, *sorted({int(step) for step in np.geomspace(1, last, n_checks).round()})]
