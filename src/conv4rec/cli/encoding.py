"""Output in any encoding: drawing characters become plain ones, all else is escaped, never lost.

A redirect on Windows writes cp1252, and LC_ALL=C may mean ASCII.
"""

from __future__ import annotations

import codecs
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HANDLER = "conv4rec.plain"
PLAIN = str.maketrans({
    **dict(zip("▁▂▃▄▅▆▇█", ".:-=+*#@", strict=True)),  # bars, from low to high
    **dict.fromkeys("─━╸╺╌┄–—−‐‑", "-"), **dict.fromkeys("│┃", "|"), **dict.fromkeys("·•", "."),
    **dict.fromkeys("‘’′", "'"), **dict.fromkeys("“”", '"'), "…": "...", "→": "->", "←": "<-",
    "×": "x", "≥": ">=", "≤": "<=", "±": "+-", "\u00a0": " ", "√": "sqrt", "∞": "inf", "²": "^2",
    "↑": "^", "↓": "v", "≈": "~",
})  # fmt: skip


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for characters that an encoding has not."""
    assert isinstance(error, UnicodeEncodeError)
    return as_plain(error.object[error.start : error.end], "ascii"), error.end


codecs.register_error(HANDLER, _plain)


def as_plain(text: str, encoding: str) -> str:
    """The text as a stream of this encoding shows it.

    >>> as_plain("é ▁█ 日", "latin-1"), as_plain("é ▁█", "ascii")
    ('é .@ \\\\u65e5', '\\\\xe9 .@')
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = re.sub(r"[Α-ω]", _greek, text.translate(PLAIN))
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    return text


def _greek(letter: re.Match[str]) -> str:
    """The name of a Greek letter, as in tables of bounds."""
    return unicodedata.name(letter[0], letter[0]).rpartition(" ")[2].lower()


def out_encoding() -> str:
    """The encoding of standard output."""
    return getattr(sys.stdout, "encoding", None) or "utf-8"


@contextmanager
def any_encoding() -> Iterator[None]:
    """Nothing that is printed inside fails for the encoding of standard output or error."""
    streams: list[Any] = [each for each in (sys.stdout, sys.stderr) if hasattr(each, "reconfigure")]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors=HANDLER)
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            stream.reconfigure(errors=errors)
