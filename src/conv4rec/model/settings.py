"""Settings that cannot be wrong silently: each value is checked, and refused in one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conv4rec.errors import SettingError


def _plain(value: Any) -> Any:
    """NumPy scalars, arrays and lists as Python's own; all else as it is."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return tuple(_plain(part) for part in value)
    return value


Switch = Annotated[bool, Field(description="True or False")]
Count = Annotated[int, Field(ge=1, description="a whole number of at least 1")]
CountOrNone = Annotated[int, Field(ge=0, description="a whole number of at least 0")]
CountOrRule = Annotated[
    int | None, Field(ge=1, description="a whole number of at least 1, or None")
]
Amount = Annotated[
    float, Field(ge=0, le=1e30, description="a finite number of at least 0 and at most 1e30")
]
Power = Annotated[float, Field(ge=0, le=1, description="a number from 0 to 1")]
Share = Annotated[float, Field(ge=0, lt=1, description="a number from 0 up to, not including, 1")]
Factors = Annotated[
    tuple[Annotated[float, Field(gt=0, le=1e6)], ...],
    Field(description="a sequence of finite numbers above 0, at most 1e6, such as (1.0, 0.4)"),
]


class Settings(BaseModel):
    """A frozen set of named values. The description of a field is the rule for its value.

    A number is never taken from a bool or from text; NumPy scalars and lists are taken.

    Raises:
        SettingError: A name is unknown or a value breaks its rule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**{name: _plain(value) for name, value in values.items()})
        except ValidationError as error:
            raise SettingError(self._sentence(error.errors()[0])) from None

    def with_changes(self, **changes: Any) -> Self:
        """The same settings with some values changed, checked as at construction."""
        return type(self)(**{**dict(self), **changes})

    @classmethod
    def _sentence(cls, error: Any) -> str:
        if not error["loc"]:
            return str(error["ctx"]["error"])
        name = str(error["loc"][0])
        if error["type"] == "extra_forbidden":
            return unknown_setting(name, cls.model_fields)
        if error["type"] == "missing":
            return f"{name} is missing: it must be {cls.model_fields[name].description}"
        inside = "a sequence with " if len(error["loc"]) > 1 else ""
        given = f"{inside}{error['input']!r}"
        return f"{name} must be {cls.model_fields[name].description}; got {given}"


def unknown_setting(name: str, known: Iterable[str]) -> str:
    """The sentence about a name that is no setting, with the nearest name that is one.

    >>> unknown_setting("n_step", ["n_steps", "rate_reg"])
    "'n_step' is not a setting: did you mean 'n_steps'?"
    """
    near = get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else "docs/guides/names.md lists all of them"
    return f"{name!r} is not a setting: {hint}"
