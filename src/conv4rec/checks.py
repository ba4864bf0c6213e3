"""Checks of arguments: a number, a whole number, a path. Anything else is refused in a sentence."""

from __future__ import annotations

import math
import os
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from conv4rec.errors import Conv4RecError, SettingError


def check_count(name: str, value: Any, least: int = 1, most: int | None = None) -> None:
    """Raise unless a value is a whole number within limits.

    Raises:
        SettingError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise SettingError(f"{name} must be a whole number of at least {least}; got {value!r:.200}")
    if most is not None and value > most:
        raise SettingError(f"{name} must be at most {most:,}; got {value!r:.200}")


def check_number(name: str, value: Any, above: float = -math.inf) -> None:
    """Raise unless a value is a finite number, and above a limit.

    Raises:
        SettingError: It is not.
    """
    is_number = isinstance(value, (Real, np.number)) and not isinstance(value, (bool, complex))
    try:
        fits = is_number and math.isfinite(value) and value > above  # type: ignore[arg-type]
    except OverflowError:  # an integer of a thousand digits
        fits = False
    if not fits:
        limit = "" if above == -math.inf else f" above {above:g}"
        raise SettingError(f"{name} must be a finite number{limit}; got {value!r:.200}")


def as_path(name: str, value: Any, kind: type[Conv4RecError] = SettingError) -> Path:
    """A path, from a text or a path.

    Raises:
        SettingError: (or `kind`) It is neither, or no file can have this name.
    """
    try:
        text = os.fspath(value)
        if isinstance(text, str) and "\0" not in text:
            os.fsencode(text)
            path = Path(text)
            path.exists()
            return path
    except (TypeError, UnicodeError):
        pass
    except OSError as error:
        raise kind(f"{name} cannot be reached: {error.strerror}: {value!s:.200}") from error
    raise kind(f"{name} must be the path of a file or a folder; got {value!r:.200}")
