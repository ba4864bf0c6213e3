"""The command `bench`: several models on the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import command, note, print_json, say
from conv4rec.cli.reading import reads_tables
from conv4rec.errors import SettingError


@reads_tables
def bench(
    dataset: options.NamedSplit = None,
    data: options.OwnData = None,
    split: options.SplitKind = "r0",
    models: Annotated[
        str, typer.Option(metavar="all|A,B,...", help="Which models; popularity always runs.")
    ] = "all",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each model.")] = 3,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first run.")] = 0,
    tune: Annotated[
        bool, typer.Option("--tune", help="First choose settings on a part of the training rows.")
    ] = False,
    trials: Annotated[int, typer.Option(min=1, help="Of --tune: trials of each model ...")] = 20,
    minutes: Annotated[float, typer.Option(help="... or minutes, whichever end first.")] = 15.0,
    settings_from: Annotated[
        str | None, typer.Option(metavar="RECORDS", help="Use settings tuned on another split.")
    ] = None,
    drop_labels: Annotated[
        str, typer.Option(metavar="0,0.5,...", help="Shares of ratings to take out of training.")
    ] = "0",
    new_users: Annotated[
        bool, typer.Option("--new-users", help="Test on users who are not in training.")
    ] = False,
    lists: Annotated[
        bool, typer.Option("--lists", help="Measure all lists too; see evaluate --lists.")
    ] = False,
    limit: Annotated[float, typer.Option(help="Minutes that one run may take.")] = 60.0,
    records: Annotated[
        str, typer.Option(metavar="FOLDER", help="Folder of the records.")
    ] = "bench-records",
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE.py:NAME", help="A model of your own (repeatable); see docs."),
    ] = None,
    threads: options.Threads = None,
    levels: options.LevelList = None,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Train several models on the same rows, measure both tasks, and record the provenance.

    \b
    Example:
      conv4rec bench --dataset ml-100k/u1 --models all --seeds 3
      conv4rec bench --data ratings.csv --models popularity,ease,conv4rec
      conv4rec bench --dataset ml-100k/u1 --tune --trials 20 --minutes 15
      conv4rec bench --dataset ml-100k/u1 --drop-labels 0,0.5,0.9 --seeds 1
      conv4rec bench --dataset taobao-mb/buy --seeds 1
    """
    from conv4rec.benchmark.candidates import candidates, chosen
    from conv4rec.benchmark.event_candidates import EVENT_CANDIDATES
    from conv4rec.benchmark.job import Budget, Source
    from conv4rec.benchmark.runner import Plan
    from conv4rec.benchmark.runner import bench as run_bench
    from conv4rec.cli import parsing

    if threads is not None and threads < 1:
        raise SettingError(f"--threads is at least 1; got {threads}")
    if not limit > 0:
        raise SettingError(f"--limit is above 0; got {limit:g}")
    named, kind = parsing.split_words(dataset, split, new_users)
    source = Source(named, data, kind, reading, parsing.levels_from_text(levels))
    has_types = source.has_types
    if has_types and (tune or lists or also):
        raise SettingError("--tune, --lists and --also are for logs without types")
    known = EVENT_CANDIDATES if has_types else candidates(also or ())
    plan = Plan(
        source=source,
        candidates=tuple(chosen(models, known)),
        seeds=tuple(range(first_seed, first_seed + seeds)),
        budget=Budget(trials, minutes) if tune else None,
        settings_from=Path(settings_from) if settings_from else None,
        drop_labels=parsing.shares_from_text(drop_labels),
        limit_minutes=limit,
        folder=Path(records),
        threads=threads,
        also=tuple(also or ()),
        lists=lists,
    )
    added = run_bench(plan, note)
    if as_json:
        print_json({"records": str(plan.file), "lines": added})
        return
    from conv4rec.benchmark.lists import recorded_lists
    from conv4rec.benchmark.records import read
    from conv4rec.cli.bench_output import show_bench, show_event_bench
    from conv4rec.cli.lists_output import show_lists

    show = show_event_bench if has_types else show_bench
    show(read(plan.file), added, source.name)
    if (lists_found := recorded_lists(added)) is not None:
        show_lists(lists_found)
    say(f"Records: {plan.file}. Tables and pictures of them:")
    command("conv4rec", "report", records)
