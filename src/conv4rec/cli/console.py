"""Printing: answers on standard output, everything else on standard error."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

from conv4rec.cli.encoding import as_plain, out_encoding


def out() -> Console:
    """The console for answers; made anew each time, so that redirection is noticed."""
    return Console(highlight=False)


def err() -> Console:
    """The console for notes, progress and errors."""
    return Console(stderr=True, highlight=False)


def screen_width() -> int | None:
    """Characters of a line of the screen; None where answers go to a file or a pipe.

    The variable COLUMNS decides where it is set.
    """
    console = out()
    return console.width if console.is_terminal or os.environ.get("COLUMNS") else None


def say(text: str = "", indent: int = 0) -> None:
    """Print a sentence of the answer, wrapped at the width of the screen; no word is broken."""
    width = max(1, out().width - indent)
    for line in text.split("\n"):
        parts = textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
        for part in parts or [""]:
            raw(" " * indent + part)


def note(text: str) -> None:
    """Print a remark beside the answer."""
    err().print(Text(f"note: {text}"), soft_wrap=True)


IN_OPTIONS = (
    (r"columns=\{'(\w+)': None\}", r"--columns \1="),
    (r"columns=\{'(\w+)': ('?)[^}]*\}", r"--columns \1=NAME"),
    (r"levels=\[\.\.\.\]", "--levels 1,2,3,..."),
    (r"\bheader=False", "--no-header"),
    (r"\btime_format=", "--time-format "),
    (r"\b(sep|encoding|unrated)=", r"--\1 "),
)
"""The library's arguments, as its errors name them, and their options of the command line."""


def fail(text: str) -> None:
    """Print why there is no answer, as one unbroken line."""
    for argument, option in IN_OPTIONS:
        text = re.sub(argument, option, text)
    err().print(Text(f"Error: {' '.join(text.split())}"), soft_wrap=True)


def raw(text: str) -> None:
    """Print a text as it is, for files and pipes: nothing is wrapped."""
    out().print(Text(text), soft_wrap=True)


def command(*words: str) -> None:
    """Print a command to try, never wrapped, so that it can be pasted."""
    raw("  " + " ".join(words))


def print_json(answer: dict[str, Any]) -> None:
    """Print one JSON object on one line; NaN and infinities are null.

    Characters that the output cannot encode are escaped as JSON does it.
    """
    text = json.dumps(plain(answer), ensure_ascii=False, allow_nan=False)
    if as_plain(text, out_encoding()) != text:
        text = json.dumps(plain(answer), ensure_ascii=True, allow_nan=False)
    raw(text)


def plain(value: Any) -> Any:
    """A value as JSON holds it: NaN and infinities become None, tuples lists."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@contextmanager
def notes() -> Iterator[None]:
    """Print the warnings of the library as notes; the warnings of other libraries are ignored."""

    def show(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        if category is UserWarning:
            note(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show  # pyright: ignore[reportAttributeAccessIssue]
        yield


class _ErrorConsole(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        err().print(Text(record.getMessage()), soft_wrap=True)


@contextmanager
def log_lines() -> Iterator[None]:
    """Print the library's log on standard error: a line a stage where no progress bar is drawn.

    On a terminal the bar shows the stages, and only warnings are printed.
    """
    logger, handler = logging.getLogger("conv4rec"), _ErrorConsole()
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.WARNING if err().is_terminal else logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
