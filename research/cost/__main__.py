"""What a fit costs: `python -m research.cost --help`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from conv4rec.cli.console import raw
from conv4rec.cli.options import Set
from conv4rec.cli.parsing import settings_from_words
from research.command import Picture, check_picture, new_app, run
from research.cost import growth, large

app = new_app("Processor time and peak memory of a fit against rows, users, items and levels.")


@app.command(name="growth", short_help="Fits of made-up logs, one size varied at a time.")
def growth_command(
    sizes: Annotated[
        list[str] | None, typer.Argument(metavar="[SIZE]...", help="rows, users, items, levels.")
    ] = None,
    decades: Annotated[float, typer.Option(min=0.1, help="How far each size goes.")] = 2.0,
    changes: Set = None,
    records: Annotated[
        Path, typer.Option(metavar="FILE", help="Where lines are added.")
    ] = growth.RECORDS,
) -> None:
    """Fit one log at a time, each in a process of its own; prints one line for each fit."""
    settings = settings_from_words(changes or [])
    for record in growth.measure(sizes or list(growth.SIZES), decades, settings, records):
        raw(json.dumps(record))


@app.command(name="estimate", short_help="Fits of named data sets beside their estimates.")
def estimate_command(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Data sets.")],
    changes: Set = None,
) -> None:
    """Fit one data set at a time, each in a process of its own; prints one line for each fit."""
    settings = settings_from_words(changes or [])
    for name in names:
        raw(json.dumps({"dataset": name, **growth.in_a_process(name, settings)}))


@app.command(name="large", short_help="One fit to a made-up log of many millions of rows.")
def large_command(
    users: int,
    items: int,
    rows: int,
    device: Annotated[str, typer.Option(help="cpu, or cuda for a GPU.")] = "cpu",
    changes: Set = None,
) -> None:
    """Fit it on a device, and evaluate it on hidden interactions of 3,000 users."""
    settings = settings_from_words(changes or [])
    raw(json.dumps(large.fit_large((users, items, rows), device, settings)))


@app.command(name="table", short_help="The table and the exponents, from the records.")
def table_command(
    records: Annotated[Path, typer.Option(metavar="FILE", help="Of growth.")] = growth.RECORDS,
    out: Picture = None,
) -> None:
    """Print the table as Markdown; with --out, draw the picture."""
    check_picture(out)
    found = growth.read(records)
    raw(growth.table(found))
    if out is not None:
        out.write_text(growth.picture(found), encoding="utf-8")


@app.command(name="one", hidden=True)
def one_command(job: str) -> None:
    """One fit; the job is JSON: sizes, then settings."""
    raw(json.dumps(growth.fit_once(*json.loads(job))))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    return run(app, "research.cost", arguments)


if __name__ == "__main__":
    sys.exit(main())
