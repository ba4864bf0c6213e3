"""The command `quickstart`: train on real ratings, measure both tasks, show one user's lists."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import command, say
from conv4rec.cli.reading import reads_tables

if TYPE_CHECKING:
    from conv4rec.data import Dataset, Events, Interactions, Split

SHOWN = ("rmse", "nll", "recall@20", "ndcg@20", "ndcg_like@20")
K = 5  # items of a list


@reads_tables
def quickstart(
    data: Annotated[
        str | None,
        typer.Option(metavar="FILE|NAME", help="Your own ratings instead of MovieLens."),
    ] = None,
    out: Annotated[
        str, typer.Option(metavar="FOLDER", help="Folder to save the model in.")
    ] = "conv4rec-quickstart",
    seed: options.Seed = 0,
    user: Annotated[
        str | None, typer.Option(help="The user whose lists are shown; else a typical one.")
    ] = None,
    titles: options.Titles = None,
    set_: options.Set = None,
    threads: options.Threads = None,
    *,
    reading: dict[str, Any],
) -> None:
    """Train on real ratings, measure both tasks, and show one user's lists: two minutes.

    \b
    Example:
      conv4rec quickstart
      conv4rec quickstart --data ratings.csv --titles items.csv
      conv4rec quickstart --data events.csv
    """
    from conv4rec.cli import parsing, service
    from conv4rec.data import Events
    from conv4rec.data.datasets import INSTALLED
    from conv4rec.data.description import typical_user

    settings = parsing.settings_from_words(set_ or [])
    service.prepare_torch("cpu", threads)
    service.check_folder(out)
    started = time.perf_counter()
    name = data or INSTALLED
    log, dataset = service.load_any_log(name, reading)
    if isinstance(log, Events):
        _tour_of_types(log, dataset, name, reading, settings, seed, user, titles, out, started)
        return
    _show_data(log, dataset, name)
    user_id = typical_user(log)
    if user is not None:
        user_id = parsing.id_from_text(user, log.users)
        log.users.number(user_id)  # unknown? say so before the training
    names = service.load_titles(titles, log.items, reading)
    if not names and dataset is not None:
        names = dataset.item_titles()
    model, split = _train_and_measure(log, name, settings, seed)
    _show_user(model, split, user_id, names)
    model.save(out)
    _say_where(out, started)
    has_titles = dataset is not None and dataset.items is not None
    _show_next(out, user_id, titles or (name if has_titles else None))
    _show_own_data(data, reading)


def _tour_of_types(
    log: Events,
    dataset: Dataset | None,
    name: str,
    reading: dict[str, Any],
    settings: dict[str, Any],
    seed: int,
    user: str | None,
    titles: str | None,
    out: str,
    started: float,
) -> None:
    """The same tour for a log with types."""
    from conv4rec.cli import parsing, quickstart_types, service
    from conv4rec.data import read_table

    say(f"Data: {name}" + (f", from {dataset.source}." if dataset else "."))
    frame = read_table(name, **reading) if dataset is None else dataset.frame
    names = service.load_titles(titles, log.items, {})
    if not names and dataset is not None:
        names = dataset.item_titles()
    whom = None if user is None else parsing.id_from_text(user, log.users)
    found = quickstart_types.tour_of_types(frame, name, seed, settings, whom)
    model, split, target, shown = found
    quickstart_types.show_user_of_types(model, split, target, shown, names)
    model.save(out)
    _say_where(out, started)
    quickstart_types.show_next_of_types(out, target, shown, titles)
    _show_own_data(name if dataset is None else None, reading)


def _show_data(log: Interactions, dataset: Dataset | None, name: str) -> None:
    say(f"Data: {name}" + (f", from {dataset.source}." if dataset else "."))
    for line in log.report.lines():
        say(line, indent=2)
    if dataset is not None:
        say(f"Licence: {dataset.licence}.", indent=2)


def _train_and_measure(
    log: Interactions, name: str, settings: dict[str, Any], seed: int
) -> tuple[Any, Split]:
    """Train, and print both tasks on the held-out part, beside two baselines."""
    from conv4rec.cli.metrics_output import show_metrics
    from conv4rec.cli.progress import progress_bar
    from conv4rec.data import split_log
    from conv4rec.recommender.fit_and_evaluate import ModelChoice, run

    split = split_log(log, f"r{seed}", name=name)
    say()
    say(f"Training on {len(split.train):,} interactions; {len(split.test):,} are held out.")
    with progress_bar() as on_progress:
        ours = run(split, ModelChoice(settings=settings), seed, on_progress)
    columns = {"conv4rec": ours.record.metrics}
    baselines = ["popularity", *(["means"] if split.train.n_rated else [])]
    for baseline in baselines:
        columns[baseline] = run(split, ModelChoice(baseline), seed).record.metrics
    say()
    say("Both tasks, on the held-out interactions, beside baselines:")
    show_metrics(columns, [metric for metric in SHOWN if ours.record.metrics[metric] is not None])
    say()
    return ours.model, split


def _show_user(model: Any, split: Split, user: int | str, titles: dict[Any, str]) -> None:
    """The likely items and the discoveries of one user, with the held-out ratings."""
    from conv4rec.cli.answers import legend, show_answers
    from conv4rec.data.description import levels_by_item
    from conv4rec.data.titles import with_titles

    given = {
        item: "consumed" if label is None else f"rated {label}"
        for item, label in levels_by_item(split.test, user).items()
    }
    levels = split.train.levels
    say(f"User {user}. {legend(levels)} Held out: what the user did, unseen by the model.")
    lists = {"consume": "Will probably consume next:"}
    if levels.n_levels > 1:
        lists["discover"] = "Discoveries: would like, and hardly find alone:"
    for by, heading in lists.items():
        frame = model.recommend([user], K, by=by)
        if frame.height:
            say()
            say(heading)
            marks = {item: given[item] for item in frame["item_id"].to_list() if item in given}
            show_answers(with_titles(frame, titles), marks, with_ids=False)
    say()


def _show_next(out: str, user: int | str, titles: str | None) -> None:
    """Commands to try on the saved model."""
    named = f" --titles {shlex.quote(titles)}" if titles else ""
    model, whom = shlex.quote(out), f"--user={shlex.quote(str(user))}"
    command(f"conv4rec recommend {model} {whom} --by like -k 10{named}")
    command(f"conv4rec explain {model} {whom}{named}")
    command(f"conv4rec recommend {model} --all -k 20 --out recommendations.parquet")


def _say_where(out: str, started: float) -> None:
    """The folder of the model and the time since `started`; the next commands follow."""
    say(
        f"The model, as trained without the held-out tenth, is in {out}. "
        f"All this took {time.perf_counter() - started:.0f} s.\nNext:"
    )


def _show_own_data(data: str | None, reading: dict[str, Any]) -> None:
    """The command that trains on all of the user's own data."""
    from conv4rec.data.reading import reading_words

    if data is None:
        command("conv4rec quickstart --data your-ratings.csv")
        return
    command(shlex.join(["conv4rec", "fit", data, "--out", "my-model", *reading_words(reading)]))
