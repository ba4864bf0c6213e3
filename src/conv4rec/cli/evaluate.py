"""The command `evaluate`: train on one part of a data set, measure on the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import note, print_json
from conv4rec.cli.reading import reads_tables
from conv4rec.errors import SettingError

if TYPE_CHECKING:
    from conv4rec.data import EventSplit, Split


@reads_tables
def evaluate(
    dataset: options.NamedSplit = None,
    data: options.OwnData = None,
    split: options.SplitKind = "r0",
    train: Annotated[
        str | None, typer.Option(metavar="FILE", help="Instead: your own training part ...")
    ] = None,
    test: Annotated[
        str | None, typer.Option(metavar="FILE", help="... and your own test part.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(metavar="K", help="Of --data, or of --dataset NAME: K-fold cross-validation."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="conv4rec, or a baseline: popularity, means, ease, own-events ...")
    ] = "conv4rec",
    preset: options.Preset = "default",
    set_: options.Set = None,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    threads: options.Threads = None,
    levels: options.LevelList = None,
    exclusive: options.Exclusive = None,
    repeats: options.Repeats = None,
    per_user: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write each user's figures: .csv or .parquet."),
    ] = None,
    lists: Annotated[
        bool, typer.Option("--lists", help="Measure the lists too: coverage, support, likes ...")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Of --lists: other models, such as means,ease."),
    ] = None,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Train on one part of a data set and measure both tasks on the other part.

    \b
    Example:
      conv4rec evaluate --dataset ml-100k/u1 --seed 0 --json
      conv4rec evaluate --data ratings.csv --split time --model ease
      conv4rec evaluate --train a.csv --test b.csv
      conv4rec evaluate --dataset ml-100k --folds 5
      conv4rec evaluate --dataset coat/mar --lists --against means,ease
      conv4rec evaluate --dataset taobao-mb/buy
    """
    from conv4rec.cli import parsing, service
    from conv4rec.cli.metrics_output import show_record
    from conv4rec.cli.progress import progress_bar
    from conv4rec.cli.writing import check_out, write_frames
    from conv4rec.data import Split
    from conv4rec.recommender.fit_and_evaluate import (
        EVENT_MODELS,
        MODELS,
        ModelChoice,
        per_user_frame,
        run,
    )

    if (dataset is not None) + (data is not None) + (train is not None) != 1:
        raise SettingError(
            "evaluate needs either --dataset NAME/SPLIT or --data FILE, or --train FILE --test FILE"
        )
    if (train is None) != (test is None):
        raise SettingError("--train and --test are of each other: give both")
    if folds is not None and (train is not None or lists or per_user is not None):
        raise SettingError("--folds is of --data or --dataset, without --lists and --per-user")
    if against is not None and not lists:
        raise SettingError("--against is of --lists: add it")
    if model not in (known := dict.fromkeys((*MODELS, *EVENT_MODELS))):
        raise SettingError(f"--model is one of {', '.join(known)}; got {model!r}")
    if per_user is not None:
        check_out(per_user)
    if model == "conv4rec":
        service.make_model(preset, seed, device, threads, set_)  # wrong? say so before the data
    stated = parsing.types_from_words(exclusive, repeats)
    if stated and dataset is not None:
        raise SettingError("--exclusive and --repeats are for your own files")
    choice = ModelChoice(model, preset, device, parsing.settings_from_words(set_ or []))
    if folds is not None:
        frame = _own_frame(str(dataset or data), reading)
        loading = {"levels": parsing.levels_from_text(levels), **stated}
        _run_folds(frame, folds, choice, seed, Path(str(dataset or data)).stem, loading, as_json)
        return
    if train is not None:
        parts = _own_parts(train, str(test), levels, stated, reading)
    else:
        parts = _load_split(dataset, data, split, levels, reading, stated)
    if lists and not isinstance(parts, Split):
        raise SettingError("--lists is for logs without types")
    others = _others(against, model, parts, seed)
    with progress_bar(is_shown=model == "conv4rec") as on_progress:
        outcome = run(parts, choice, seed, on_progress)
    if per_user is not None:
        write_frames([per_user_frame(outcome.evaluation)], per_user)
    measured = None
    if lists and isinstance(parts, Split):
        from conv4rec.evaluate.lists_record import record_lists
        from conv4rec.recommender import as_scorer

        measured = record_lists(parts, model, as_scorer(outcome.model), others)
    if as_json:
        print_json(outcome.record.to_dict() | ({"lists": measured} if measured else {}))
        return
    show_record(outcome.record)
    if measured is not None:
        from conv4rec.cli.lists_output import show_lists

        show_lists(measured, model)


def _load_split(
    dataset: str | None,
    data: str | None,
    split: str,
    levels: str | None,
    reading: dict[str, Any],
    stated: dict[str, Any],
) -> Split | EventSplit:
    from conv4rec.cli import parsing, service
    from conv4rec.data import load_split, read_table, split_events, split_log

    if dataset is not None:
        service.check_named(dataset, reading)
        return load_split(dataset)
    name, scale = Path(str(data)).stem, parsing.levels_from_text(levels)
    frame = read_table(str(data), **reading)
    if "type" in frame.columns:
        return split_events(frame, split, name=name, levels=scale, **stated)
    if stated:
        raise SettingError("--exclusive and --repeats are of types, and the log has none")
    return split_log(frame, split, name=name, levels=scale)


def _own_parts(
    train: str, test: str, levels: str | None, stated: dict[str, Any], reading: dict[str, Any]
) -> Split | EventSplit:
    from conv4rec.cli import parsing
    from conv4rec.data import split_of_tables

    name = f"{Path(train).stem}/{Path(test).stem}"
    scale = parsing.levels_from_text(levels)
    return split_of_tables(train, test, name=name, levels=scale, types=stated, **reading)


def _own_frame(data: str, reading: dict[str, Any]) -> Any:
    """The rows of a file, or of a named data set."""
    from conv4rec.cli import parsing, service
    from conv4rec.data import load_dataset, read_table

    if parsing.is_file_name(data):
        return read_table(data, **reading)
    service.check_named(data, reading)
    return load_dataset(data).frame


def _run_folds(
    frame: Any,
    k: int,
    choice: Any,
    seed: int,
    name: str,
    loading: dict[str, Any],
    as_json: bool,
) -> None:
    """Fit and measure on each fold; print each metric's mean and standard deviation."""
    from conv4rec.cli.metrics_output import show_folds
    from conv4rec.cli.progress import progress_bar
    from conv4rec.data import fold_splits
    from conv4rec.recommender.fit_and_evaluate import fold_statistics, run

    records = []
    for parts in fold_splits(frame, k, seed, name, **loading):
        with progress_bar(is_shown=choice.model == "conv4rec") as on_progress:
            records.append(run(parts, choice, seed, on_progress).record)
    mean, deviation = fold_statistics(records)
    if as_json:
        each = [record.to_dict() for record in records]
        print_json({"model": choice.model, "mean": mean, "sd": deviation, "folds": each})
    else:
        show_folds(records, mean, deviation)


def _others(against: str | None, model: str, parts: Any, seed: int) -> Any:
    """Name and model of each of --against, fitted one after another when they are measured."""
    if against is None:
        return ()
    from conv4rec.benchmark.lists import fit_each, opponents  # all other models: not loaded before

    return fit_each(opponents(against, model, parts), parts, seed, note)
