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
    *("exact_draws", "exact_size", "exact_features", "neighbours_kept"),
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
            rate_length=1.0,
            rate_weight=10.0,
            snapshots=12,
            spectral_start=0.8,
            spectral_filter=2.0,
            consume_reg=30.0,
            consume_rating_reg=90.0,
            rate_reg=200.0,
            regs=(1.0, 0.2),
            rate_regs=(0.4, 1.0),
            ridge_size=0,
            neighbours=0,
            draws=0,
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
    if "regs" in training:
        training["regs"] = tuple(training["regs"])
    if "rate_regs" in training:
        training["rate_regs"] = tuple(training["rate_regs"])
    return shape, replace(settings, **training)


def _check(changes: dict[str, Any]) -> None:
    whole = ("n_steps", "consume_size", "rate_size", "batch_cells", "snapshots",
             "factors", "factor_features", "sweeps")  # fmt: skip
    for name, value in changes.items():
        if name in whole and (not isinstance(value, int) or value < 1):
            raise SettingError(f"{name} is a whole number of at least 1; got {value!r}")
        if name in ("ridge_size", "draws", "neighbours") and not (
            isinstance(value, int) and value >= 0
        ):
            raise SettingError(f"{name} is a whole number of at least 0; got {value!r}")
        if name.endswith(("_reg", "learning_rate", "rate_length")) and not value >= 0:
            raise SettingError(f"{name} is at least 0; got {value!r}")
        if name in ("hide_low", "hide_high", "validation_share") and not 0 <= value < 1:
            raise SettingError(f"{name} lies from 0 up to, not including, 1; got {value!r}")
        if name in ("propensity_power", "propensity_check") and not 0 <= value <= 1:
            raise SettingError(f"{name} lies from 0 to 1; got {value!r}")
    if changes.get("hide_high", 1.0) <= changes.get("hide_low", 0.0):
        raise SettingError("hide_high must be above hide_low, or nothing is ever hidden")
