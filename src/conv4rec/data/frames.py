"""Reading of frames of any library, and of dicts of columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals as nw
import polars as pl

from conv4rec.data.ids import shown
from conv4rec.data.reading import Reading
from conv4rec.errors import DataError


def reason(error: BaseException) -> str:
    """The first line of an error of another library."""
    return (str(error).strip().splitlines() or ["it is damaged"])[0]


def read_frame(
    source: Any, reading: Reading, roles: Sequence[str], required: Sequence[str]
) -> pl.DataFrame:
    """The columns of a frame of any library, types untouched."""
    try:
        if isinstance(source, Mapping):
            source = _of_columns(source)
        frame = nw.from_native(source)
    except TypeError as error:
        if not hasattr(source, "__arrow_c_stream__"):
            raise DataError(
                "a ratings table is a polars, pandas or Arrow frame, a dict of columns, or the "
                "path of a CSV, TSV, Parquet, Arrow, JSON lines, .inter or ratings.dat file; got "
                f"a {type(source).__name__}"
            ) from error
        frame = nw.from_native(_of_arrow(source))
    except DataError:
        raise
    except Exception as error:  # each library has its own error for a repeated column name
        if (once := _named_once(source)) is not None:
            return read_frame(once, reading, roles, required)
        raise DataError(f"the {type(source).__name__} cannot be read: {error}") from error
    if isinstance(frame, nw.LazyFrame):
        frame = _collected(frame, reading, roles, required)
    try:
        names = reading.names(frame.columns, roles, required)
    except DataError as error:
        if any(name is not None for name in getattr(getattr(source, "index", None), "names", ())):
            raise DataError(f"{error} (its index is not read: call reset_index() first)") from None
        raise
    return pl.DataFrame([_polars(frame[name], role) for role, name in names.items()])


def _named_once(source: Any) -> Any:
    """A pandas frame without the columns whose name is repeated, if there are such."""
    repeated = getattr(getattr(source, "columns", None), "duplicated", None)
    if repeated is None or not (wrong := repeated(keep=False)).any():
        return None
    return source.loc[:, ~wrong]


def _of_arrow(source: Any) -> pl.DataFrame:
    """What only the Arrow interface hands over: a record batch, a reader, a database's answer."""
    try:
        return pl.DataFrame(source)
    except Exception as error:  # a column alone, or a type that polars has not
        raise DataError(
            f"the {type(source).__name__} is not a table with columns: {reason(error)}"
        ) from error


def _of_columns(columns: Mapping[Any, Any]) -> pl.DataFrame:
    """A dict of columns as a frame."""
    single = [name for name, values in columns.items()
              if isinstance(values, (str, bytes)) or not isinstance(values, Iterable)]  # fmt: skip
    if single or not columns:
        fault = f"{shown(single[0])} holds one value" if single else "it is empty"
        raise DataError(
            "a dict is a table where it holds columns, as in {'user_id': [1, 2], 'item_id': [7, 8]}"
            f"; {fault}"
        )
    try:
        return pl.DataFrame({str(name): _column(values) for name, values in columns.items()})
    except Exception as error:  # polars raises many types: lengths that differ, mixed types
        raise DataError(
            "the dict cannot be read as columns of equal length, each of all numbers or all "
            f"strings: {reason(error)}"
        ) from error


def _column(values: Any) -> Any:
    """A column of a dict; whole numbers and fractions together are fractions."""
    if isinstance(values, (list, tuple)) and {type(each) for each in values} - {
        int,
        type(None),
    } == {float}:
        return pl.Series(values, dtype=pl.Float64, strict=False)
    return values if hasattr(values, "__len__") else list(values)


def _collected(
    frame: nw.LazyFrame[Any], reading: Reading, roles: Sequence[str], required: Sequence[str]
) -> nw.DataFrame[Any]:
    """The columns that are wanted of a frame that is not computed yet."""
    try:
        names = reading.names(frame.collect_schema().names(), roles, required)
        return frame.select(*names.values()).collect()
    except DataError:
        raise
    except Exception as error:  # whatever computes it
        raise DataError(f"the frame cannot be computed: {reason(error)}") from error


def _polars(series: nw.Series[Any], role: str) -> pl.Series:
    """A column of any library as a polars one; for pandas, NaN becomes null."""
    try:
        try:
            return series.to_polars().alias(role)
        except ImportError:  # strings of pandas need pyarrow, which may be missing
            values = [None if value != value else value for value in series.to_list()]
            return pl.Series(role, values)
    except Exception as error:  # pyarrow and polars raise many types for mixed columns
        raise DataError(
            f"{role} (column {shown(series.name)}) holds values of more than one type, or of a "
            f"type with no column form: make them all integers or all strings ({error})"
        ) from error
