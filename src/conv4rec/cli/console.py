"""How the command line speaks: answers on standard output, everything else on standard error."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text


def out() -> Console:
    """The console for answers; made anew each time, so that redirection is noticed."""
    return Console(highlight=False)


def err() -> Console:
    """The console for notes, progress and errors."""
    return Console(stderr=True, highlight=False)


def say(text: str = "", indent: int = 0) -> None:
    """Print a sentence of the answer, wrapped at the width of the screen."""
    out().print(Padding(Text(text), (0, 0, 0, indent), expand=False) if indent else Text(text))


def note(text: str) -> None:
    """Print a remark beside the answer."""
    err().print(Text(f"note: {text}"), soft_wrap=True)


IN_OPTIONS = (
    (r"columns=\{'(\w+)': ('?)[^}]*\}", r"--columns \1=NAME"),
    (r"levels=\[\.\.\.\]", "--levels 1,2,3,..."),
)
"""How the library's arguments, as its errors name them, are called on the command line."""


def fail(text: str) -> None:
    """Print why there is no answer, as one unbroken line."""
    for argument, option in IN_OPTIONS:
        text = re.sub(argument, option, text)
    err().print(Text(f"Error: {' '.join(text.split())}"), soft_wrap=True)


def raw(text: str) -> None:
    """Print a text as it is, for files and pipes: nothing is wrapped."""
    out().print(Text(text), soft_wrap=True)


def command(*words: str) -> None:
    """Print a command to try, never wrapped: it must survive being pasted."""
    out().print(Text("  " + " ".join(words)), soft_wrap=True)


def print_json(answer: dict[str, Any]) -> None:
    """Print one JSON object on one line; what is not a number is null."""
    line = json.dumps(plain(answer), ensure_ascii=False, allow_nan=False)
    out().print(Text(line), soft_wrap=True)


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
    """Show the warnings of the library as notes; those of other libraries stay silent."""

    def show(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        if category is UserWarning:
            note(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show  # pyright: ignore[reportAttributeAccessIssue]
        yield
