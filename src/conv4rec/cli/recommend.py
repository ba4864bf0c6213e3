"""The command `recommend`: lists of items for users."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import print_json, say
from conv4rec.cli.reading import reads_tables
from conv4rec.errors import SettingError


@reads_tables
def recommend(
    model: options.Model,
    user: Annotated[
        list[str] | None, typer.Option(help="A user of the training data (repeatable).")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every user of the training data; needs --out.")
    ] = False,
    history: options.History = None,
    k: Annotated[int, typer.Option("-k", help="Items of a list.")] = 10,
    by: Annotated[
        str, typer.Option(help=f"What to rank by: {options.ORDERS}; or a type.")
    ] = "consume",
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|FILE", help="List nothing else: ids, or files of ids."),
    ] = None,
    block: Annotated[
        list[str] | None, typer.Option(metavar="ID|FILE", help="Never list these.")
    ] = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="List items of the history too.")
    ] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE", help="By a type: leave out what has this type (repeatable)."),
    ] = None,
    novelty: options.Novelty = options.NOVELTY,
    confidence: options.Confidence = options.CONFIDENCE,
    min_p_like: options.MinLike = None,
    limit_exposure: options.LimitExposure = True,
    reasons: Annotated[
        int, typer.Option(help="Items of the history to name that speak most for each item.")
    ] = 0,
    titles: options.Titles = None,
    out: options.Out = None,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """List the items that users consume next, or like, or would not find but like.

    \b
    Example:
      conv4rec recommend my-model --user 42 --by discover -k 5
      conv4rec recommend my-model --history newcomers.csv --titles items.csv
      conv4rec recommend shop --user ann --by buy --exclude buy --reasons 2
      conv4rec recommend my-model --all -k 100 --out recommendations.parquet
    """
    from conv4rec.cli import parsing, service
    from conv4rec.cli.writing import check_out, tell_written, write_frames
    from conv4rec.data.titles import with_titles

    if (bool(user) + all_ + (history is not None)) != 1:
        raise SettingError("say for whom: --user ID, --history FILE or --all")
    if all_ and out is None:
        raise SettingError("--all makes a table for everyone: say where with --out FILE")
    if out is not None:
        check_out(out)
    served = service.load_model(model)
    items = served.interactions_.items
    blocks = served.recommend_blocks(
        service.users_from_words(served, user, history, reading, of_several=bool(allow or block)),
        k,
        by=by,
        exclude_seen=not include_seen,
        exclude=exclude,
        allow=parsing.ids_from_words(allow or [], items, reading),
        block=parsing.ids_from_words(block or [], items, reading),
        novelty=parsing.number_or_word(novelty),
        confidence=confidence,
        min_p_like=min_p_like,
        limit_exposure=limit_exposure,
        reasons=reasons,
    )
    names = service.load_titles(titles, items, reading)
    frames = (with_titles(frame, names) for frame in blocks)
    if out is not None:
        tell_written(write_frames(frames, out), out, as_json)
        return
    import polars as pl

    frame = pl.concat(list(frames))
    if as_json:
        head = {"model": model, "by": by, "k": k}
        print_json({**head, "recommendations": frame.to_dicts()})
    elif frame.height == 0:
        say("Nothing is left to recommend.")
    elif "p_consume" not in frame.columns:
        from conv4rec.cli.event_output import list_legend, show_event_list

        say(f"Ranked by {by}. {list_legend(by)}")
        show_event_list(frame)
    else:
        from conv4rec.cli.answers import legend, show_answers, show_reasons

        say(f"Ranked by {by}. {legend(served.interactions_.levels, served.like_threshold)}")
        show_answers(frame)
        show_reasons(frame, names)
