"""The tour: real ratings, both tasks measured beside two floors, one person's lists."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from conv4rec.cli import service
from conv4rec.cli.console import command, say
from conv4rec.cli.metrics_output import show_metrics
from conv4rec.cli.parsing import id_from_text
from conv4rec.cli.progress import progress_bar
from conv4rec.cli.tables import show_answers
from conv4rec.data import split_log
from conv4rec.data.datasets import INSTALLED
from conv4rec.recommender.fit_and_evaluate import ModelChoice, Run, run

if TYPE_CHECKING:
    from conv4rec.data import Dataset, Interactions, Split

SHOWN = ("rmse", "nll", "recall@20", "ndcg@20", "ndcg_like@20")
FEWEST = 50  # interactions of the person shown, where anyone has as many
K = 5


@dataclass(frozen=True)
class QuickstartOptions:
    """What was asked for on the command line."""

    data: str | None
    out: str
    seed: int
    user: str | None
    titles: str | None
    columns: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def quickstart(request: QuickstartOptions) -> None:
    """Load, train, measure, show, save. The folder was checked before.

    Raises:
        DataError: The table cannot be used.
        UnknownUserError: The user asked for is not in the data.
    """
    started = time.perf_counter()
    data = request.data or INSTALLED
    log, dataset = service.load_log(data, request.columns)
    _show_data(log, dataset, data)
    person = _person(log, request.user)
    titles = service.load_titles(request.titles, log.items)
    if not titles and dataset is not None:
        titles = dataset.item_titles()
    split = split_log(log, f"r{request.seed}", name=data)
    say()
    say(f"Training on {len(split.train):,} interactions; {len(split.test):,} are held out.")
    with progress_bar() as on_progress:
        ours = run(split, ModelChoice(settings=request.settings), request.seed, on_progress)
    _show_figures(split, ours, request.seed)
    _show_person(ours.model, split, person, titles)
    ours.model.save(request.out)
    say(
        f"The model, as trained without the held-out tenth, is in {request.out}. "
        f"All this took {time.perf_counter() - started:.0f} s. Next:"
    )
    _show_next(request, data, dataset, person)


def _show_data(log: Interactions, dataset: Dataset | None, data: str) -> None:
    say(f"Data: {data}" + (f", from {dataset.source}." if dataset else "."))
    for line in log.report.lines():
        say(line, indent=2)
    if dataset is not None:
        say(f"Licence: {dataset.licence}.", indent=2)


def _person(log: Interactions, wanted: str | None) -> int | str:
    """Whose lists to show: as asked, or the median of those with `FEWEST` interactions or more."""
    if wanted is not None:
        return log.users.ids(np.array([log.users.number(id_from_text(wanted, log.users))]))[0]
    counts = np.diff(log.starts)
    active = np.flatnonzero(counts >= min(FEWEST, counts.max()))
    in_order = active[np.argsort(counts[active], kind="stable")]
    return log.users.ids(in_order[[len(in_order) // 2]])[0]


def _show_figures(split: Split, ours: Run, seed: int) -> None:
    """Both tasks on the held-out part, beside the two floors."""
    columns = {"conv4rec": ours.record.metrics}
    columns["popularity"] = run(split, ModelChoice("popularity"), seed).record.metrics
    if (split.train.level_numbers >= 0).any():
        columns["means"] = run(split, ModelChoice("means"), seed).record.metrics
    say()
    say("Both tasks, on the held-out interactions, beside two floors:")
    show_metrics(columns, [name for name in SHOWN if ours.record.metrics[name] is not None])
    say()


def _show_person(model: Any, split: Split, person: int | str, titles: dict[Any, str]) -> None:
    """The next picks and the finds of one person, with what they did in the held-out part."""
    truth = _held_out(split, person)
    rated = split.train.n_levels > 1
    say(f"User {person}. {_legend(split)}")
    lists = {"consume": "Would probably pick next:"}
    if rated:
        lists["discover"] = "Would love, but hardly find:"
    for by, words in lists.items():
        frame = model.recommend([person], K, by=by)
        if frame.height:
            say()
            say(words)
            marks = {id: truth[id] for id in frame["item_id"].to_list() if id in truth}
            show_answers(service.with_titles(frame, titles), marks, with_ids=False)
    say()


def _legend(split: Split) -> str:
    levels = split.train.levels
    bars = (
        f"Bars: chance of each rating, from {levels.labels[0]} to {levels.labels[-1]}. "
        f"P(like): chance of {levels.like_threshold():g} or more. "
    )
    return (
        "P(pick): chance to be the next item picked. "
        + (bars if levels.n_levels > 1 else "")
        + "Held out: what they really did, unseen by the model."
    )


def _held_out(split: Split, person: int | str) -> dict[Any, str]:
    """What a person did in the test, in a word or two, by item id."""
    test = split.test
    user = test.users.number(person)
    rows = slice(test.starts[user], test.starts[user + 1])
    words = [*(f"rated {label}" for label in split.train.levels.labels), "picked"]
    given = [words[level] for level in test.level_numbers[rows].tolist()]
    items = test.items.ids(test.item_numbers[rows]).to_list()
    return dict(zip(items, given, strict=True))


def _show_next(
    request: QuickstartOptions, data: str, dataset: Dataset | None, person: int | str
) -> None:
    source = request.titles or (data if dataset is not None and dataset.items is not None else None)
    named = f" --titles {shlex.quote(source)}" if source else ""
    out, user = shlex.quote(request.out), f"--user={shlex.quote(str(person))}"
    command(f"conv4rec recommend {out} {user} --by like -k 10{named}")
    command(f"conv4rec explain {out} {user}{named}")
    command(f"conv4rec recommend {out} --all -k 20 --out recommendations.parquet")
    if request.data is None:
        command("conv4rec quickstart --data your-ratings.csv")
    else:
        again = (
            ""
            if not request.columns
            else " --columns "
            + shlex.quote(",".join(f"{role}={name}" for role, name in request.columns.items()))
        )
        command(f"conv4rec fit {shlex.quote(data)} --out my-model{again}")
