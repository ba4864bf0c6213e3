"""`python -m research.campaigns`: run a campaign of hostile input and print its record."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from conv4rec.cli.console import print_json
from research.campaigns.blocks import run_campaign
from research.command import new_app, run

app = new_app("Hostile folders, tables, kills, disks and settings, by the thousand.")
N = Annotated[int, typer.Option("-n", min=1, help="How many.")]
Seed = Annotated[int, typer.Option(min=0, help="Of every random choice.")]
Record = Annotated[
    Path,
    typer.Option(
        "--record",
        metavar="FILE.jsonl",
        help="Added to as it goes; blocks in it are not run again.",
    ),
]
RECORD = Path("campaigns.jsonl")


def _campaign(name: str, n: int, seed: int, record: Path) -> None:
    found = run_campaign(name, n, seed, record)
    print_json(found)
    if found["n_faults"]:
        raise typer.Exit(1)


@app.command()
def folders(n: N = 1000, seed: Seed = 0, record: Record = RECORD) -> None:
    """Model folders altered at random, with right checksums: loaded and used."""
    _campaign("folders", n, seed, record)


@app.command()
def tables(n: N = 1000, seed: Seed = 0, record: Record = RECORD) -> None:
    """Files of logs altered byte by byte: read, or refused."""
    _campaign("tables", n, seed, record)


@app.command()
def odd(n: N = 1000, seed: Seed = 0, record: Record = RECORD) -> None:
    """Odd tables from a grammar: read as they are meant and fitted, or refused."""
    _campaign("odd", n, seed, record)


@app.command()
def arguments(n: N = 1000, seed: Seed = 0, record: Record = RECORD) -> None:
    """Calls with odd arguments, and fits with random settings."""
    _campaign("arguments", n, seed, record)


@app.command()
def kills(n: N = 30, seed: Seed = 0, record: Record = RECORD) -> None:
    """Signals at random moments of fit, resume and recommend --out."""
    _campaign("kills", n, seed, record)


@app.command()
def power_cuts(n: N = 10_000, seed: Seed = 0, record: Record = RECORD) -> None:
    """Power cuts while a model or a table is saved: what was not synced may be lost."""
    _campaign("power_cuts", n, seed, record)


@app.command()
def failures(n: N = 2_000, seed: Seed = 0, record: Record = RECORD) -> None:
    """Every file operation of the saves of all kinds of models failing once."""
    _campaign("failures", n, seed, record)


@app.command()
def system_calls(n: N = 1000, seed: Seed = 0, record: Record = RECORD) -> None:
    """Every system call of a save and of a table failing once (needs strace)."""
    _campaign("system_calls", n, seed, record)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one campaign; returns the exit code: 1 if a fault was found."""
    return run(app, "research.campaigns", arguments)


if __name__ == "__main__":
    sys.exit(main())
