"""Answers as JSON: the numbers with all their bits, ids as they are."""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.responses import Response

FORM: dict[str, Any] = {"allow_nan": False, "separators": (",", ":"), "default": str}
"""What JSON has no form for, such as a date of a table of lists, is text."""


class JsonAnswer(Response):
    """A JSON answer. NaN and infinities are null; half a surrogate pair in an id is escaped."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of the answer."""
        try:
            return json.dumps(content, **FORM).encode()
        except ValueError:
            return json.dumps(plain(content), **FORM).encode()


def plain(value: Any) -> Any:
    """A value as JSON holds it: NaN and infinities become None."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
