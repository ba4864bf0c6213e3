"""Ids as JSON carries them, where every key of an object is text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, StrictInt, StringConstraints

from conv4rec.data.ids import Ids

LONGEST_ID = 512  # characters


def _whole(value: Any) -> Any:
    """5.0 is a whole number in JSON, and some programs write it so."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[StrictInt, BeforeValidator(_whole)]
TextId = Annotated[str, StringConstraints(strict=True, max_length=LONGEST_ID)]
JsonId = Whole | TextId


def known_id(value: int | str, ids: Ids) -> int | str:
    """An id as JSON carries it: where ids are integers, the text of one stands for it.

    >>> import polars as pl
    >>> known_id("42", Ids(pl.Series([7, 42]))), known_id("042", Ids(pl.Series([7, 42])))
    (42, '042')
    """
    if ids.kind == "int" and isinstance(value, str) and re.fullmatch(r"-?[1-9][0-9]*|0", value):
        return int(value)
    return value


def numbers_of_any(ids: Ids, values: Sequence[int | str]) -> np.ndarray:
    """The numbers of ids of any type; -1 where an id is unknown or of the other type.

    >>> import polars as pl
    >>> numbers_of_any(Ids(pl.Series([7, 42])), [42, "dune", 8]).tolist()
    [1, -1, -1]
    """
    right = str if ids.kind == "str" else int
    places = [place for place, value in enumerate(values) if isinstance(value, right)]
    numbers = np.full(len(values), -1, dtype=np.int64)
    if places:
        numbers[places] = ids.numbers([values[place] for place in places])
    return numbers
