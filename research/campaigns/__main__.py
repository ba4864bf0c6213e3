"""`python -m research.campaigns`: run a campaign of hostile input and print its record."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from conv4rec.cli.console import print_json
from research.campaigns.outcomes import Outcomes
from research.command import new_app, run

app = new_app("Hostile folders, tables, kills, disks and settings, by the thousand.")
N = Annotated[int, typer.Option("-n", min=1, help="How many.")]
Seed = Annotated[int, typer.Option(min=0, help="Of every random choice.")]
Record = Annotated[
    Path | None, typer.Option("--record", metavar="FILE.jsonl", help="Where to add the record.")
]


def _campaign(
    name: str, n: int, seed: int, record: Path | None, work: Callable[[int, int, Outcomes], None]
) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    outcomes, started = Outcomes(), time.process_time()
    work(n, seed, outcomes)
    found = {"campaign": name, "n": n, "seed": seed, **outcomes.record()}
    found["processor_s"] = round(time.process_time() - started)
    if record is not None:
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
    print_json(found)
    if outcomes.n_faults:
        raise typer.Exit(1)


@app.command()
def folders(n: N = 1000, seed: Seed = 0, record: Record = None) -> None:
    """Model folders altered at random, with right checksums: loaded and used."""
    from research.campaigns.folders import run_folders

    _campaign("folders", n, seed, record, run_folders)


@app.command()
def tables(n: N = 1000, seed: Seed = 0, record: Record = None) -> None:
    """Files of logs altered byte by byte: read, or refused."""
    from research.campaigns.tables import run_tables

    _campaign("tables", n, seed, record, run_tables)


@app.command()
def arguments(n: N = 1000, seed: Seed = 0, record: Record = None) -> None:
    """Calls with odd arguments, and fits with random settings."""
    from research.campaigns.arguments import run_arguments

    _campaign("arguments", n, seed, record, run_arguments)


@app.command()
def kills(n: N = 30, seed: Seed = 0, record: Record = None) -> None:
    """Signals at random moments of fit, resume and recommend --out."""
    from research.campaigns.kills import run_kills

    _campaign("kills", n, seed, record, run_kills)


@app.command()
def system_calls(n: N = 1000, seed: Seed = 0, record: Record = None) -> None:
    """Every system call of a save and of a table failing once (needs strace)."""
    from research.campaigns.system_calls import run_system_calls

    _campaign("system-calls", n, seed, record, run_system_calls)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one campaign; returns the exit code: 1 if a fault was found."""
    return run(app, "research.campaigns", arguments)


if __name__ == "__main__":
    sys.exit(main())
