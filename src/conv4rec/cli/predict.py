"""The command `predict`: both answers for given pairs of a user and an item."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import print_json, say
from conv4rec.cli.reading import reads_tables


@reads_tables
def predict(
    model: options.Model,
    pairs: Annotated[
        str, typer.Argument(metavar="PAIRS", help="A table with the columns user_id and item_id.")
    ],
    history: options.History = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Add a 90% interval of P(like).")
    ] = False,
    titles: options.Titles = None,
    out: options.Out = None,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Both answers for given pairs of a user and an item.

    \b
    Example:
      conv4rec predict my-model pairs.csv
      conv4rec predict my-model pairs.csv --intervals
      conv4rec predict my-model pairs.csv --history newcomers.csv --out answers.csv
    """
    from conv4rec.cli import service
    from conv4rec.cli.answers import legend, show_answers
    from conv4rec.cli.writing import check_out, tell_written, write_frames
    from conv4rec.data.titles import with_titles

    if out is not None:
        check_out(out)
    served = service.load_model(model)
    users = service.users_from_words(served, None, history, reading, of_several=True)
    rows = service.read_rows(served, pairs, reading, pairs=True, of_several=history is not None)
    frame = served.predict(rows, users=users, intervals=intervals)
    frame = with_titles(frame, service.load_titles(titles, served.interactions_.items, reading))
    if out is not None:
        tell_written(write_frames([frame], out), out, as_json)
    elif as_json:
        print_json({"model": model, "predictions": frame.to_dicts()})
    elif "p_consume" not in frame.columns:
        from conv4rec.cli.event_output import show_pairs

        show_pairs(frame)
    else:
        say(legend(served.interactions_.levels, served.like_threshold))
        show_answers(frame)
