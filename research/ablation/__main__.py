"""Fits of the model without some of its parts: `python -m research.ablation --help`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from conv4rec.cli.console import note, raw
from conv4rec.errors import SettingError
from research.command import Threads, new_app, run, use_threads

app = new_app("What each part of the model is worth: the tables of docs/ablation.md.")
Logs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LOG]...", help="NAME/SPLIT, NAME/SPLIT:N_USERS, blocks, long-tail."),
]
TableOnly = Annotated[
    bool, typer.Option("--table", help="Write the tables of the page, without any fit.")
]


@app.command(name="parts", short_help="Without some parts, on many logs.")
def parts_command(
    logs: Logs = None,
    seeds: Annotated[int, typer.Option(min=1, help="Fits of each variant.")] = 3,
    processes: Annotated[int, typer.Option(min=1, help="Fits at the same time.")] = 2,
    records: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where lines are added.")
    ] = None,
    table: TableOnly = False,
) -> None:
    """Fit the default model without some parts, on one core each; prints one line for each fit."""
    from research.ablation import parts

    _check_logs(logs, table)
    for record in parts.measure(logs or (), range(seeds), processes, records or parts.RECORDS):
        raw(json.dumps(record))
    if records is None:
        parts.fill()


@app.command(name="leave_one_out", short_help="Without one part at a time.")
def leave_one_out_command(
    logs: Logs = None, threads: Threads = None, table: TableOnly = False
) -> None:
    """Fit the default model without one part at a time, with two seeds."""
    from research.ablation import leave_one_out

    _check_logs(logs, table)
    use_threads(threads)
    for record in leave_one_out.measure(logs or ()):
        note(f"{record['split']} without {record['without']}: ndcg@20 {record['ndcg@20']:.4f}")
    leave_one_out.fill()


@app.command(name="ladder", short_help="From the model of the paper to the default.")
def ladder_command(logs: Logs = None, threads: Threads = None, table: TableOnly = False) -> None:
    """Fit the model of the paper, then add one part at a time up to the default."""
    from research.ablation import ladder

    _check_logs(logs, table)
    use_threads(threads)
    for record in ladder.measure(logs or ()):
        note(f"{record['log']}, {record['rung']}: ndcg@20 {record['ndcg@20']:.4f}")
    ladder.fill()


def _check_logs(logs: list[str] | None, table: bool) -> None:
    if bool(logs) == table:
        raise SettingError("name the logs to fit, such as ml-100k/u1, or give --table alone")
    from research.ablation.fits import training_part

    for log in logs or ():
        training_part(log)  # a wrong name is an error before the first fit, not after hours


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    return run(app, "research.ablation", arguments)


if __name__ == "__main__":
    sys.exit(main())
