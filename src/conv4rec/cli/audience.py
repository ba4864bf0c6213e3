"""The command `audience`: the people for an item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import print_json, say
from conv4rec.cli.reading import reads_tables

if TYPE_CHECKING:
    import polars as pl


@reads_tables
def audience(
    model: options.Model,
    item: Annotated[str, typer.Option(help="The item that people are sought for.")],
    k: Annotated[int, typer.Option("-k", help="How many people.")] = 10,
    by: Annotated[str, typer.Option(help=f"What to rank by: {options.ORDERS}.")] = "discover",
    history: options.History = None,
    confidence: options.Confidence = options.CONFIDENCE,
    titles: options.Titles = None,
    out: options.Out = None,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """List the people for an item: those who would love it and would hardly find it.

    Among the users of the training data, or those of --history.

    \b
    Example:
      conv4rec audience my-model --item 50
      conv4rec audience my-model --item 50 --by like -k 100 --out people.csv
    """
    from conv4rec.cli import parsing, service
    from conv4rec.cli.writing import check_out, tell_written, write_frames

    if out is not None:
        check_out(out)
    served = service.load_model(model)
    items = served.check_fitted().items
    number = parsing.id_from_text(item, items)
    users = service.users_from_words(served, None, history, reading)
    found = served.audience(number, k, users=users, by=by, confidence=confidence)  # type: ignore[arg-type]  # checked there
    name = service.load_titles(titles, items, reading).get(number, item)
    if out is not None:
        tell_written(write_frames(iter([found]), out), out, as_json)
    elif as_json:
        print_json({"item_id": number, "by": by, "audience": found.to_dicts()})
    elif not found.height:
        say(f"Nobody is found for {name}: those who would love it may come to it alone.")
    else:
        from conv4rec.cli.answers import legend

        levels = served.interactions_.levels
        say(f"For {name}, ranked by {by}. {legend(levels, served.like_threshold)}")
        _show(found)


def _show(found: pl.DataFrame) -> None:
    from conv4rec.cli.answers import RATING, bars, with_interval
    from conv4rec.cli.tables import Table, percent

    levels = [name for name in found.columns if name.startswith(RATING)]
    table = Table(
        ["rank", "user_id", "P(consume)", "ratings", "P(like)"],
        ("user_id", "ratings"),
        "user_id",
        2,
    )
    for row in found.iter_rows(named=True):
        chances = bars([row[level] for level in levels])
        like = with_interval(row) or percent(row["p_like"])
        table.add(str(row["rank"]), str(row["user_id"]), percent(row["p_consume"]), chances, like)
    table.show()
