"""Answers on the screen for logs with types: lists by a type, associations, contributions."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import TYPE_CHECKING, Any

from conv4rec.cli.console import say
from conv4rec.cli.tables import Table, percent

if TYPE_CHECKING:
    import polars as pl

MOST_ROWS = 50  # of a list or a table of pairs on the screen
MOST_PARTS = 20  # events of a history on the screen; --json has them all
OF_PAIRS = ("p_next", "p_", "share_")


def show_event_list(
    frame: pl.DataFrame, marks: Mapping[Any, str] | None = None, with_ids: bool = True
) -> None:
    """Print lists by a type, one line an item, with the reasons if there are any.

    Args:
        frame: As `Conv4Rec.recommend` returns it, with or without a title column.
        marks: What a user really did with an item, by item id, for a last column.
        with_ids: Whether item ids are shown where there are titles.
    """
    column = next(name for name in frame.columns if name.startswith("p_"))
    heading = f"P({column[2:]})"
    reasons = [name for name in frame.columns if name.startswith("reason_") and name[-1].isdigit()]
    titled = "title" in frame.columns
    headers = ["user_id"] if frame["user_id"].n_unique() > 1 else []
    headers += ["rank", *(["item_id"] if with_ids or not titled else []), *(["title"] * titled)]
    headers += [heading, *["because of"] * bool(reasons), *["held out"] * bool(marks)]
    left = ("user_id", "item_id", "title", "because of", "held out")
    table = Table(headers, left, "because of" if reasons else headers[-2], 1)
    for row in frame.head(MOST_ROWS).iter_rows(named=True):
        cells = {
            **{name: str(row[name]) for name in ("user_id", "rank", "item_id")},
            "title": row.get("title") or f"(item {row['item_id']})",
            heading: percent(row[column]),
            "because of": _because(row, reasons),
            "held out": (marks or {}).get(row["item_id"], ""),
        }
        table.add(*[cells[header] for header in headers])
    table.show()
    if frame.height > MOST_ROWS:
        say(f"... and {frame.height - MOST_ROWS:,} more rows: --out writes them all")


def list_legend(by: str) -> str:
    """What the column of `show_event_list` means."""
    if by in ("next", "consume"):
        return "P(next): probability that the next event, of any type, is with the item."
    name = by.removeprefix("type:")
    return f"P({name}): probability of the item, if the user's next event is of the type {name}."


def show_pairs(frame: pl.DataFrame) -> None:
    """Print predictions of pairs for a log with types."""
    say(
        "p_<type>: probability of the item, if the next event is of the type; p_next: of any type; "
        "share_<type>: probability of the type, if the next event is with the item."
    )
    names = [name for name in frame.columns if name.startswith(OF_PAIRS)]
    headers = [name for name in ("user_id", "item_id", "title") if name in frame.columns]
    table = Table([*headers, *names], tuple(headers), headers[-1], 2)
    for row in frame.head(MOST_ROWS).iter_rows(named=True):
        values = [percent(row[name]) if row[name] is not None else "-" for name in names]
        table.add(*[str(row[name] or "") for name in headers], *values)
    table.show()


def show_associations(associations: pl.DataFrame) -> None:
    """Print what was done with an item and what comes next with it, in words and numbers."""
    say(
        "What was done with an item, and what comes next with it, as learnt from events that were "
        "held out in training:"
    )
    say()
    for row in associations.sort("times", descending=True).iter_rows(named=True):
        say(_sentence(row), indent=2)
    say()
    table = Table(["done", "next", "times", "share", "chance"], ("done", "next"))
    for row in associations.iter_rows(named=True):
        shares = [percent(row[name]) for name in ("share", "chance")]
        table.add(row["done"], row["next"], times_text(row["times"]), *shares)
    table.show()
    say(
        "times: how many times likelier the model makes the next event on an item because of what "
        "was done with it, all else equal. share: of the held-out events, on how many items it was "
        "done before. chance: what that share would be if items came at random."
    )


def show_event_contributions(parts: pl.DataFrame, by: str, name: str) -> None:
    """Print the contributions of a user's events, as `Conv4Rec.explain` gives them by a type."""
    base, inputs = parts["contribution"][0], parts[1:]
    score = float(parts["contribution"].sum())
    say(
        f"{name}: {exp(score):.3g} times as likely as a typical item to be the next {by} "
        f"(log {score:+.2f})."
    )
    say(f"{base:+.2f} of it without the history (the baseline); each event of the history adds:")
    if inputs.height > MOST_PARTS:
        half = MOST_PARTS // 2
        say(f"(the {half} that add most, and the {half} that add least)", indent=2)
        inputs = inputs.head(half).vstack(inputs.tail(half))
    table = Table(["item_id", "title", "type", "adds"], ("item_id", "title", "type"), "title")
    for row in inputs.iter_rows(named=True):
        cells = (str(row["item_id"]), row.get("title") or "", row["type"])
        table.add(*cells, f"{row['contribution']:+.3f}")
    table.show()


def _because(row: Mapping[str, Any], reasons: list[str]) -> str:
    """The reasons of an item: "view of this item; buy of 17"."""
    found = []
    for name in reasons:
        if row[name] is not None:
            item = "this item" if row[name] == row["item_id"] else str(row[name])
            found.append(f"{row[f'{name}_type']} of {item}")
    return "; ".join(found) or "nothing in the history"


def _sentence(row: Mapping[str, Any]) -> str:
    done, following, times = row["done"], row["next"], row["times"]
    if times == 0:
        return f"{done}, then {following}: not again on the same item."
    more = (
        f"{times_text(max(times, 1 / times))} times {'likelier' if times >= 1 else 'less likely'}"
    )
    return (
        f"{done}, then {following}: {more}; {percent(row['share'])} of {following} events are on "
        f"such items, {percent(row['chance'])} would be by chance."
    )


def times_text(times: float) -> str:
    """A factor with two significant digits, or as a whole number from 10 on."""
    if times >= 9.95 or times == 0:
        return f"{times:,.0f}"
    return f"{times:.1f}" if times >= 0.095 else f"{times:.2g}"
