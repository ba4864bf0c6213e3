"""The command that measures: evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from conv4rec.cli import options
from conv4rec.cli.console import note, print_json
from conv4rec.errors import SettingError


def evaluate(
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME/SPLIT", help="A named split, such as ml-100k/u1.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="Instead of a named one: your own ratings.")
    ] = None,
    split: Annotated[
        str, typer.Option(help="Of --data: r0 (or any seed), time, new-users.")
    ] = "r0",
    model: Annotated[
        str, typer.Option(help="conv4rec, or a floor: popularity, means, ease.")
    ] = "conv4rec",
    preset: options.Preset = "default",
    set_: options.Set = None,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    threads: options.Threads = None,
    levels: options.LevelList = None,
    columns: options.Columns = None,
    per_user: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write each user's figures: .csv or .parquet."),
    ] = None,
    lists: Annotated[
        bool, typer.Option("--lists", help="Measure the lists too: coverage, support, likes ...")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Of --lists: rivals, such as means,ease, beside it."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Train on one part of a data set and measure both tasks on the other part.

    \b
    Example:
      conv4rec evaluate --dataset ml-100k/u1 --seed 0 --json
      conv4rec evaluate --data ratings.csv --split time --model ease
      conv4rec evaluate --dataset coat/mar --lists --against means,ease
    """
    from conv4rec.benchmark.lists import evaluate_candidate_lists, opponents
    from conv4rec.cli import parsing as words
    from conv4rec.cli import service
    from conv4rec.cli.progress import progress_bar
    from conv4rec.cli.writing import check_out, write_frames
    from conv4rec.data import split_by_name, split_log
    from conv4rec.recommender.fit_and_evaluate import (
        MODELS,
        ModelChoice,
        per_user_frame,
        run,
    )

    if (dataset is None) == (data is None):
        raise SettingError("evaluate needs either --dataset NAME/SPLIT or --data FILE")
    if against is not None and not lists:
        raise SettingError("--against is of --lists: add it")
    if model not in MODELS:
        raise SettingError(f"--model is one of {', '.join(MODELS)}; got {model!r}")
    choice = ModelChoice(model, preset, device, words.settings_from_words(set_ or []))
    if model == "conv4rec":
        service.unfitted(preset, seed, device, threads, set_)
    if per_user is not None:
        check_out(per_user)
    if dataset is not None:
        parts = split_by_name(dataset)
    else:
        log, _ = service.load_log(
            str(data), words.columns_from_text(columns), levels=words.levels_from_text(levels)
        )
        parts = split_log(log, split, name=Path(str(data)).stem)
    candidates = opponents(against, model, parts)
    if model == "conv4rec":
        with progress_bar() as on_progress:
            outcome = run(parts, choice, seed, on_progress)
    else:
        outcome = run(parts, choice, seed)
    if per_user is not None:
        write_frames([per_user_frame(outcome.evaluation)], per_user)
    judged = (
        evaluate_candidate_lists(parts, model, outcome.model, seed, candidates, note)
        if lists
        else None
    )
    if as_json:
        print_json(outcome.record.to_dict() | ({"lists": judged} if judged else {}))
        return
    from conv4rec.cli.metrics_output import show_record

    show_record(outcome.record)
    if judged is not None:
        from conv4rec.cli.lists_output import show_lists

        show_lists(judged, model)
