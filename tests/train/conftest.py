"""Training on small worlds: fits, and what they leave behind, byte by byte."""

import hashlib

import numpy as np
import pytest

from conv4rec.train import Fit, TrainSettings

SHAPE = {"consume_size": 8, "rate_size": 4}


def weights_digest(fitted) -> str:
    """A digest of all bits a fit leaves: weights, item side, schedule and validation results."""
    digest = hashlib.sha256(repr((fitted.schedule, fitted.validation_results)).encode())
    for name, tensor in sorted(fitted.model.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    digest.update(fitted.item_side.column.numpy().tobytes())
    return digest.hexdigest()


@pytest.fixture
def digest():
    return weights_digest


@pytest.fixture
def make_fit():
    """A Fit of few steps and sweeps; any setting can be changed."""

    def fit(
        log,
        seed=0,
        shape=None,
        checkpoint=None,
        resume=False,
        on_progress=None,
        should_stop=None,
        **changes,
    ):
        few = {"n_steps": 6, "rate_steps_ratio": 2.0, "consume_reg_factors": (1.0, 3.0)}
        settings = TrainSettings(**{**few, "mf_sweeps": 20, "mf_draws": 8, **changes})
        return Fit(
            log, SHAPE if shape is None else shape, settings, seed, "cpu", on_progress,
            checkpoint, resume, should_stop,
        )  # fmt: skip

    return fit


@pytest.fixture
def with_type():
    """The same log with another level number at one entry."""
    from dataclasses import replace

    def change(log, entry, level):
        levels = np.array(log.level_numbers)
        levels[entry] = level
        return replace(log, level_numbers=levels)

    return change
