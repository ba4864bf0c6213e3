"""The commands `data list`, `data fetch` and `data show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import command, note, print_json, say
from conv4rec.cli.reading import reads_tables

if TYPE_CHECKING:
    import polars as pl

    from conv4rec.data import Dataset, Events, Interactions

data_app = typer.Typer(
    help="Data sets: list the known ones, fetch one from its owner, look at one.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@data_app.command("list")
def list_(as_json: options.AsJson = False) -> None:
    """The data sets that have a name, and whether they are on this machine.

    \b
    Example:
      conv4rec data list
    """
    from conv4rec.cli.tables import show_frame
    from conv4rec.data.available import available_datasets

    frame = available_datasets().drop("is_here")
    if as_json:
        print_json({"datasets": frame.to_dicts()})
        return
    show_frame(frame)
    say("Licences are shown when a data set is fetched, and by `conv4rec data show NAME`.")


@data_app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `conv4rec data list` has it.")],
    as_json: options.AsJson = False,
) -> None:
    """Get a data set from its owner, checked, into the cache; says its licence first.

    \b
    Example:
      conv4rec data fetch ml-100k
    """
    from conv4rec.data import load_dataset

    dataset = load_dataset(name, tell=note)
    if as_json:
        facts = {"name": name, "rows": dataset.frame.height, "source": dataset.source}
        print_json({**facts, "licence": dataset.licence})
        return
    say(f"{name} is here: {dataset.frame.height:,} rows, from {dataset.source}.")
    say(f"Licence: {dataset.licence}.")
    command(f"conv4rec data show {name}")


@data_app.command("show")
@reads_tables
def show(
    data: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="A data set by name, or a file.")
    ],
    exclusive: options.Exclusive = None,
    repeats: options.Repeats = None,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """The contents of a ratings log: counts, scale, duplicates, first rows.

    \b
    Example:
      conv4rec data show movielens-2016
      conv4rec data show ratings.csv
      conv4rec data show events.csv --columns type=action --exclusive like,hide --repeats buy=no
    """
    from conv4rec.cli import parsing, service
    from conv4rec.cli.tables import show_frame
    from conv4rec.data import Interactions
    from conv4rec.data.description import level_counts

    stated = parsing.types_from_words(exclusive, repeats)
    log, dataset = service.load_any_log(data, reading, **stated)
    if as_json:
        print_json({"data": data, **_facts(log, dataset)})
        return
    say(str(log.report))
    if dataset is not None:
        say(f"Source: {dataset.source}")
        say(f"Licence: {dataset.licence}")
    if isinstance(log, Interactions):
        show_frame(_with_bars(level_counts(log)))
    else:
        _show_types(log)
    say("The first rows, by user and item:")
    show_frame(log.to_frame().head(5), digits=1)


def _show_types(log: Events) -> None:
    """Events of each type, how many are repeated, and what is understood from it."""
    import polars as pl

    from conv4rec.cli.tables import show_frame

    frame = log.report.by_type().with_columns(
        pl.when("repeats").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("repeats")
    )
    show_frame(frame)
    say("share: of all events; repeated: of the type's events, those on an item that the user had")
    say(
        "the type on before; seen_before: any type before; repeats: recommended again for the type."
    )


def _with_bars(counts: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    most = max(1, *counts["interactions"])
    bars = ["█" * round(30 * count / most) for count in counts["interactions"]]
    return counts.with_columns(pl.Series(" ", bars))


def _facts(log: Interactions | Events, dataset: Dataset | None) -> dict[str, Any]:
    """The same for programs."""
    from conv4rec.data import Interactions

    facts = _facts_of_levels(log) if isinstance(log, Interactions) else _facts_of_types(log)
    if dataset is not None:
        facts |= {"source": dataset.source, "licence": dataset.licence}
    return facts


def _facts_of_types(log: Events) -> dict[str, Any]:
    report, types = log.report, log.types
    names = ("n_rows", "n_users", "n_items", "n_pairs", "n_replaced")
    return {name: getattr(report, name) for name in names} | {
        "types": report.by_type().to_dicts(),
        "targets": list(types.targets),
        "exclusive": [[types.labels[kind] for kind in group] for group in types.exclusive],
        "levels": list(types.levels.values) if types.levels else [],
    }


def _facts_of_levels(log: Interactions) -> dict[str, Any]:
    from conv4rec.data.description import level_counts

    facts = {name: value for name, value in vars(log.report).items() if name != "levels"}
    counts = level_counts(log)
    facts["levels"] = list(log.levels.values)
    facts["level_counts"] = dict(zip(counts["level"], counts["interactions"], strict=True))
    facts["like_threshold"] = log.levels.like_threshold()
    return facts
