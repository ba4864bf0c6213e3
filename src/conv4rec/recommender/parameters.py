"""The parameters of a model, by name: read, set, copied and shown as in scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from inspect import signature
from typing import Any, Never, Self

from conv4rec.errors import SettingError
from conv4rec.model.config import NetworkSettings
from conv4rec.model.settings import unknown_setting
from conv4rec.recommender.configuration import Options, Preset, configuration
from conv4rec.train import TrainSettings

SETTINGS = (*NetworkSettings.model_fields, *TrainSettings.model_fields)
PARAMETERS = (*Options.model_fields, *SETTINGS)


class Parameters:
    """Keeps its parameters unchanged; `fit` of a subclass checks them."""

    preset: Preset
    seed: int
    device: str
    like_threshold: float | None
    max_memory_mb: float

    def __init__(
        self,
        *,
        preset: Preset = "default",
        seed: int = 0,
        device: str = "cpu",
        like_threshold: float | None = None,
        max_memory_mb: float = 512.0,
        n_rating_channels: int | None = None,
        consume_channels: int | None = None,
        consume_size: int | None = None,
        rate_size: int | None = None,
        two_sided: bool | None = None,
        centred: bool | None = None,
        polynomial_init: bool | None = None,
        shared_encoder: bool | None = None,
        n_steps: int | None = None,
        learning_rate: float | None = None,
        rate_steps_ratio: float | None = None,
        rate_learning_rate: float | None = None,
        rate_weight: float | None = None,
        averaged_snapshots: int | None = None,
        mask_low: float | None = None,
        mask_high: float | None = None,
        masked_only: bool | None = None,
        consume_reg: float | None = None,
        consume_rating_reg: float | None = None,
        rate_reg: float | None = None,
        propensity_power: float | None = None,
        propensity_validation: float | None = None,
        user_weight_power: float | None = None,
        spectral_init: float | None = None,
        spectral_damping: float | None = None,
        softmax_cells: int | None = None,
        batch_rows: int | None = None,
        validation_fraction: float | None = None,
        validation_size: int | None = None,
        mf_factors: int | None = None,
        mf_features: int | None = None,
        mf_sweeps: int | None = None,
        mf_draws: int | None = None,
        solve_users: bool | None = None,
        ridge_rank: int | None = None,
        slim_neighbours: int | None = None,
        stacking_units: int | None = None,
        consume_reg_factors: Sequence[float] | None = None,
        rate_reg_factors: Sequence[float] | None = None,
        **unknown: Never,
    ) -> None:
        given = dict(locals())
        _check_names(unknown)
        vars(self).update({name: given[name] for name in PARAMETERS})

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that are not left to the preset: those that are not None."""
        values = {name: getattr(self, name) for name in SETTINGS}
        return {name: value for name, value in values.items() if value is not None}

    def options(self) -> Options:
        """The parameters that are no settings, checked.

        Raises:
            SettingError: A value breaks its rule.
        """
        return Options(**{name: getattr(self, name) for name in Options.model_fields})

    def check_params(self) -> tuple[Options, NetworkSettings, TrainSettings]:
        """All parameters, checked: those given, and the preset's where they are None.

        Raises:
            SettingError: A value breaks its rule: names the parameter, the rule and the value.
        """
        options = self.options()
        return options, *configuration(options.preset, self.settings)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters by name, as given. `deep` changes nothing: no parameter is a model."""
        del deep
        return {name: getattr(self, name) for name in PARAMETERS}

    def set_params(self, **params: Any) -> Self:
        """Change parameters by name; the next `fit` checks and uses them.

        Raises:
            SettingError: A name is unknown.
        """
        _check_names(params)
        vars(self).update(params)
        return self

    def changed_params(self) -> dict[str, Any]:
        """The parameters that differ from their defaults."""
        defaults = signature(Parameters.__init__).parameters
        return {
            name: value
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name].default)
        }

    def __repr__(self) -> str:
        changed = ", ".join(f"{name}={value!r}" for name, value in self.changed_params().items())
        return f"{type(self).__name__}({changed})"


def _check_names(params: dict[str, Any]) -> None:
    for name in params:
        if name not in PARAMETERS:
            raise SettingError(unknown_setting(name, PARAMETERS))


def html_table(title: str, facts: dict[str, Any]) -> str:
    """A small table for notebooks: one row for each fact, escaped.

    >>> html_table("a", {"b": "<c>"})
    '<table><caption>a</caption><tr><th>b</th><td>&lt;c&gt;</td></tr></table>'
    """
    rows = "".join(
        f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><caption>{escape(title)}</caption>{rows}</table>"
