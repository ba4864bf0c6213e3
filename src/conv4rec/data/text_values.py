"""Values of text files: ids and numbers."""

from __future__ import annotations

import polars as pl

from conv4rec.data.ids import rows_where, shown
from conv4rec.errors import DataError

DECIMAL_COMMA = r"^[+-]?\d+,\d{1,2}$"  # "3,5"; three digits after it may be thousands


def trimmed(frame: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """The values of all columns without the blanks around them; blanks alone are null.

    Says in `notes` where there were some.
    """
    kept: dict[str, pl.Series] = {}
    blank: dict[str, int] = {}
    for role, values in frame.to_dict().items():
        without = values.str.strip_chars()
        changed = (without != values).fill_null(False)
        if count := int(changed.sum()):
            blank[role] = count
            without = without.set(changed & (without == ""), None)
        kept[role] = without
    if blank:
        listed = ", ".join(f"{count:,} of {role}" for role, count in blank.items())
        notes.append(f"blanks around values were left out: {listed}")
    return pl.DataFrame(kept)


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
