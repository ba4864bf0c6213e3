"""Timestamps of any kind as whole seconds."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import numpy as np
import polars as pl

from conv4rec.data.ids import rows_where, shown
from conv4rec.errors import DataError

# Numbers are in the unit in which they lie between 1973 and 5138; lower ones are seconds.
UNITS = {"s": ("seconds", 1), "ms": ("milliseconds", 10**3), "us": ("microseconds", 10**6),
         "ns": ("nanoseconds", 10**9)}  # fmt: skip
LARGEST_SECONDS = 10**11
FIRST_DATE = 10**8  # lower numbers count something, but hardly seconds since 1970
DATES_AS_NUMBERS = {
    "%Y%m%d": (19_000_101, 21_001_231),
    "%Y%m%d%H%M": (190_001_010_000, 210_012_312_359),
    "%Y%m%d%H%M%S": (19_000_101_000_000, 21_001_231_235_959),
}
ISO = (
    r"^(?<year>\d{4})[-/.](?<month>\d{1,2})[-/.](?<day>\d{1,2})"
    r"(?:[T ]+(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2}))?(?:[.,]\d+)?)?"
    r"\s*(?<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$"
)
OTHERWISE = "or switch the column off with columns={'timestamp': None}"


def whole_seconds(
    values: pl.Series, time_format: str | None = None, notes: list[str] | None = None
) -> pl.Series:
    """Timestamps as Int64 seconds since 1970 (UTC), null where there is none.

    Text: numbers as below, or ISO dates and times, or any format that is stated. Numbers: seconds,
    milliseconds, microseconds or nanoseconds, by the size of their median, rounded down; whole
    numbers that are all dates such as 20010131 are dates. What was found is added to `notes`.

    Raises:
        DataError: A value is not understood: names the rows.

    >>> whole_seconds(pl.Series([978300760000, None])).to_list()
    [978300760, None]
    >>> whole_seconds(pl.Series(["31/12/2000"]), "%d/%m/%Y").to_list()
    [978220800]
    """
    what = "dates and times"
    if values.dtype in (pl.Datetime, pl.Date):
        seconds = values.dt.epoch("s")
    elif values.dtype == pl.String:
        seconds, what = _of_text(values, time_format)
    elif values.dtype.is_numeric() or values.dtype == pl.Null:
        seconds, what = _of_numbers(values, time_format)
    else:
        raise DataError(
            f"timestamp holds {values.dtype} values: seconds as a number, or dates and times, "
            f"are read; cast the column, {OTHERWISE}"
        )
    if notes is not None and (seen := seconds.drop_nulls()).len():
        notes.append(f"timestamps: {what}, {_span(seen, what != 'numbers')}")
    # The lowest int64 marks a missing timestamp in `Interactions`.
    return seconds.clip(lower_bound=np.iinfo(np.int64).min + 1).cast(pl.Int64).rename("timestamp")


def refuse_not_finite(values: pl.Series, column: str, remedy: str) -> None:
    """Raise on NaN and on infinities."""
    if not values.dtype.is_float():
        return
    for wrong, word in (
        (values.is_nan(), "NaN (not a number)"),
        (values.is_infinite(), "infinite"),
    ):
        if wrong.fill_null(False).any():
            raise DataError(f"{column} is {word} in {rows_where(wrong.fill_null(False))}: {remedy}")


def _of_text(values: pl.Series, time_format: str | None) -> tuple[pl.Series, str]:
    """Seconds of text, and what the text was."""
    trimmed = values.str.strip_chars()
    given = (trimmed != "").fill_null(False)
    if time_format is None or time_format in UNITS:
        for numbers in (pl.Int64, pl.Float64):
            parsed = trimmed.cast(numbers, strict=False)
            if not (parsed.is_null() & given).any():
                return _of_numbers(parsed, time_format)
    times = _iso(trimmed) if time_format is None else _formatted(trimmed, time_format)
    wrong = times.is_null() & given
    if wrong.any():
        example = trimmed.filter(wrong)[0]
        fault = f"is not of the format {time_format!r}" if time_format else _advice(example)
        raise DataError(
            f"timestamp holds {shown(example)} in {rows_where(wrong)}, which {fault}, {OTHERWISE}"
        )
    return times.dt.epoch("s"), "dates and times"


def _advice(example: str) -> str:
    """What is wrong with a timestamp, and the format to state."""
    date = re.match(r"\d{1,2}([-/.])\d{1,2}\1(\d{4}|\d{2})\b(.*)", example)
    if date is None:
        return (
            "is neither a number nor an ISO time such as 2001-01-31 10:00:00: state its format, as "
            "in time_format='%d %b %Y'"
        )
    mark, year, clock = date[1], "%Y" if len(date[2]) == 4 else "%y", date[3].count(":")
    rest = ("", " %H:%M", " %H:%M:%S")[min(clock, 2)]
    both = [mark.join((*order, year)) + rest for order in (("%d", "%m"), ("%m", "%d"))]
    return f"does not say which number is the month: state time_format={both[0]!r} or {both[1]!r}"


def _formatted(values: pl.Series, time_format: str) -> pl.Series:
    """Times of a stated format."""
    return values.str.to_datetime(time_format, strict=False, time_unit="us", ambiguous="earliest")


def _iso(values: pl.Series) -> pl.Series:
    """ISO dates and times, in UTC where they have no zone; null where a text is none."""
    for usual in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):  # ten times faster than the general way
        times = values.str.to_datetime(usual, strict=False, time_unit="us")
        if times.null_count() == values.null_count():
            return times
    parts = values.to_frame("text").select(pl.col("text").str.extract_groups(ISO)).unnest("text")

    def part(name: str, default: str) -> pl.Expr:
        return pl.col(name).fill_null(default)

    zone = part("zone", "Z").replace(["Z", "z", "UTC", "GMT"], "+00").str.replace(":", "")
    zone = zone.str.pad_end(5, "0")
    text = pl.format(
        "{}-{}-{} {}:{}:{}{}", "year", "month", "day", part("hour", "00"),
        part("minute", "00"), part("second", "00"), zone,
    )  # fmt: skip
    times = parts.select(text.alias("time")).to_series()
    return times.str.to_datetime("%Y-%m-%d %H:%M:%S%z", strict=False, time_unit="us")


def _of_numbers(values: pl.Series, time_format: str | None) -> tuple[pl.Series, str]:
    """Seconds of numbers, and the unit that they have."""
    refuse_not_finite(values, "timestamp", "make it null if there is none")
    whole = values.floor() if values.dtype.is_float() else values
    seconds = whole.cast(pl.Int64, strict=False)
    if time_format is None and (dates := _dates(seconds)) is not None:
        return dates, "dates such as 20010131"
    if time_format is not None and time_format not in UNITS:
        return _of_text(seconds.cast(pl.String), time_format)
    name, size = UNITS[time_format] if time_format else _unit(values)
    if size > 1:
        seconds = (values // size).cast(pl.Int64, strict=False)  # // rounds down, of floats too
    lost = seconds.is_null() & values.is_not_null()
    if lost.any():
        raise DataError(f"timestamp is beyond 64-bit seconds in {rows_where(lost)}")
    if size == 1 and seconds.is_between(-FIRST_DATE, FIRST_DATE).all():
        return seconds, "numbers"
    return seconds, f"{name} since 1970"


def _unit(values: pl.Series) -> tuple[str, int]:
    median = float(values.cast(pl.Float64).abs().median() or 0)  # type: ignore[arg-type]
    for name, size in UNITS.values():
        if median < LARGEST_SECONDS * size:
            return name, size
    return UNITS["s"]


def _dates(numbers: pl.Series) -> pl.Series | None:
    """Seconds of numbers that are all dates such as 20010131; None if they are not."""
    for form, (low, high) in DATES_AS_NUMBERS.items():
        if numbers.count() and numbers.is_between(low, high).all(ignore_nulls=True):
            times = _formatted(numbers.cast(pl.String), form)
            if times.null_count() == numbers.null_count():
                return times.dt.epoch("s")
    return None


def _span(seconds: pl.Series, are_dates: bool) -> str:
    low, high = int(seconds.min()), int(seconds.max())  # type: ignore[arg-type]
    if not are_dates or max(abs(low), abs(high)) > LARGEST_SECONDS:
        return f"from {low:,} to {high:,}"
    first, last = (datetime.fromtimestamp(each, timezone.utc) for each in (low, high))  # noqa: UP017
    return f"from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
