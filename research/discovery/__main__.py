"""The experiments of the discovery page: `python -m research.discovery --help`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import note, print_json, raw, say
from conv4rec.cli.parsing import settings_from_words
from research.command import new_app, run

app = new_app("Do users like the items that they are unlikely to consume? See docs/discovery.md.")
Seeds = Annotated[int, typer.Option(min=1, help="Fits of each model, or worlds.")]
FirstSeed = Annotated[int, typer.Option(min=0, help="Seed of the first.")]
Records = Annotated[Path, typer.Option(metavar="FOLDER", help="Where records are added.")]


@app.command(short_help="On ratings of items exposed at random.")
def random_exposure(
    dataset: Annotated[
        str, typer.Argument(metavar="NAME/SPLIT", help="Its test items: exposed at random.")
    ],
    models: Annotated[
        str, typer.Option(metavar="all|A,B,...", help="Candidates beside ours: means,mf-dr.")
    ] = "all",
    seeds: Seeds = 5,
    first_seed: FirstSeed = 0,
    set_: options.Set = None,
    records: Records = Path("discovery-records"),
    as_json: options.AsJson = False,
) -> None:
    """Measure our model and other candidates on the same pairs, such as those of coat/mar."""
    from conv4rec.benchmark import records as files
    from conv4rec.data import split_by_name
    from research.discovery import tables
    from research.discovery.candidates import chosen
    from research.discovery.random_exposure import Configuration, evaluate

    settings = _settings(set_)
    names, split = chosen(models), split_by_name(dataset)
    numbers = tuple(range(first_seed, first_seed + seeds))
    path, added = files.file_of(records, dataset), []
    for line in evaluate(Configuration(split, names, numbers, settings), note):
        files.append(path, line)
        added.append(line)
    if as_json:
        print_json({"records": str(path), "lines": added})
        return
    for columns in (tables.COLUMNS, tables.LISTED_COLUMNS):
        raw(tables.candidates(added, columns))
    raw(tables.by_decile(added))
    raw(tables.differences(added))
    for line in added:
        if line["kind"] in ("failure", "absent"):
            say(f"No figures: {line['model']} (seed {line['seed']}): {line['reason']}")
    say(f"Records: {path}. docs/discovery.md defines each figure.")


@app.command(short_help="In synthetic worlds, beside the truth.")
def simulate(
    ideal: Annotated[
        bool, typer.Option("--ideal", help="Also the ideal learner: a minute for each world.")
    ] = False,
    seeds: Seeds = 5,
    first_seed: FirstSeed = 0,
    set_: options.Set = None,
    records: Records = Path("discovery-records"),
    as_json: options.AsJson = False,
) -> None:
    """Fit synthetic worlds and score the discovery lists by the true P(like)."""
    from conv4rec.benchmark import records as files
    from research.discovery import simulate, tables

    settings = _settings(set_)
    path, added = files.file_of(records, "worlds"), []
    for case in simulate.CASES:
        for seed in range(first_seed, first_seed + seeds):
            added.append(simulate.simulate(case, seed, settings, ideal))
            files.append(path, added[-1])
    if as_json:
        print_json({"records": str(path), "lines": added})
        return
    raw(tables.worlds(added))
    say(f"Records: {path}. docs/discovery.md defines each figure.")


@app.command(short_help="Lists at several values of `confidence`: ten minutes.")
def confidence() -> None:
    """Score discovery lists with confidence 0.5, 0.8 and 0.95, in worlds and on training parts."""
    from research.discovery.confidence import lines

    for line in lines():
        raw(line)


@app.command(short_help="Coverage of the 90% intervals of P(like): some minutes.")
def coverage() -> None:
    """Count how often 90% intervals of P(like) contain the truth in synthetic worlds."""
    from research.discovery.coverage import lines

    for line in lines():
        raw(line)


def _settings(words: list[str] | None) -> dict[str, Any]:
    """Settings of our model; a wrong one is an error before any fit."""
    from conv4rec import Conv4Rec

    settings = settings_from_words(words or [])
    Conv4Rec(**settings)
    return settings


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    return run(app, "research.discovery", arguments)


if __name__ == "__main__":
    sys.exit(main())
