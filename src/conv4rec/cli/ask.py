"""Commands that ask a saved model: recommend, predict and explain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import print_json, say
from conv4rec.errors import SettingError

if TYPE_CHECKING:
    import polars as pl

    from conv4rec.recommender import Conv4Rec, Profile

# As in the library, which is not loaded for --help; a test holds them equal.
CONFIDENCE = 0.8
ORDERS = "consume, like, rating, consume_and_like, discover"


def recommend(
    model: options.Model,
    user: Annotated[
        list[str] | None, typer.Option(help="A user of the training data (repeatable).")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every user of the training data; needs --out.")
    ] = False,
    history: options.History = None,
    k: Annotated[int, typer.Option("-k", help="How many items for each person.")] = 10,
    by: Annotated[str, typer.Option(help=f"What to rank by: {ORDERS}.")] = "consume",
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
    novelty: options.Novelty = "0.9",
    confidence: options.Confidence = CONFIDENCE,
    min_p_like: options.MinLike = None,
    limit_exposure: options.LimitExposure = True,
    reasons: Annotated[
        int, typer.Option(help="Items of the history to name that speak most for each item.")
    ] = 0,
    titles: options.Titles = None,
    out: options.Out = None,
    as_json: options.AsJson = False,
) -> None:
    """List the items a person would pick next, or like, or love but hardly find.

    \b
    Example:
      conv4rec recommend my-model --user 42 --by discover -k 5
      conv4rec recommend my-model --history newcomers.csv --titles items.csv
      conv4rec recommend my-model --all -k 100 --out recommendations.parquet
    """
    from conv4rec.cli import parsing as words
    from conv4rec.cli import service
    from conv4rec.cli.explain_output import show_reasons
    from conv4rec.cli.tables import show_answers
    from conv4rec.cli.writing import check_out, write_frames

    if (bool(user) + all_ + (history is not None)) != 1:
        raise SettingError("say for whom: --user ID, --history FILE or --all")
    if all_ and out is None:
        raise SettingError("--all makes a table for everyone: say where with --out FILE")
    if out is not None:
        check_out(out)
    served = service.load_model(model)
    blocks = served.recommend_blocks(
        _people(served, user, history),
        k,
        by=by,  # type: ignore[arg-type]
        exclude_seen=not include_seen,
        allow=words.ids_from_words(allow or [], _items(served)),
        block=words.ids_from_words(block or [], _items(served)),
        novelty=words.number_or_word(novelty),
        confidence=confidence,
        min_p_like=min_p_like,
        limit_exposure=limit_exposure,
        reasons=reasons,
    )
    names = service.load_titles(titles, _items(served))
    named = _named(blocks, names)
    if out is not None:
        written = write_frames(named, out)
        _tell_written(as_json, out, written.n_rows, written.n_users)
        return
    frame = _joined(named)
    if as_json:
        head = {"model": model, "by": by, "k": k}
        print_json({**head, "recommendations": frame.to_dicts()})
    elif frame.height == 0:
        say("Nothing is left to recommend.")
    else:
        say(_headline(served, by))
        show_answers(frame)
        show_reasons(frame, names)


def predict(
    model: options.Model,
    pairs: Annotated[
        str, typer.Argument(metavar="PAIRS", help="A table with the columns user_id and item_id.")
    ],
    history: options.History = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Say how sure P(like) is: a 90% interval.")
    ] = False,
    titles: options.Titles = None,
    out: options.Out = None,
    as_json: options.AsJson = False,
) -> None:
    """Both answers for given pairs of a user and an item.

    \b
    Example:
      conv4rec predict my-model pairs.csv
      conv4rec predict my-model pairs.csv --intervals
      conv4rec predict my-model pairs.csv --history newcomers.csv --out answers.csv
    """
    from conv4rec.cli import service
    from conv4rec.cli.tables import show_answers
    from conv4rec.cli.writing import check_out, write_frames

    if out is not None:
        check_out(out)
    served = service.load_model(model)
    frame = served.predict(pairs, users=history, intervals=intervals)
    frame = service.with_titles(frame, service.load_titles(titles, _items(served)))
    if out is not None:
        write_frames([frame], out)
        _tell_written(as_json, out, frame.height, frame["user_id"].n_unique())
    elif as_json:
        print_json({"model": model, "predictions": frame.to_dicts()})
    else:
        say(_headline(served))
        show_answers(frame)


def explain(
    model: options.Model,
    user: Annotated[str | None, typer.Option(help="A user of the training data.")] = None,
    history: options.History = None,
    item: Annotated[
        str | None, typer.Option(help="Why this item's score is what it is, for that person.")
    ] = None,
    by: Annotated[
        str, typer.Option(help="Of --item: which score, consume, like or discover.")
    ] = "like",
    titles: options.Titles = None,
    as_json: options.AsJson = False,
) -> None:
    """What each rating means to the model and, for one person, what it sees in them.

    \b
    Example:
      conv4rec explain my-model
      conv4rec explain my-model --user 42 --titles items.csv
      conv4rec explain my-model --user 42 --item 7 --by consume
    """
    from conv4rec.cli import service
    from conv4rec.cli.explain_output import profile_facts, show_kernels, show_profile

    if user is not None and history is not None:
        raise SettingError("explain is of one person: give --user or --history, not both")
    if item is not None and user is None and history is None:
        raise SettingError("--item is explained for a person: give --user or --history too")
    served = service.load_model(model)
    if item is not None:
        _explain_item(served, _people(served, [user] if user else None, history), item, by, titles,
                      as_json)  # fmt: skip
        return
    kernels = served.kernels()
    names = service.load_titles(titles, _items(served))
    profile: Profile | None = None
    if user is not None or history is not None:
        profile = served.profile(_people(served, [user] if user else None, history))
    if as_json:
        facts = {"model": model, "kernels": kernels.to_dicts()}
        print_json(facts | ({"profile": profile_facts(profile, names)} if profile else {}))
    elif profile is not None:
        show_profile(profile, names)
    else:
        show_kernels(served, kernels)


def discover(
    model: options.Model,
    out: Annotated[
        str, typer.Option(metavar="FILE", help="A .html page, or a .svg or .png picture.")
    ],
    user: Annotated[str | None, typer.Option(help="A user of the training data.")] = None,
    history: options.History = None,
    k: Annotated[int, typer.Option("-k", help="How many picks and finds to mark.")] = 5,
    novelty: options.Novelty = "0.9",
    confidence: options.Confidence = CONFIDENCE,
    min_p_like: options.MinLike = None,
    titles: options.Titles = None,
    as_json: options.AsJson = False,
) -> None:
    """Draw one person: every item at P(pick) and P(like), natural picks and finds named.

    The page opens in a browser without a network and tells of each dot under the pointer.

    \b
    Example:
      conv4rec discover my-model --user 42 --out ann.html --titles items.csv
      conv4rec discover my-model --user 42 --out ann.png --novelty 100 -k 8
    """
    from conv4rec.cli import parsing as words
    from conv4rec.cli import service
    from conv4rec.cli.user_plot import user_plot_of
    from conv4rec.cli.user_plot_page import check_picture, write_user_plot
    from conv4rec.recommender.discovery import DiscoveryCriteria

    if (user is None) == (history is None):
        raise SettingError("a picture is of one person: give --user or --history")
    check_picture(out)
    served = service.load_model(model)
    user_plot = user_plot_of(
        served,
        _people(served, [user] if user else None, history),
        k,
        DiscoveryCriteria(words.number_or_word(novelty), confidence, min_p_like),
        service.load_titles(titles, _items(served)),
    )
    write_user_plot(user_plot, out)
    n_items, n_finds = user_plot.items.height, len(user_plot.criteria)
    if as_json:
        print_json({"out": out, "user": user_plot.user, "items": n_items, "finds": n_finds})
    else:
        say(f"Drew {n_items:,} items and {n_finds} finds of user {user_plot.user} to {out}.")


def _explain_item(
    served: Conv4Rec, person: Any, item: str, by: str, titles: str | None, as_json: bool
) -> None:
    from conv4rec.cli import parsing as words
    from conv4rec.cli import service
    from conv4rec.cli.explain_output import show_parts

    number = words.id_from_text(item, _items(served))
    parts = served.explain(person, number, by=by)  # type: ignore[arg-type]
    names = service.load_titles(titles, _items(served))
    parts = service.with_titles(parts, names)
    if as_json:
        score = float(parts["contribution"].sum())
        print_json({"item_id": number, "by": by, "score": score, "parts": parts.to_dicts()})
    else:
        show_parts(parts, by, names.get(number, str(number)))


def _items(served: Conv4Rec) -> Any:
    return served.interactions_.items


def _people(served: Conv4Rec, user: Sequence[str] | None, history: str | None) -> Any:
    """What the library's `users` argument means by the options given."""
    from pathlib import Path

    from conv4rec.cli import parsing as words

    if history is not None:
        return Path(history)  # a Path is never taken for the id of a user
    if user:
        return [words.id_from_text(word, served.interactions_.users) for word in user]
    return None


def _named(blocks: Iterator[pl.DataFrame], titles: dict[Any, str]) -> Iterator[pl.DataFrame]:
    from conv4rec.cli import service

    return (service.with_titles(frame, titles) for frame in blocks)


def _joined(frames: Iterator[pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    return pl.concat(list(frames))


def _headline(served: Conv4Rec, by: str | None = None) -> str:
    levels = served.interactions_.levels
    order = f"Ranked by {by}. " if by else ""
    like = levels.like_threshold(served.like_threshold)
    return (
        f"{order}P(pick): chance to be the next item; bars: chance of each rating, "
        f"{levels.labels[0]} to {levels.labels[-1]}; P(like): of {like:g} or more."
    )


def _tell_written(as_json: bool, out: str, n_rows: int, n_users: int) -> None:
    if as_json:
        print_json({"out": out, "rows": n_rows, "users": n_users})
    else:
        say(f"Wrote {n_rows:,} rows for {n_users:,} users to {out}.")
