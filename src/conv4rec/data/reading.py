"""What a caller states about a table, where it is not found out."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conv4rec.data.columns import column_names
from conv4rec.errors import SettingError

SPELLED = {"\\t": "\t", "tab": "\t", "space": " ", "blank": " ", "comma": ",", "semicolon": ";"}
UNITS = ("s", "ms", "us", "ns")


@dataclass(frozen=True)
class Reading:
    """How a table is read. None: found out from its content.

    Raises:
        SettingError: A value is not one of its choices.
    """

    columns: Mapping[str, Any] | None = None
    """The name of the column of a role, or its place from 1; None or "" switches the role off."""
    sep: str | None = None
    """What stands between the values of a text file."""
    encoding: str | None = None
    """Of a text file, as Python names it: "latin-1", "cp1252", "utf-16"."""
    header: bool | None = None
    """Whether a text file names its columns in its first line."""
    time_format: str | None = None
    """Of timestamps: "%d/%m/%Y", or the unit of numbers, "s", "ms", "us" or "ns"."""
    unrated: float | str | None = None
    """A rating that means "consumed and not rated": 0, -1, "NA"."""
    of_several: bool = False
    """Whether this is stated of several tables: one without a column of the stated name may have
    the usual one."""

    def __post_init__(self) -> None:
        if self.columns is not None and not isinstance(self.columns, Mapping):
            raise SettingError(
                "columns= maps roles to names, as in {'user_id': 'client'}; got a "
                f"{type(self.columns).__name__}"
            )
        for name in ("sep", "encoding", "time_format"):
            stated = getattr(self, name)
            if stated is not None and not (isinstance(stated, str) and stated):
                raise SettingError(f"{name}= is a text; got {stated!r}")
        if self.sep is not None:
            object.__setattr__(self, "sep", SPELLED.get(self.sep, self.sep))
            if any(mark in str(self.sep) for mark in '"\r\n'):
                raise SettingError(f"sep= stands between values of a line; got {self.sep!r}")
        if self.time_format is not None and not self._is_time_format(self.time_format):
            raise SettingError(
                "time_format= is a pattern such as %d/%m/%Y, or the unit of numbers: "
                f"{', '.join(UNITS)}; got {self.time_format!r}"
            )
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding).incrementaldecoder().decode(b"")  # type: ignore[misc]
                "".encode(self.encoding)  # not text: base64 and its kind
            except (LookupError, TypeError, UnicodeError) as error:
                raise SettingError(
                    f"there is no encoding {self.encoding!r}: state one such as utf-8, latin-1, "
                    "cp1252 or utf-16"
                ) from error

    def names(
        self, found: Iterable[Any], roles: Sequence[str], required: Sequence[str]
    ) -> dict[str, Any]:
        """The column for each role that has one (see `column_names`)."""
        return column_names(found, self.columns, roles, required, self.of_several)

    @staticmethod
    def _is_time_format(stated: str) -> bool:
        return "%" in stated or stated in UNITS


def reading_words(stated: Mapping[str, Any]) -> list[str]:
    """The options of the command line that state how a table is read.

    >>> reading_words({"columns": {"user_id": "client", "rating": None}, "header": False})
    ['--columns', 'user_id=client,rating=', '--no-header']
    """
    words: list[str] = []
    for name, value in stated.items():
        if name == "columns":
            pairs = (f"{role}={'' if column is None else column}" for role, column in value.items())
            words += ["--columns", ",".join(pairs)]
        elif name == "header":
            words += ["--no-header"]
        elif value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words
