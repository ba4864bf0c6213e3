"""Values of text files: ids and numbers."""

from __future__ import annotations

import polars as pl

from conv4rec.data.ids import rows_where, shown
from conv4rec.errors import DataError

DECIMAL_COMMA = r"^[+-]?\d+,\d{1,2}$"  # "3,5"; three digits after it may be thousands


def trimmed(values: pl.Series) -> tuple[pl.Series, int]:
    """A column without the blanks around values, and how many had some; blanks alone are null."""
    without = values.str.strip_chars()
    changed = (without != values).fill_null(False)
    count = int(changed.sum())
    return (without.set(changed & (without == ""), None) if count else values), count


def ids_of_text(values: pl.Series) -> pl.Series:
    """Ids of a text file: integers if each is written as Python writes it, else strings."""
    for dtype in (pl.Int64, pl.UInt64):
        integers = values.cast(dtype, strict=False)
        if (integers.cast(pl.String) == values).all(ignore_nulls=False):
            return integers
    return values


def numbers_of_text(values: pl.Series, notes: list[str]) -> pl.Series:
    """Ratings written as text; blank is null.

    Raises:
        DataError: A value is not a number: names the rows.
    """
    numbers = values.cast(pl.Float64, strict=False)
    wrong = numbers.is_null() & (values != "").fill_null(False)
    if wrong.any() and values.filter(wrong).str.contains(DECIMAL_COMMA).all():
        notes.append(f"decimal commas: {shown(values.filter(wrong)[0])} is a number")
        return values.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    if wrong.any():
        example = shown(values.filter(wrong)[0])
        raise DataError(
            f"rating {example} is not a number in {rows_where(wrong)}: write numbers such as 3.5; "
            f"leave it blank if the item was not rated, or state that with unrated={example}; or "
            "switch the column off with columns={'rating': None}"
        )
    return numbers
