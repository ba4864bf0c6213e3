"""Two configurations: the best we have, and the closest to the paper's abstract."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from conv4rec.errors import SettingError
from conv4rec.model import NetworkConfig
from conv4rec.train import TrainSettings

SHAPE_FIELDS = {field.name for field in fields(NetworkConfig)} - {
    *("n_users", "n_items", "n_levels"),  # of the data
    # of what is served, not of what is trained
    *("n_mf_draws", "mf_width", "n_mf_features", "n_slim_neighbours"),
}
TRAIN_FIELDS = {field.name for field in fields(TrainSettings)}

PRESETS: dict[str, tuple[dict[str, Any], TrainSettings]] = {
    "default": ({}, TrainSettings()),
    # One encoder and one latent vector for both tasks, one weighted likelihood, one stop, nothing
    # beside: what arXiv 2509.07499 says in its abstract. How kernels and tables start, what is
    # centred and penalised, and that the last looks at all weights are averaged, is ours.
    "paper": (
        {
            "two_sided": False,
            "shared_encoder": True,
            "consume_channels": 2,
        },
        replace(
            TrainSettings(),
            n_steps=130,
            learning_rate=0.003,
            rate_steps_ratio=1.0,
            rate_weight=10.0,
            averaged_snapshots=12,
            spectral_init=0.8,
            spectral_damping=2.0,
            consume_reg=30.0,
            consume_rating_reg=90.0,
            rate_reg=80.0,
            consume_reg_factors=(1.0, 0.2),
            slim_neighbours=0,
            mf_draws=0,
        ),
    ),
}


def configuration(preset: str, changes: dict[str, Any]) -> tuple[dict[str, Any], TrainSettings]:
    """The network's shape and the training settings of a preset, with some values changed.

    Raises:
        SettingError: The preset or a name in `changes` is unknown, or a value is out of range.
    """
    if preset not in PRESETS:
        raise SettingError(f"preset is one of {', '.join(PRESETS)}; got {preset!r}")
    shape, settings = PRESETS[preset]
    unknown = sorted(set(changes) - SHAPE_FIELDS - TRAIN_FIELDS)
    if unknown:
        raise SettingError(
            f"{unknown[0]!r} is not a setting; there are "
            f"{', '.join(sorted(SHAPE_FIELDS | TRAIN_FIELDS))}"
        )
    _check({**changes})
    shape = {**shape, **{name: changes[name] for name in changes if name in SHAPE_FIELDS}}
    training = {name: changes[name] for name in changes if name in TRAIN_FIELDS}
    if "consume_reg_factors" in training:
        training["consume_reg_factors"] = tuple(training["consume_reg_factors"])
    return shape, replace(settings, **training)


def _check(changes: dict[str, Any]) -> None:
    whole = ("n_steps", "consume_size", "rate_size", "batch_cells", "averaged_snapshots",
             "mf_factors", "mf_features", "mf_sweeps")  # fmt: skip
    for name, value in changes.items():
        if name in whole and (not isinstance(value, int) or value < 1):
            raise SettingError(f"{name} is a whole number of at least 1; got {value!r}")
        if name in ("mf_draws", "slim_neighbours", "ridge_rank") and not (
            isinstance(value, int) and value >= 0
        ):
            raise SettingError(f"{name} is a whole number of at least 0; got {value!r}")
        if name.endswith(("_reg", "learning_rate", "rate_steps_ratio")) and not value >= 0:
            raise SettingError(f"{name} is at least 0; got {value!r}")
        if name in ("mask_low", "mask_high", "validation_fraction") and not 0 <= value < 1:
            raise SettingError(f"{name} lies from 0 up to, not including, 1; got {value!r}")
        if name in ("propensity_power", "propensity_validation") and not 0 <= value <= 1:
            raise SettingError(f"{name} lies from 0 to 1; got {value!r}")
    if changes.get("mask_high", 1.0) <= changes.get("mask_low", 0.0):
        raise SettingError("mask_high must be above mask_low, or nothing is ever hidden")
