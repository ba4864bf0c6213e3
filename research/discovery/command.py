"""The command that judges discovery: discovery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from conv4rec.cli import options
from conv4rec.cli.console import note, print_json, raw, say
from conv4rec.errors import SettingError


def discovery(
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME/SPLIT", help="A split with items shown at random: coat/mar."),
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Instead: made-up worlds whose gems are known.")
    ] = False,
    ideal: Annotated[
        bool,
        typer.Option(
            "--ideal", help="With --simulate: what the best learner finds; a minute each."
        ),
    ] = False,
    models: Annotated[
        str, typer.Option(metavar="all|A,B,...", help="Rivals beside ours, such as means,mf-dr.")
    ] = "all",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each model, or worlds.")] = 5,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first run.")] = 0,
    set_: options.Set = None,
    records: Annotated[
        str, typer.Option(metavar="FOLDER", help="Where records are added.")
    ] = "discovery-records",
    as_json: options.AsJson = False,
) -> None:
    """Of what people would hardly pick, does the model know what they would love?

    Measured on ratings of items shown at random, beside rivals that answer for the same pairs.

    \b
    Example:
      conv4rec discovery --dataset coat/mar --seeds 5
      conv4rec discovery --dataset coat/mar --models means,mf-dr --set propensity_power=0.5
      conv4rec discovery --simulate --seeds 3 --ideal
    """
    from conv4rec.benchmark import records as kept
    from conv4rec.cli import parsing as words
    from conv4rec.cli import service
    from conv4rec.data import split_by_name
    from research.discovery import random_exposure as judge
    from research.discovery import tables
    from research.discovery.simulate import CASES
    from research.discovery.simulate import simulate as run_world

    if (dataset is None) == (not simulate):
        raise SettingError("discovery needs either --dataset NAME/SPLIT or --simulate")
    if ideal and not simulate:
        raise SettingError("--ideal is of made-up worlds: it needs --simulate")
    settings = words.settings_from_words(set_ or [])
    service.make_model("default", first_seed, "cpu", None, set_)  # wrong? say so before any training
    numbers = tuple(range(first_seed, first_seed + seeds))
    path = kept.file_of(Path(records), dataset or "worlds")
    added = []
    if dataset is not None:
        hearing = judge.Hearing(split_by_name(dataset), judge.chosen(models), numbers, settings)
        lines = judge.judge(hearing, note)
    else:
        lines = (run_world(case, seed, settings, ideal) for case in CASES for seed in numbers)
    for line in lines:
        kept.append(path, line)
        added.append(line)
    if as_json:
        print_json({"records": str(path), "lines": added})
        return
    if dataset is None:
        raw(tables.worlds(added))
    else:
        raw(tables.judged(added))
        raw(tables.judged(added, tables.FIND_COLUMNS))
        raw(tables.by_decile(added))
        raw(tables.differences(added))
        for line in added:
            if line["kind"] in ("failure", "absent"):
                say(f"No figures: {line['model']} (seed {line['seed']}): {line['reason']}")
    say(f"Records: {path}. docs/evaluation.md defines each figure.")
