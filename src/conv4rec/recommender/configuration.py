"""The parameters of `Conv4Rec`: three presets, and the rule of every value."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from conv4rec.errors import SettingError
from conv4rec.model.config import NetworkSettings
from conv4rec.model.settings import Settings, unknown_setting
from conv4rec.train import TrainSettings

Preset = Literal["default", "fast", "paper"]

MAX_SEED = 2**40 - 1
MAX_THREADS = 1024

# What arXiv 2509.07499 says in its abstract: one encoder and one latent vector for both tasks, one
# weighted likelihood, one stop, no other component. How kernels and tables start, what is centred
# and penalised, and that the last evaluations of all weights are averaged, is ours.
PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "fast": {
        "two_sided": False,
        "consume_size": 64,
        "rate_size": 32,
        "n_steps": 40,
        "learning_rate": 0.012,
        "rate_steps_ratio": 1.0,
        "rate_learning_rate": 0.02,
        "consume_reg_factors": (1.0,),
        "rate_reg_factors": (0.4,),
        "validation_fraction": 0.0,
        "mf_sweeps": 75,
        "mf_draws": 15,
        "solve_users": False,
        "ridge_rank": 0,
    },
    "paper": {
        "two_sided": False,
        "shared_encoder": True,
        "consume_size": 256,
        "consume_channels": 2,
        "n_steps": 130,
        "learning_rate": 0.003,
        "rate_steps_ratio": 1.0,
        "rate_learning_rate": 0.01,
        "rate_weight": 10.0,
        "averaged_snapshots": 12,
        "spectral_init": 0.8,
        "spectral_damping": 2.0,
        "consume_reg": 30.0,
        "consume_rating_reg": 90.0,
        "rate_reg": 200.0,
        "consume_reg_factors": (1.0, 0.2),
        "rate_reg_factors": (0.4, 1.0),
        "ridge_rank": 0,
        "slim_neighbours": 0,
        "mf_draws": 0,
    },
}
"""By preset, the settings that differ from the defaults of their classes."""


class Options(Settings):
    """The parameters of `Conv4Rec` that are neither of its network nor of its training."""

    preset: Annotated[Preset, Field(description="'default', 'fast' or 'paper'")] = "default"
    """"default", the best known settings; "fast", a seventh of their cost; or "paper", the closest
    to the abstract."""
    seed: Annotated[
        int, Field(ge=0, le=MAX_SEED, description="a whole number from 0 to 2**40 - 1")
    ] = 0
    """Of every random draw."""
    device: Annotated[str, Field(min_length=1, description="the name of a torch device")] = "cpu"
    """"cpu", or the name of an accelerator in torch: "cuda"."""
    like_threshold: Annotated[
        float | None, Field(description="a finite number on the rating scale, or None")
    ] = None
    """Lowest rating that counts as liking; None: the level at three quarters of the scale."""
    max_memory_mb: Annotated[
        float, Field(gt=0, le=1e9, description="a number of megabytes above 0, at most 1e9")
    ] = 512.0
    """Memory of the arrays with a cell for each user and item, when scoring."""


def configuration(preset: Preset, changes: dict[str, Any]) -> tuple[NetworkSettings, TrainSettings]:
    """The settings of the network and of its training: a preset with some values changed.

    Raises:
        SettingError: The preset or a name in `changes` is unknown, or a value breaks its rule.
    """
    values = {**PRESETS[Options(preset=preset).preset], **changes}
    network, training = NetworkSettings.model_fields, TrainSettings.model_fields
    for name in values:
        if name not in network and name not in training:
            raise SettingError(unknown_setting(name, [*network, *training]))
    return (
        NetworkSettings(**{name: values[name] for name in values if name in network}),
        TrainSettings(**{name: values[name] for name in values if name in training}),
    )


def check_device(device: str) -> None:
    """Raise unless torch can put a tensor on this device, in double precision too.

    Posteriors are solved in it; Apple's devices do not have it.

    Raises:
        SettingError: It cannot: names the device and says why.
    """
    import torch

    try:
        torch.zeros(1, dtype=torch.float64, device=Options(device=device).device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).strip().splitlines()[0].partition(". ")[0]  # torch lists its backends
        raise SettingError(
            f"device must be one that torch can use here, such as 'cpu'; got {device!r}: {reason}"
        ) from error


def check_choice(name: str, value: Any, choices: Any) -> None:
    """Raise unless a value is one of those of a `Literal`.

    Raises:
        SettingError: It is not: names all of them.
    """
    known = get_args(choices)
    if not isinstance(value, str) or value not in known:
        raise SettingError(f"{name} must be one of {', '.join(known)}; got {value!r}")
