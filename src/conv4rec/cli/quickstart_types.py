"""The tour of `quickstart` for a log with types: the next event of the rarest type, with why."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from conv4rec.cli.console import command, say
from conv4rec.cli.tables import Table, figure

if TYPE_CHECKING:
    import polars as pl

    from conv4rec.data.event_splits import EventSplit

K, REASONS = 5, 2  # items of a list, and reasons of an item
MEANINGS = {
    "recall@10": ("↑", "hits in top 10 / min(10, held-out)"),
    "ndcg@10": ("↑", "the same, early places counting more"),
    "new_recall@10": ("↑", "as recall@10, of items new to the user"),
    "new_ndcg@10": ("↑", "as ndcg@10, of items new to the user"),
    "nll_type": ("↓", "-log P(type of the event on its item), in nats"),
}


def tour_of_types(
    frame: pl.DataFrame, name: str, seed: int, settings: dict[str, Any], user: Any
) -> tuple[Any, EventSplit, str, int | str]:
    """Train on nine tenths, measure on the rest beside two rules of thumb.

    Returns:
        The model, the split, the type that is shown, and the user whose lists are.
    """
    from conv4rec import Conv4Rec
    from conv4rec.baselines.own_events import OwnEvents
    from conv4rec.baselines.typed_popularity import TypedPopularity
    from conv4rec.cli.progress import progress_bar
    from conv4rec.cli.service import rarest_type
    from conv4rec.data.event_splits import split_events
    from conv4rec.evaluate.event_protocol import evaluate_events
    from conv4rec.recommender.event_scorer import ConvEventScorer

    timed = "timestamp" in frame.columns and not frame["timestamp"].null_count()
    split = split_events(frame, "time" if timed else f"r{seed}", name=name)
    if user is not None:
        split.train.users.number(user)  # unknown? say so before the training
    for line in split.train.report.lines():
        say(line, indent=2)
    held = "the latest tenth" if timed else "a random tenth"
    say()
    say(f"Training on {split.train.counts.sum():,} events; {held} of all events is held out.")
    with progress_bar() as on_progress:
        model = Conv4Rec(seed=seed, **settings).fit(split.train, on_progress=on_progress)
    target = rarest_type(split.test if len(split.test) else split.train)
    columns = {"conv4rec": evaluate_events(ConvEventScorer(model), split)}
    columns["own events"] = evaluate_events(OwnEvents(converting=True).fit(split.train), split)
    columns["popularity"] = evaluate_events(TypedPopularity().fit(split.train), split)
    say()
    say(f"The next {target}, on the held-out events, beside rules of thumb:")
    _show(columns, target)
    return model, split, target, _user(split, target) if user is None else user


def show_user_of_types(
    model: Any, split: EventSplit, target: str, user: int | str, titles: Mapping[Any, str]
) -> None:
    """The next items of one user by one type, with why, and what the user really did."""
    from conv4rec.cli.event_output import list_legend, show_event_list
    from conv4rec.data.titles import with_titles

    held = split.test.take_users(np.array([split.test.users.number(user)]))
    did = held.to_frame().group_by("item_id", maintain_order=True).agg("type")
    marks = {item: ", ".join(types) for item, types in did.iter_rows()}
    say()
    say(f"User {user}. {list_legend('type:' + target)} Held out: what the user did.")
    frame = model.recommend([user], K, by=f"type:{target}", reasons=REASONS)
    show_event_list(with_titles(frame, titles), marks, with_ids=False)
    say()


def show_next_of_types(out: str, target: str, user: int | str, titles: str | None) -> None:
    """Commands to try on the saved model."""
    named = f" --titles {shlex.quote(titles)}" if titles else ""
    model, by = shlex.quote(out), shlex.quote(target)
    command(f"conv4rec explain {model}")
    whom = f"--user={shlex.quote(str(user))}"
    command(f"conv4rec recommend {model} {whom} --by {by} --reasons 2{named}")
    command(f"conv4rec recommend {model} --all --by {by} -k 20 --out next.parquet")


def _show(columns: Mapping[str, Any], target: str) -> None:
    table = Table(["metric", *columns, "meaning"], ("metric", "meaning"), elastic="meaning")
    for name, (arrow, meaning) in MEANINGS.items():
        values = [
            found.metrics.get(f"{name}/{target}", found.metrics.get(name))
            for found in columns.values()
        ]
        table.add(f"{name} {arrow}", *[figure(value, 4) for value in values], meaning)
    table.show()


def _user(split: EventSplit, target: str) -> int | str:
    """A user of typical activity with a held-out event of the type."""
    held = split.test.of_types([target])
    having = np.flatnonzero(np.diff(held.starts) * np.diff(split.given.starts))
    active = np.diff(split.given.starts)[having]
    chosen = having[np.argsort(active, kind="stable")[len(having) // 2]] if len(having) else 0
    return split.given.users.ids(np.array([chosen]))[0]
