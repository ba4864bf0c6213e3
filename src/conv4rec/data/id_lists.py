"""Lists of ids in files: one id a line, or a column of a table."""

from __future__ import annotations

import os
import re

from conv4rec.data.columns import ALIASES
from conv4rec.data.dialects import END_OF_LINE
from conv4rec.data.files import guarded, read_opened
from conv4rec.data.ids import Ids
from conv4rec.data.reading import Reading
from conv4rec.data.sources import Source, opened
from conv4rec.errors import DataError


def id_from_text(text: str, ids: Ids) -> int | str:
    """A text as an id: an integer where the ids are integers.

    >>> import polars as pl
    >>> id_from_text("42", Ids(pl.Series([7, 42]))), id_from_text("042", Ids(pl.Series(["042"])))
    (42, '042')
    """
    if ids.kind == "int" and re.fullmatch(r"-?\d+", text):
        return int(text)
    return text


def read_ids(
    source: str | os.PathLike[str], ids: Ids, reading: Reading | None = None
) -> list[int | str]:
    """The ids in a file of any kind that `read_table` reads; they may be unknown.

    One id a line, with or without a name above; or the column of ids of a table.

    Raises:
        DataError: The file cannot be read.
    """
    reading, role = reading or Reading(), f"{ids.what}_id"
    with guarded(source), opened(source, reading.encoding) as files:
        lines = [line for file in files for line in _lines(file, role)]
        as_lines = [id_from_text(line, ids) for line in lines]
        if any(id in ids for id in as_lines):
            return as_lines
        try:
            column = read_opened(files, reading, (role,), (role,), (role,))[role].drop_nulls()
        except DataError:
            if lines and not any(re.search(r"[,;\t|]", line) for line in lines):
                return as_lines
            raise
    return [id_from_text(str(id), ids) for id in column] or as_lines


def _lines(file: Source, role: str) -> list[str]:
    """The lines of a text without blank ones and without a name above; none of other files."""
    if file.kind != "text":
        return []
    file.file.seek(0)
    text = file.file.read().decode("utf-8-sig", "replace")
    lines = [line.strip() for line in END_OF_LINE.split(text) if line.strip()]
    is_name = lines and re.sub(r"[\s_\-]", "", lines[0]).lower() in ALIASES[role]
    return lines[1:] if is_name else lines
