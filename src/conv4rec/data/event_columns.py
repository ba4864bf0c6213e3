"""The columns that only logs with types have: what was done, and how often."""

from __future__ import annotations

import polars as pl

from conv4rec.data.ids import rows_where, shown
from conv4rec.errors import DataError


def event_types(values: pl.Series) -> pl.Series:
    """Types as String: from strings, categories, whole numbers or booleans.

    Raises:
        DataError: The column holds anything else.
    """
    named = values.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Null)
    if not (named or values.dtype.is_integer()):
        raise DataError(
            f"type holds {values.dtype} values such as {shown(values.drop_nulls().first())}: a "
            "type is a name such as 'view' or 'buy'; columns={'type': ''} leaves the column out"
        )
    return values.cast(pl.String).rename("type")


def event_counts(values: pl.Series) -> pl.Series:
    """Counts as Int64, from numbers or from text.

    Raises:
        DataError: A count is not a whole number.
    """
    counts = values.cast(pl.Float64, strict=False)
    whole = counts.is_finite() & (counts == counts.floor()) & (counts.abs() < 2**53)
    wrong = values.is_not_null() & ~whole.fill_null(False)
    if wrong.any():
        raise DataError(
            f"count {shown(values.filter(wrong)[0])} is not a whole number in {rows_where(wrong)}: "
            "a row stands for 1, 2, 3, ... events"
        )
    return counts.cast(pl.Int64).rename("count")
