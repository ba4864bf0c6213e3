"""The command `fit`: train a model on a log and save it."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import command, note, print_json, say
from conv4rec.cli.estimate import show_cost
from conv4rec.cli.processes import is_one_of_many
from conv4rec.cli.reading import reads_tables
from conv4rec.errors import SettingError, TrainingInterrupted


@reads_tables
def fit(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A file of ratings or events, or a data set.")
    ],
    out: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Folder to save the model in; needed unless --dry-run.",
            show_default=False,
        ),
    ] = "",
    levels: options.LevelList = None,
    no_types: options.NoTypes = False,
    exclusive: options.Exclusive = None,
    repeats: options.Repeats = None,
    duplicates: Annotated[
        str, typer.Option(help="Of a repeated pair, which row counts: last, first, mean, error.")
    ] = "last",
    like_threshold: Annotated[
        float | None, typer.Option(help="Lowest rating that counts as liking; else 4 of 5.")
    ] = None,
    preset: options.Preset = "default",
    set_: options.Set = None,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    threads: options.Threads = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Folder of the training's state; else MODEL.training."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted training stopped.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate time and memory (see estimate); no fit.")
    ] = False,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Train a model on a log and save it. Ctrl-C saves too: go on with --resume.

    \b
    Example:
      conv4rec fit ratings.csv --out my-model
      conv4rec fit log.parquet --out my-model --columns user_id=client,item_id=sku
      conv4rec fit ml-100k --out ml --set n_steps=60 --seed 1
      conv4rec fit events.csv --out shop
    """
    from conv4rec.cli import parsing, service
    from conv4rec.storage.folders import remove_saved
    from conv4rec.train.processes import own_number

    model = service.make_model(preset, seed, device, threads, set_, like_threshold=like_threshold)
    state = checkpoint or out.rstrip("/\\") + ".training"
    if not dry_run:
        if not out:
            raise SettingError("Missing option '--out': the folder to save the model in")
        service.check_folder(out)
        _check_state(state, resume)
    if no_types and (exclusive or repeats):
        raise SettingError("--exclusive and --repeats are of types, which --no-types leaves unread")
    load = service.load_log if no_types else service.load_any_log
    log, _ = load(
        data,
        reading,
        levels=parsing.levels_from_text(levels),
        duplicates=duplicates,
        **parsing.types_from_words(exclusive, repeats),
    )
    if not as_json:
        say(str(log.report))
    if dry_run:
        show_cost(log, model, as_json)
        return
    started = time.perf_counter()
    _train(model, log, state, resume)
    if own_number() == 0:
        model.save(out)
        remove_saved(state, "training checkpoint")
    seconds = time.perf_counter() - started
    if as_json:
        facts: dict[str, Any] = {"model": out, "fit_s": round(seconds, 3), "seed": seed}
        sizes = {"users": log.n_users, "items": log.n_items}
        sizes["interactions"] = len(model.interactions_)
        print_json({**facts, **sizes, "n_parameters": model.n_parameters_, "config": model.config_})
        return
    say(f"Saved to {out} after {seconds:.0f} s: {model.n_parameters_:,} parameters. Next:")
    first_user = shlex.quote(str(log.users.ids(log.user_numbers[:1])[0]))
    by = ""
    if model.events_ is not None:
        by = f" --by {shlex.quote(service.rarest_type(model.events_.log))}"
    command(f"conv4rec recommend {shlex.quote(out)} --user {first_user}{by}")


def _check_state(state: str, resume: bool) -> None:
    """Check the folder of the training's state before the data is read."""
    from conv4rec.cli import service

    service.check_folder(state, "training checkpoint")
    is_held = Path(state, "manifest.json").exists()
    if resume and not is_held:
        raise SettingError(f"there is no interrupted training in {state}: leave out --resume")
    if is_held and not resume:
        note(f"{state} holds an interrupted training; this one starts anew (--resume goes on)")


def _train(model: Any, log: Any, state: str, resume: bool) -> None:
    from conv4rec.cli.progress import progress_bar
    from conv4rec.cli.stopping import stop_request

    try:
        with progress_bar() as on_progress, stop_request() as request:
            model.fit(
                log,
                on_progress=on_progress,
                checkpoint=state,
                resume=resume,
                should_stop=request.is_set,
            )
    except TrainingInterrupted as interrupted:
        raise _with_command(interrupted) from None


def _with_command(interrupted: TrainingInterrupted) -> TrainingInterrupted:
    """The same error, with the command that goes on from there."""
    start = ["torchrun", "...", "-m"] if is_one_of_many() else []
    words = [*start, "conv4rec", *sys.argv[1:]]
    again = shlex.join([*words, *([] if "--resume" in words else ["--resume"])])
    what = str(interrupted).partition(":")[0]
    return TrainingInterrupted(f"{what}; to go on: {again}")
