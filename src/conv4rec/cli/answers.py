"""Recommendations and predictions on the screen: one line an item, level probabilities as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conv4rec.cli.console import say
from conv4rec.cli.tables import Table, percent

if TYPE_CHECKING:
    import polars as pl

    from conv4rec.data import Levels

BARS = "▁▂▃▄▅▆▇█"
RATING = "p_rating_"
MOST_ROWS = 50  # of a frame on the screen; files have no such limit
MOST_REASONS = 20  # items whose reasons are printed
TEXT = ("user_id", "item_id", "title", "ratings", "held out")


def bars(probabilities: Sequence[float]) -> str:
    """One bar a rating level, lowest level first; the likeliest level is a full block.

    >>> bars([0.05, 0.1, 0.2, 0.4, 0.25])
    '▂▃▅█▅'
    """
    top = max(max(probabilities, default=0.0), 1e-12)
    return "".join(
        BARS[min(7, max(0, round(7 * probability / top)))] for probability in probabilities
    )


def legend(levels: Levels, like_threshold: float | None = None) -> str:
    """What the columns of `show_answers` mean."""
    text = "P(consume): probability to be the next item consumed."
    if levels.n_levels == 1:
        return text
    like = levels.like_threshold(like_threshold)
    return (
        f"{text} Bars: probability of each rating, from {levels.labels[0]} to "
        f"{levels.labels[-1]}. P(like): probability of a rating of {like:g} or more."
    )


def show_answers(
    frame: pl.DataFrame, held_out: Mapping[Any, str] | None = None, with_ids: bool = True
) -> None:
    """Print recommendations or predictions.

    Args:
        frame: As `Conv4Rec.recommend` and `predict` return it, with or without a title column.
        held_out: What a user really did with an item, by item id, for a last column.
        with_ids: Whether item ids are shown where there are titles.
    """
    levels = [name for name in frame.columns if name.startswith(RATING)]
    headers = _headers(frame, len(levels), with_ids) + (["held out"] if held_out else [])
    elastic = "title" if "title" in frame.columns else "item_id"
    n_keys = 2 if headers[:2] == ["user_id", "rank"] else 1
    table = Table(headers, TEXT, elastic, n_keys)
    for row in frame.head(MOST_ROWS).iter_rows(named=True):
        cells = {
            "user_id": str(row["user_id"]),
            "rank": str(row.get("rank", "")),
            "item_id": str(row["item_id"]),
            "title": row.get("title") or f"(item {row['item_id']})",
            "P(consume)": percent(row["p_consume"]),
            "place": f"{row.get('consume_rank') or 0:,}",
            "ratings": bars([row[level] for level in levels]),
            "expected": f"{row['expected_rating']:.2f}",
            "P(like)": percent(row["p_like"]),
            "P(like), 90%": with_interval(row),
            "held out": (held_out or {}).get(row["item_id"], ""),
        }
        table.add(*[cells[header] for header in headers])
    table.show()
    if frame.height > MOST_ROWS:
        say(f"... and {frame.height - MOST_ROWS:,} more rows: --out writes them all")


def _headers(frame: pl.DataFrame, n_levels: int, with_ids: bool) -> list[str]:
    headers = [name for name in ("user_id", "rank", "item_id", "title") if name in frame.columns]
    if "rank" in frame.columns and frame["user_id"].n_unique() == 1:
        headers.remove("user_id")
    if "title" in frame.columns and not with_ids:
        headers.remove("item_id")
    of_discoveries = "consume_rank" in frame.columns
    headers += ["P(consume)", "place"] if of_discoveries else ["P(consume)"]
    if n_levels > 1:
        headers += ["ratings"] if of_discoveries else ["ratings", "expected"]
        has_interval = "p_like_low" in frame.columns and frame["p_like_low"].null_count() == 0
        headers += ["P(like), 90%"] if has_interval else ["P(like)"]
    return headers


def with_interval(row: Mapping[str, Any]) -> str:
    """P(like) and its interval, in whole percents; nothing where there is no interval."""
    if row.get("p_like_low") is None:
        return ""
    low, high = (f"{100 * row[name]:.0f}" for name in ("p_like_low", "p_like_high"))
    return f"{row['p_like']:.0%} ({low}-{high})"


def show_reasons(frame: pl.DataFrame, titles: Mapping[Any, str]) -> None:
    """Print the reasons of a list, if it has any: one line an item."""
    columns = [name for name in frame.columns if name.startswith("reason_") and name[-1].isdigit()]
    if not columns:
        return
    of_many = frame["user_id"].n_unique() > 1
    say()
    say("Because of, in order:")
    for row in frame.head(MOST_REASONS).iter_rows(named=True):
        named = [titles.get(row[name], str(row[name])) for name in columns if row[name] is not None]
        whose = f"{row['user_id']} " if of_many else ""
        say(f"{whose}{row['rank']}. {'; '.join(named) or 'nothing in the history'}", indent=2)
