"""The command `plot`: a picture of one user."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import print_json, say
from conv4rec.cli.reading import reads_tables
from conv4rec.errors import SettingError


@reads_tables
def plot(
    model: options.Model,
    out: Annotated[str, typer.Option(metavar="FILE", help="A .svg or .png picture.")],
    user: options.User = None,
    history: options.History = None,
    k: Annotated[
        int, typer.Option("-k", help="How many likely items and discoveries to mark.")
    ] = 5,
    novelty: options.Novelty = options.NOVELTY,
    confidence: options.Confidence = options.CONFIDENCE,
    min_p_like: options.MinLike = None,
    titles: options.Titles = None,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Draw one user: every unseen item at P(consume) and P(like), the best ones named.

    `conv4rec explore` writes a page that describes each dot under the pointer. Of a model of a
    log with types, and without a user: what was done with an item against what comes next.

    \b
    Example:
      conv4rec plot my-model --user 42 --out ann.svg --titles items.csv
      conv4rec plot my-model --user 42 --out ann.png --novelty 100 -k 8
      conv4rec plot shop --out types.png
    """
    from conv4rec.cli import parsing, service
    from conv4rec.cli.association_picture import write_associations
    from conv4rec.cli.user_plot import user_plot_of
    from conv4rec.cli.user_plot_picture import check_picture, write_user_plot
    from conv4rec.recommender.discovery import DiscoveryCriteria

    if user is not None and history is not None:
        raise SettingError("a picture is of one user: give --user or --history, not both")
    check_picture(out)
    served = service.load_model(model)
    if user is None and history is None:
        if served.events_ is None:
            raise SettingError("a picture is of one user: give --user or --history")
        associations = served.kernels()
        write_associations(associations, out)
        if as_json:
            print_json({"out": out, "associations": associations.to_dicts()})
        else:
            say(f"Drew what was done with an item against what comes next to {out}.")
        return
    user_plot = user_plot_of(
        served,
        service.users_from_words(served, [user] if user else None, history, reading),
        k,
        DiscoveryCriteria(parsing.number_or_word(novelty), confidence, min_p_like),
        service.load_titles(titles, served.interactions_.items, reading),
    )
    write_user_plot(user_plot, out)
    n_items, found = user_plot.items.height, len(user_plot.discoveries)
    if as_json:
        print_json({"out": out, "user": user_plot.user, "items": n_items, "discoveries": found})
    else:
        say(f"Drew {n_items:,} items and {found} discoveries of user {user_plot.user} to {out}.")
