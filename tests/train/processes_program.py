"""Fits by one or by several processes: run as `python processes_program.py FOLDER RANK N`.

Each process saves what it fitted; the folder holds the file by which they find each other.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import distributed

from conv4rec.data.synthetic import low_rank_world
from conv4rec.errors import ProcessesError, TrainingInterrupted
from conv4rec.train import Fit, TrainSettings

SHAPE = {"consume_size": 8, "rate_size": 4}
SHORT = {"n_steps": 4, "rate_steps_ratio": 2.0, "consume_reg_factors": (1.0, 3.0)}
SAMPLER = {"mf_sweeps": 24, "mf_draws": 3, "mf_features": 4}
CASES = {
    "all users a step": ({}, SAMPLER),
    "batches of users": ({}, {"batch_rows": 600, "softmax_cells": 1, "mf_draws": 0}),
    "shared encoder": ({"shared_encoder": True, "two_sided": False}, {}),
    "weighted": ({}, {"propensity_power": 0.5, "propensity_validation": 0.5, "mf_draws": 0}),
}


def fit(shape, changes, seed=0, **options):
    log = low_rank_world(90, 40, popularity=0.7, seed=3).sample(12, np.random.default_rng(7))
    settings = TrainSettings(**{**SHORT, **changes})
    return Fit(log, {**SHAPE, **shape}, settings, seed, "cpu", **options)


def keep(path, fitted):
    tensors = {name: tensor.contiguous() for name, tensor in fitted.model.state_dict().items()}
    results = [[r.consume_nll or 0, r.rate_nll or 0] for r in fitted.validation_results]
    facts = {"schedule": repr(fitted.schedule), "weights": repr(fitted.ensemble_weights)}
    save_file({**tensors, "results": torch.tensor(results)}, path, facts)


def stopped_and_resumed(folder, number):
    """A fit that is stopped because one process is asked to, and goes on."""
    shape, changes = CASES["batches of users"]
    steps = iter(range(100))
    try:
        fit(
            shape, changes, checkpoint=folder / "state",
            should_stop=lambda: next(steps) == 5 and number == 1,
        ).run()  # fmt: skip
    except TrainingInterrupted:
        return fit(shape, changes, checkpoint=folder / "state", resume=True).run()
    raise AssertionError("the fit went on in the process that was not asked to stop")


def mistake(*fit_arguments, **options):
    try:
        fit(*fit_arguments, **options).run()
    except ProcessesError as error:
        return str(error)


def main(folder, number, n):
    torch.set_num_threads(1)
    if n > 1:
        distributed.init_process_group(
            "gloo", init_method=f"file://{folder}/meeting", rank=number, world_size=n
        )
    for name, (shape, changes) in CASES.items():
        keep(folder / f"{name} {number} of {n}", fit(shape, changes).run())
    if n > 1:
        keep(folder / f"resumed {number} of {n}", stopped_and_resumed(folder, number))
        said = [mistake({}, {}, seed=number)]
        if number:  # one ends: no process waits for it
            return (folder / "said 1").write_text(json.dumps(said))
        said.append(mistake(*CASES["all users a step"]))
        (folder / "said 0").write_text(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    os._exit(0)  # threads of gloo whose neighbour has ended may abort an orderly exit
