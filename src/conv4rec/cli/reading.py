"""The options of all commands that read tables, and what they mean to the library."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_type_hints

import typer

Columns = Annotated[
    str | None,
    typer.Option(
        metavar="ROLE=NAME,...",
        help="Names, or numbers, of a file's columns: user_id=client,item_id=sku. With nothing "
        "after the = no column has the role.",
    ),
]
Sep = Annotated[
    str | None, typer.Option(metavar="TEXT", help="What separates values: ';', tab, blank ...")
]
Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of a text file: latin-1, cp1252, utf-16 ...")
]
NoHeader = Annotated[
    bool, typer.Option("--no-header", help="The first line of a file holds values, no names.")
]
TimeFormat = Annotated[
    str | None,
    typer.Option(metavar="FORMAT", help="Of timestamps: %d/%m/%Y ...; of numbers s, ms, us, ns."),
]
Unrated = Annotated[
    str | None,
    typer.Option(metavar="RATING", help='A rating that means "consumed, not rated": 0, -1, NA.'),
]
OPTIONS: dict[str, tuple[Any, Any]] = {
    "columns": (Columns, None),
    "sep": (Sep, None),
    "encoding": (Encoding, None),
    "no_header": (NoHeader, False),
    "time_format": (TimeFormat, None),
    "unrated": (Unrated, None),
}


def reads_tables(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above; it gets those that are used as `reading`.

    `reading` holds the arguments of `conv4rec.data.reading.Reading`.
    """

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        stated = _stated({name: given.pop(name) for name in OPTIONS})
        command(**given, reading=stated)

    own = inspect.signature(command).parameters
    last = {name: own[name] for name in ("as_json",) if name in own}
    first = {name: own[name] for name in own if name not in (*last, "reading")}
    added = {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, (_, default) in OPTIONS.items()
    }
    shown = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in (first | added | last).values()
    ]
    hints = get_type_hints(command, include_extras=True)
    hints |= {name: hint for name, (hint, _) in OPTIONS.items()}
    hints.pop("reading")
    with_options.__annotations__ = hints
    with_options.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [parameter.replace(annotation=hints[parameter.name]) for parameter in shown]
    )
    return with_options


def _stated(given: dict[str, Any]) -> dict[str, Any]:
    """The options that are used, as arguments of the library."""
    from conv4rec.cli.parsing import columns_from_text, number_or_word

    header: Literal[False] | None = False if given.pop("no_header") else None
    unrated = given.pop("unrated")
    stated = given | {
        "columns": columns_from_text(given["columns"]) or None,
        "header": header,
        "unrated": None if unrated is None else number_or_word(unrated),
    }
    return {name: value for name, value in stated.items() if value is not None}
